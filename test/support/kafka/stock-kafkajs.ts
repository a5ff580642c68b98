import { createRequire } from 'node:module';
import { jest } from '@jest/globals';
import type * as Client from '../../../src/log/kafkajs/client';

const load = createRequire(__filename);
type Kafkajs = ReturnType<typeof Client.kafkajs>;

/** kafkajs from npm, or with the repairs. */
export type Variant = 'stock' | 'repaired';

export interface OpenedVariant {
  readonly kafkajs: Kafkajs;
  /** A module of kafkajs by its path below src/. */
  module(path: string): unknown;
}

/**
 * Loads kafkajs again. Do not use the result of an earlier call any more: kafkajs requires many of its modules only
 * when it needs them, and would get them from the other variant.
 */
export function openKafkajs(variant: Variant): OpenedVariant {
  jest.resetModules();
  const kafkajs =
    variant === 'stock'
      ? (load('kafkajs') as Kafkajs)
      : (load('../../../src/log/kafkajs/client') as typeof Client).kafkajs();
  return { kafkajs, module: (path): unknown => load(`kafkajs/src/${path}`) };
}
