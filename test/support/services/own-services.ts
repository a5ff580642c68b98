import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../../src/common';
import type { EmbeddedKafka, EmbeddedRegistry } from '../../../src/embedded';
import type { Environment } from '../processes/role-process';
import { ownKafkaForTests, ownRegistryForTests } from './services';

/** Kafka and the registry for one run, which may stop and break them, and other parts that must end. */
export interface OwnServices {
  readonly kafka: EmbeddedKafka;
  readonly registry: EmbeddedRegistry;
  /** For files; removed at the end. */
  readonly folder: string;
  /** Ends this part with the others, the last one first. */
  own<T>(part: T, end: () => Promise<void>): T;
  /** The settings of a process, with its topics set up. */
  environment(more: Environment): Promise<Environment>;
  /** Ends everything, whatever happened before. */
  dispose(): Promise<void>;
}

export async function setServices(name: string): Promise<OwnServices> {
  const disposers: (() => Promise<void>)[] = [];
  const own: OwnServices['own'] = (part, end) => {
    disposers.push(end);
    return part;
  };
  const dispose = async (): Promise<void> => {
    for (const each of disposers.splice(0).reverse()) {
      await each().catch((error: unknown) => process.stderr.write(`cleaning up: ${String(error)}\n`));
    }
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), `queuefold-${name}-`));
    own(folder, () => rm(folder, { recursive: true, force: true }));
    const [kafka, registry] = await allOf([
      ownKafkaForTests().then((part) => own(part, part.dispose)),
      ownRegistryForTests().then((part) => own(part, part.dispose)),
    ]);
    return {
      ...{ kafka, registry, folder, own, dispose },
      async environment(more) {
        const env: Environment = {
          KAFKA_BROKERS: kafka.brokers.join(','),
          SCHEMA_REGISTRY_URL: registry.url,
          TOPIC_PREFIX: name,
          REPLICATION_FACTOR: '1',
          HTTP_PORT: '0',
          HTTP_HOST: '127.0.0.1',
          DATA_DIR: folder,
          ...more,
        };
        await promisify(execFile)(process.execPath, [join(packageRoot(), 'bin', 'queuefold.js'), 'setup'], {
          env: { PATH: process.env['PATH'], ...env },
        });
        return env;
      },
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Like Promise.all, but when it rejects nothing is still starting. */
async function allOf<T extends readonly Promise<unknown>[]>(
  parts: readonly [...T],
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(parts);
  return Promise.all(parts);
}
