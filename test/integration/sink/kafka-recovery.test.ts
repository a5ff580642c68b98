import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { createKafkaLog, type Log, type LogRecord } from '../../../src/log';
import type { SinkOptions } from '../../../src/sink/options';
import { noteAsOf, startTestSink, tableOf, until } from '../../support/clickhouse/sink';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { QUIET } from '../../support/clickhouse/store-rows';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { ownKafkaForTests } from '../../support/services/services';

/** What happens to a topic at a real broker, and the sink behind it. */
const MINUTE_MS = 60_000;
let tests: TestStore;
let kafka: Awaited<ReturnType<typeof ownKafkaForTests>>;
let admin: Awaited<ReturnType<typeof createStockAdmin>>;
let log: Log;
let topics = 0;

beforeAll(async () => {
  tests = await storeForTests();
  kafka = await ownKafkaForTests({ overrides: { 'log.cleaner.backoff.ms': '200' } });
  admin = await createStockAdmin(kafka.brokers);
  log = createKafkaLog({ brokers: kafka.brokers, clientId: 'test', logger: QUIET });
});
beforeEach(() => tests.clear());
afterAll(async () => {
  await log.close();
  await admin.close();
  await kafka.dispose();
  await tests.close();
});

async function newTopic(partitions: number, config: Readonly<Record<string, string>> = {}): Promise<string> {
  const topic = `state-${++topics}`;
  await admin.createTopic(topic, partitions, { 'cleanup.policy': 'compact', ...config });
  return topic;
}

async function put(topic: string, ...changes: readonly (readonly [key: string, state: string | null])[]) {
  const producer = await log.createProducer();
  await producer.send(
    changes.map(([key, state]) => ({
      topic,
      key,
      value: state === null ? null : Buffer.from(JSON.stringify({ state })),
    })),
  );
  await producer.close();
}

async function recordsOf(topic: string): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = [];
  const reading = await log.read({ topics: [topic], follow: false, onRecord: (record) => void records.push(record) });
  await reading.caughtUp;
  await reading.stop();
  return records;
}

/** A sink of its own group, from its start until it has stored what is in the topic now. */
async function storeAll(topic: string, options: Partial<SinkOptions> = {}): Promise<string[]> {
  const { sink, metrics } = await startTestSink(tests, log, { topic, group: `${topic}-sink`, ...options });
  const ends = await log.endOffsets(topic);
  await until(
    () => sink.stored(),
    (stored) => [...ends].every(([partition, end]) => (stored.get(partition) ?? 0) >= end),
  );
  await sink.stop();
  return (await metrics.sinkRereads.get()).values.map(({ labels }) => String(labels['reason']));
}

test('an end that compaction has taken from the topic while the sink was away is noticed all the same', async () => {
  const config = { 'min.cleanable.dirty.ratio': '0.01', 'delete.retention.ms': '100' };
  const topic = await newTopic(1, config);
  await put(topic, ['a', '1'], ['b', '1'], ['c', '1']);
  await storeAll(topic);
  expect(await tableOf(tests)).toEqual({ a: '1', b: '1', c: '1' });
  await noteAsOf(tests, { topic, version: 2, asOfMs: Date.now() - MINUTE_MS });

  await put(topic, ['b', null], ['c', '2']);
  const rolling = { 'cleanup.policy': 'compact', ...config, 'segment.ms': '500', 'max.compaction.lag.ms': '500' };
  await admin.alterTopic(topic, rolling);
  await until(
    async () => {
      await put(topic, ['tick', 'tock']); // an append rolls the segment, and only rolled ones are compacted
      return recordsOf(topic);
    },
    (records) => !records.some(({ key }) => key?.toString() === 'b'),
  );
  expect(await storeAll(topic, { tombstoneRetentionMs: MINUTE_MS })).toEqual(['outdated']);
  expect(await tableOf(tests)).toEqual({ a: '1', c: '2', tick: 'tock' });
});

test('the whole topic read again, twice and in other batches, leaves the tables as they are', async () => {
  const topic = await newTopic(3);
  const keys = Array.from({ length: 20 }, (_, i) => `c${i}`);
  await put(topic, ...keys.map((key) => [key, '1'] as const));
  await put(topic, ...keys.slice(5).map((key) => [key, '2'] as const));
  await put(topic, ...keys.slice(15).map((key) => [key, null] as const));
  await put(topic, ['c19', 'again']);
  await storeAll(topic);
  const tables = async () => ({
    table: await tableOf(tests),
    history: await tests.rows(
      `SELECT conversation_id, _partition, toString(_version) AS version, _deleted FROM \`${tests.store.database}\`.queue_conversation_history FINAL ORDER BY ALL`,
    ),
  });
  const once = await tables();
  expect(once.table).toMatchObject({ c0: '1', c5: '2', c19: 'again' });
  expect(Object.keys(once.table)).toHaveLength(16);
  expect(once.history).toHaveLength(41);

  await storeAll(topic, { group: 'again', begin: 'anew', flush: { rows: 1, bytes: 1e6, ms: 5 } });
  await storeAll(topic, { group: 'and-again', begin: 'anew', flush: { rows: 7, bytes: 1e6, ms: 5 } });
  expect(await tables()).toEqual(once);
});
