import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import pino from 'pino';
import { startKafka } from '../../src/embedded';
import { createKafkaAdmin, type KafkaConnection, topicDefinitions, topicNames, type TopicNames } from '../../src/log';

export const PARTITIONS = 8;
const HEAP_MB = 1024;

export interface BenchCluster {
  readonly brokers: readonly string[];
  readonly connection: KafkaConnection;
  /** For a measurement's files. */
  readonly folder: string;
  /** The topics of one measurement; with `events`, it reads another measurement's events. */
  createTopics(prefix: string, events?: string): Promise<TopicNames>;
  /** The size of the topic's partitions on the broker's disk, bytes. */
  bytesOf(topic: string): Promise<number>;
  stop(): Promise<void>;
}

export function connectionTo(brokers: readonly string[]): KafkaConnection {
  return { brokers, clientId: 'queuefold-bench', logger: pino({ level: 'warn' }, pino.destination(2)) };
}

/** A real broker with its own data, which are removed afterwards. */
export async function startCluster(): Promise<BenchCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'queuefold-bench-'));
  const kafka = await startKafka({ dataDir: folder, heapMb: HEAP_MB });
  const connection = connectionTo(kafka.brokers);
  return {
    brokers: kafka.brokers,
    connection,
    folder,
    createTopics: async (prefix, events) => {
      const names = topicNames(prefix);
      const admin = await createKafkaAdmin(connection);
      const definitions = topicDefinitions(names, 1);
      await admin.setupTopics({ definitions, partitions: PARTITIONS, replicationFactor: 1, dryRun: false });
      await admin.close();
      return events === undefined ? names : { ...names, events };
    },
    bytesOf: (topic) => bytesOf(folder, topic),
    stop: async () => {
      await kafka.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function bytesOf(folder: string, topic: string): Promise<number> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const segments = files.filter(
    ({ name, parentPath }) => name.endsWith('.log') && basename(parentPath).replace(/-\d+$/, '') === topic,
  );
  const sizes = await Promise.all(segments.map(({ name, parentPath }) => stat(join(parentPath, name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}
