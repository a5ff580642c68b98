import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { SinkOptions } from '../../../src/sink/options';
import { type KafkaSinkScene, openKafkaSinkScene } from '../../support/clickhouse/kafka-sink';
import { noteWatermark, startTestSink, tableOf, until } from '../../support/clickhouse/sink';
import { readAll } from '../../support/log/read-all';

/**
 * What happens to a topic at a real broker, and the sink behind it. Older copies of topics need a broker that is killed
 * again and again: test/system/outages/sink-older-copy.test.ts.
 */
const MINUTE_MS = 60_000;
let scene: KafkaSinkScene;

beforeAll(async () => {
  scene = await openKafkaSinkScene();
});
beforeEach(() => scene.tests.clear());
afterAll(() => scene.dispose());

/** A sink of its own group, from its start until it has stored what is in the topic now. */
async function storeAll(topic: string, options: Partial<SinkOptions> = {}): Promise<string[]> {
  const own = { topic, group: `${topic}-sink`, ...options };
  const { sink, metrics } = await startTestSink(scene.tests, scene.log, own);
  await scene.hasStored(topic, sink);
  await sink.stop();
  return (await metrics.sinkRereads.get()).values.map(({ labels }) => String(labels['reason']));
}

test('the sink also notices an end that compaction removed from the topic while it was down', async () => {
  const { tests, admin, newTopic, put } = scene;
  const config = { 'min.cleanable.dirty.ratio': '0.01', 'delete.retention.ms': '100' };
  const topic = await newTopic(1, config);
  await put(topic, ['a', '1'], ['b', '1'], ['c', '1']);
  await storeAll(topic);
  expect(await tableOf(tests)).toEqual({ a: '1', b: '1', c: '1' });
  await noteWatermark(tests, { topic, version: 2, watermark: Date.now() - MINUTE_MS });

  await put(topic, ['b', null], ['c', '2']);
  const rolling = { 'cleanup.policy': 'compact', ...config, 'segment.ms': '500', 'max.compaction.lag.ms': '500' };
  await admin.alterTopic(topic, rolling);
  await until(
    async () => {
      await put(topic, ['tick', 'tock']); // an append rolls the segment, and only rolled ones are compacted
      return readAll(scene.log, topic);
    },
    (records) => !records.some(({ key }) => key?.toString() === 'b'),
  );
  expect(await storeAll(topic, { tombstoneRetentionMs: MINUTE_MS })).toEqual(['outdated']);
  expect(await tableOf(tests)).toEqual({ a: '1', c: '2', tick: 'tock' });
});

test('the whole topic read again, twice and in other batches, leaves the tables as they are', async () => {
  const { tests, newTopic, put } = scene;
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
  test('a running sink ends if its topic shows other records than the sink has stored', async () => {
    const { log, newTopic, put, startOn, hasStored, endsWith } = scene;
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

  test('a running sink ends if its topic is recreated, although no record comes', async () => {
    const { tests, admin, newTopic, put, startOn, hasStored, endsWith } = scene;
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
