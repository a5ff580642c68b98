import { expect } from '@jest/globals';
import { createKafkaLog, type Log } from '../../../src/log';
import { claimEpoch } from '../../../src/store';
import { createStockAdmin } from '../kafka/kafka-admin';
import { ownKafkaForTests } from '../services/services';
import { startTestSink, type StartedSink, until } from './sink';
import { storeForTests, type TestStore } from './store';
import { QUIET } from './store-rows';

type Sink = StartedSink['sink'];

/** A broker of its own, and sinks that store its topics. */
export interface KafkaSinkScene {
  readonly tests: TestStore;
  readonly kafka: Awaited<ReturnType<typeof ownKafkaForTests>>;
  readonly admin: Awaited<ReturnType<typeof createStockAdmin>>;
  readonly log: Log;
  /** A compacted topic with a name of its own. */
  newTopic(partitions: number, config?: Readonly<Record<string, string>>): Promise<string>;
  /** A state of null is a tombstone. */
  put(topic: string, ...changes: readonly (readonly [key: string, state: string | null])[]): Promise<void>;
  /** A sink of a topic in an epoch. It often checks whether the topic went back. */
  startOn(topic: string): Promise<Sink>;
  /** Resolves when the sink has stored what is in the topic now. */
  hasStored(topic: string, sink: Sink): Promise<void>;
  endsWith(sink: Sink, message: RegExp): Promise<void>;
  dispose(): Promise<void>;
}

export async function openKafkaSinkScene(): Promise<KafkaSinkScene> {
  const tests = await storeForTests();
  const kafka = await ownKafkaForTests({ overrides: { 'log.cleaner.backoff.ms': '200' } });
  const admin = await createStockAdmin(kafka.brokers);
  const log = createKafkaLog({ brokers: kafka.brokers, clientId: 'test', logger: QUIET });
  let topics = 0;
  return {
    ...{ tests, kafka, admin, log },
    newTopic: async (partitions, config = {}) => {
      const topic = `state-${++topics}`;
      await admin.createTopic(topic, partitions, { 'cleanup.policy': 'compact', ...config });
      return topic;
    },
    put: async (topic, ...changes) => {
      const producer = await log.createProducer();
      await producer.send(
        changes.map(([key, state]) => ({
          topic,
          key,
          value: state === null ? null : Buffer.from(JSON.stringify({ state })),
        })),
      );
      await producer.close();
    },
    startOn: async (topic) => {
      const topicId = await log.topicId(topic);
      const epoch = await claimEpoch(tests.store, { topic, id: topicId });
      const noting = { everyMs: 5_000, confirmMs: 3_000 };
      const options = { topic, group: `${topic}-sink`, topicId, epoch, noting, compareEveryMs: 0 };
      return (await startTestSink(tests, log, options)).sink;
    },
    hasStored: async (topic, sink) => {
      const ends = await log.endOffsets(topic);
      await until(
        () => sink.stored(),
        (stored) => [...ends].every(([partition, end]) => (stored.get(partition) ?? 0) >= end),
      );
    },
    endsWith: async (sink, message) => {
      await expect(sink.done).rejects.toThrow(message);
      await sink.stop();
    },
    dispose: async () => {
      await log.close();
      await admin.close();
      await kafka.dispose();
      await tests.close();
    },
  };
}
