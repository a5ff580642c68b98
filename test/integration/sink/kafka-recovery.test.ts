import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createKafkaLog, type Log, type LogRecord } from '../../../src/log';
import type { SinkOptions } from '../../../src/sink/options';
import { claimEpoch } from '../../../src/store';
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

test('the sink also notices an end that compaction removed from the topic while it was down', async () => {
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

  await storeAll(topic, { group: 'again', begin: 'beginning', flush: { rows: 1, bytes: 1e6, ms: 5 } });
  await storeAll(topic, { group: 'and-again', begin: 'beginning', flush: { rows: 7, bytes: 1e6, ms: 5 } });
  expect(await tables()).toEqual(once);
});

describe('a topic of which the sink has stored something', () => {
  const NOTING = { everyMs: 5_000, confirmMs: 3_000 };
  /** It looks often whether the topic went back. */
  const startOn = async (topic: string) => {
    const topicId = await log.topicId(topic);
    const epoch = await claimEpoch(tests.store, { topic, id: topicId });
    const options = { topic, group: `${topic}-sink`, topicId, epoch, noting: NOTING, compareEveryMs: 0 };
    return (await startTestSink(tests, log, options)).sink;
  };
  type Sink = Awaited<ReturnType<typeof startOn>>;
  const hasStored = async (topic: string, sink: Sink): Promise<void> => {
    const ends = await log.endOffsets(topic);
    await until(
      () => sink.stored(),
      (stored) => [...ends].every(([partition, end]) => (stored.get(partition) ?? 0) >= end),
    );
  };
  /** Restores what Kafka had of it before the change. */
  const goBack = async (topic: string, change: () => Promise<void>): Promise<void> => {
    const paths = await readdir(kafka.dataDir, { recursive: true });
    const folder = join(kafka.dataDir, paths.find((path) => path.endsWith(`${topic}-0`)) ?? topic);
    const copy = join(kafka.dataDir, `copy-of-${topic}`);
    await kafka.kill9();
    await cp(folder, copy, { recursive: true });
    await kafka.restart();
    await change();
    await kafka.kill9();
    await rm(folder, { recursive: true });
    await cp(copy, folder, { recursive: true });
    await kafka.restart();
  };
  const endsWith = async (sink: Sink, message: RegExp): Promise<void> => {
    await expect(sink.done).rejects.toThrow(message);
    await sink.stop();
  };

  test('goes back to an older copy: a running sink ends, and the next one takes what the topic has', async () => {
    const topic = await newTopic(1);
    await put(topic, ['a', '1'], ['b', '1']);
    const sink = await startOn(topic);
    await hasStored(topic, sink);
    await goBack(topic, async () => {
      await put(topic, ['a', 'lost'], ['b', null], ['c', 'lost']);
      await hasStored(topic, sink);
    });
    await endsWith(sink, /ends at offset 2, but ClickHouse .* holds it up to 5.*older copy.*Start the sink again/);
    await put(topic, ['a', '2']);
    const again = await startOn(topic);
    await hasStored(topic, again);
    expect(await tableOf(tests)).toEqual({ a: '2', b: '1' });
    await again.stop();
  });

  test('went back and has grown since: a sink that starts ends, and the next one takes what the topic has', async () => {
    const topic = await newTopic(1);
    await put(topic, ['a', '1'], ['b', '1']);
    await goBack(topic, async () => {
      await put(topic, ['a', 'lost'], ['c', 'lost']);
      const sink = await startOn(topic);
      await hasStored(topic, sink);
      await sink.stop();
    });
    await put(topic, ['d', '1'], ['e', '1'], ['a', '2']);
    await endsWith(await startOn(topic), /another record at offset [23] than ClickHouse .*older copy/);
    const again = await startOn(topic);
    await hasStored(topic, again);
    expect(await tableOf(tests)).toEqual({ a: '2', b: '1', d: '1', e: '1' });
    await again.stop();
  });

  test('shows other records to a running sink than it has stored: it ends', async () => {
    const topic = await newTopic(1);
    await put(topic, ['a', '1'], ['b', '1']);
    const sink = await startOn(topic);
    await hasStored(topic, sink);
    const { read } = log;
    // As if it had gone back, and others had come.
    log.read = (request) =>
      read({ ...request, onRecord: ({ value, ...record }) => request.onRecord({ ...record, value: other(value) }) });
    const other = (value: Buffer | null) =>
      value === null ? null : Buffer.from(JSON.stringify({ conversation_id: 'other' }));
    try {
      await endsWith(sink, /another record at offset [01] than/);
    } finally {
      log.read = read;
    }
  });

  test('is recreated: a running sink ends, although nothing comes', async () => {
    const topic = await newTopic(1);
    await put(topic, ['a', '1']);
    const sink = await startOn(topic);
    await hasStored(topic, sink);
    await admin.deleteTopic(topic);
    await admin.createTopic(topic, 1, { 'cleanup.policy': 'compact' });
    await endsWith(sink, /recreated/);
    const again = await startOn(topic);
    await until(
      () => tableOf(tests),
      (rows) => Object.keys(rows).length === 0,
    );
    await again.stop();
  });
});
