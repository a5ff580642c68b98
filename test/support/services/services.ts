import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type EmbeddedKafka,
  type EmbeddedRegistry,
  type KafkaOptions,
  type RegistryOptions,
  startKafka,
  startRegistry,
} from '../../../src/embedded';
import { SERVICES_URL, SHORT_LIVED_JVM } from './services-host';

/**
 * The Kafka of this test run, shared by all test files: KAFKA_BROKERS, else a container, else an embedded one, started
 * at the first request. Use topic names, groups and transactional ids of your own.
 */
export async function kafkaForTests(): Promise<{ brokers: string[] }> {
  return { brokers: (await askHost('kafka')).split(',') };
}

/**
 * The schema registry of this test run, shared by all test files: SCHEMA_REGISTRY_URL, else in the same way as Kafka.
 */
export async function registryForTests(): Promise<{ url: string }> {
  return { url: await askHost('registry') };
}

/**
 * The host runs in jest's own process (services-setup.ts), while tests may run in several processes, one after another.
 */
async function askHost(service: 'kafka' | 'registry'): Promise<string> {
  const host = process.env[SERVICES_URL];
  if (host === undefined)
    throw new Error('No shared services: does this jest project have services-setup as globalSetup?');
  const answer = await fetch(`${host}/${service}`);
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
}

export interface Own {
  /** Stops it if it runs, and removes its data. */
  dispose(): Promise<void>;
  readonly dataDir: string;
}

/** An embedded Kafka for one test, to kill, restart or configure; always embedded, in a new folder. */
export async function ownKafkaForTests(options: Omit<KafkaOptions, 'dataDir'> = {}): Promise<EmbeddedKafka & Own> {
  const jvmFlags = [...SHORT_LIVED_JVM, ...(options.jvmFlags ?? [])];
  return inOwnFolder((dataDir) => startKafka({ ...options, jvmFlags, dataDir }));
}

/** An embedded registry for one test. */
export async function ownRegistryForTests(
  options: Omit<RegistryOptions, 'dataDir'> = {},
): Promise<EmbeddedRegistry & Own> {
  return inOwnFolder((dataDir) => startRegistry({ ...options, dataDir }));
}

async function inOwnFolder<T extends { stop(): Promise<void> }>(
  start: (dataDir: string) => Promise<T>,
): Promise<T & Own> {
  const dataDir = await mkdtemp(join(tmpdir(), 'queuefold-test-'));
  const remove = () => rm(dataDir, { recursive: true, force: true });
  try {
    const service = await start(dataDir);
    const dispose = async () => {
      await service.stop();
      await remove();
    };
    return Object.assign(service, { dataDir, dispose });
  } catch (error) {
    await remove();
    throw error;
  }
}
