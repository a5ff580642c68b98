import { createRequire } from 'node:module';
import type { createClient } from '@clickhouse/client';
import type { Session } from 'chdb';
import type { ChdbConnection } from 'chdb/connection';
import { messageOf, OperatorError } from '../../common';

/** The connection that the official client takes instead of HTTP. */
export type Connection = NonNullable<NonNullable<Parameters<typeof createClient>[0]>['connection']>;

/** A connection of chdb's own: it also takes an INSERT as bytes. */
export type EngineConnection = Connection & { readonly chdb: Pick<ChdbConnection['chdb'], 'rawInsert'> };

/** The part of chdb, ClickHouse as a library (an optional dependency), that this project uses. */
export interface Engine {
  readonly Session: new (path: string) => Session;
  createChdbConnection(options: { readonly path: string }): EngineConnection;
  /** Resolves when no query runs and every closed connection is gone. */
  drainPending(): Promise<void>;
}

const WITHOUT_CHDB =
  'Either install it (npm install chdb@3.4, on Linux with glibc or macOS, x64 or arm64), or set CLICKHOUSE_URL to use a ' +
  'ClickHouse server. In a container, use the image with the embedded parts (docker build --target queuefold-embedded).';

/** @throws OperatorError if chdb is not installed or does not load here */
export function loadEngine(load: (name: string) => unknown = createRequire(__filename)): Engine {
  try {
    const { Session, drainPending } = load('chdb') as Pick<Engine, 'Session' | 'drainPending'>;
    const { createChdbConnection } = load('chdb/connection') as Pick<Engine, 'createChdbConnection'>;
    return { Session, drainPending, createChdbConnection };
  } catch (error) {
    const [firstLine] = messageOf(error).split('\n');
    throw new OperatorError(`the embedded ClickHouse (chdb) does not load: ${firstLine ?? ''}. ${WITHOUT_CHDB}`);
  }
}
