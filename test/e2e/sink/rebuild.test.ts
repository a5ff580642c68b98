import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { packageRoot } from '../../../src/common';
import {
  createKafkaLog,
  createRegistrySchemas,
  createRowCodec,
  type Log,
  type OutRecord,
  topicNames,
} from '../../../src/log';
import type { Store } from '../../../src/store';
import { serverForTests } from '../../support/clickhouse/clickhouse-server';
import { until } from '../../support/clickhouse/sink';
import { QUIET } from '../../support/clickhouse/store-rows';
import { aRow } from '../../support/conversation/rows';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { startQueuefold, type Environment } from '../../support/processes/pipeline-processes';
import { kafkaForTests, registryForTests } from '../../support/services/services';

const topics = topicNames(`rebuild-${Date.now()}`);
const BIN = join(packageRoot(), 'bin', 'queuefold.js');
const disposers: (() => Promise<unknown>)[] = [];
let env: Environment;
let log: Log;
let store: Store;
let admin: Awaited<ReturnType<typeof createStockAdmin>>;

beforeAll(async () => {
  const [kafka, registry, server] = await Promise.all([kafkaForTests(), registryForTests(), serverForTests()]);
  disposers.push(server.dispose);
  const database = server.newDatabase();
  env = {
    KAFKA_BROKERS: kafka.brokers.join(),
    SCHEMA_REGISTRY_URL: registry.url,
    ...server.env(database),
    REPLICATION_FACTOR: '1',
    PARTITIONS: '2',
    TOPIC_PREFIX: topics.prefix,
    HTTP_PORT: '0',
    HTTP_HOST: '127.0.0.1',
    SINK_FLUSH_MS: '50',
  };
  log = createKafkaLog({ brokers: kafka.brokers, clientId: 'test', logger: pino({ enabled: false }) });
  disposers.push(() => log.close());
  store = server.connect(database);
  disposers.push(() => store.close());
  admin = await createStockAdmin(kafka.brokers);
  disposers.push(() => admin.close());
  await startQueuefold(['setup'], env).done();
});
afterAll(async () => {
  for (const dispose of disposers.reverse()) await dispose();
});

/** Conversation → state; null ends it. */
async function put(...changes: readonly (readonly [key: string, state: string | null])[]): Promise<void> {
  const schemas = createRegistrySchemas({ url: env['SCHEMA_REGISTRY_URL'] ?? '', logger: QUIET });
  const rows = await createRowCodec(schemas, topics);
  const producer = await log.createProducer();
  const records = changes.map(([key, state]): OutRecord => ({
    topic: topics.state,
    key,
    value: state === null ? null : rows.encode(aRow({ conversation_id: key, state })),
  }));
  await producer.send(records);
  await producer.close();
}
const command = (query: string) => store.client.command({ query });
async function table(): Promise<Record<string, string>> {
  const result = await store.client.query({
    query: `SELECT conversation_id AS id, state FROM ${store.database}.queue_conversation ORDER BY id`,
    format: 'JSONEachRow',
  });
  return Object.fromEntries((await result.json<{ id: string; state: string }>()).map(({ id, state }) => [id, state]));
}
async function rebuild(): Promise<{ code: number; result: Record<string, unknown>; progress: string }> {
  const child = spawn(process.execPath, [BIN, 'rebuild'], { env: { PATH: process.env['PATH'], ...env } });
  const [stdout, progress, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number]>,
  ]);
  return { code, result: JSON.parse(stdout || '{}') as Record<string, unknown>, progress };
}

test('a database that is new is filled from the topic, and found to be the same', async () => {
  await put(['a', '1'], ['b', '1'], ['c', '1'], ['a', '2'], ['b', null]);
  const { code, result, progress } = await rebuild();
  expect(progress).toContain('100 %');
  expect({ code, ...result }).toEqual({
    code: 0,
    topic: topics.state,
    epoch: 0,
    liveRows: 2,
    differences: 0,
    first: [],
  });
  expect(await table()).toEqual({ a: '2', c: '1' });
});

test('rows that the table has lost come back, rows that it has too many go, also beside a sink that runs', async () => {
  const sink = startQueuefold(['sink'], env);
  await sink.ready();
  await put(['d', '1']);
  await until(table, (rows) => 'd' in rows);
  await command(`TRUNCATE TABLE ${store.database}.queue_conversation_state`);
  await command(`TRUNCATE TABLE ${store.database}.queue_conversation_history`);
  await command(
    `INSERT INTO ${store.database}.queue_conversation_history (conversation_id, state, _version, _partition) ` +
      "VALUES ('of nobody', '1', 1, 0)",
  );
  const [{ code, result }] = await Promise.all([rebuild(), put(['e', '1'])]);
  expect({ code, differences: result['differences'] }).toEqual({ code: 0, differences: 0 });
  expect(await until(table, (rows) => 'e' in rows)).toEqual({ a: '2', c: '1', d: '1', e: '1' });
  await sink.stop();
});

test('a table that cannot be made the same ends it with 1, and it says where', async () => {
  // A version beyond every record of the topic, which no record can win over.
  await command(
    `INSERT INTO ${store.database}.queue_conversation_history (conversation_id, state, _version, _partition) ` +
      `VALUES ('a', 'from the future', ${2 ** 50}, 0)`,
  );
  const { code, result } = await rebuild();
  expect(code).toBe(1);
  expect(result).toMatchObject({ differences: 1, first: [expect.stringMatching(/^a: the table has version/)] });
  await command(`TRUNCATE TABLE ${store.database}.queue_conversation_state`);
  await command(`TRUNCATE TABLE ${store.database}.queue_conversation_history`);
});

test('a topic that was recreated gets the next epoch, and what it lacks leaves the table', async () => {
  await rebuild();
  expect(Object.keys(await table())).toHaveLength(4);
  await admin.admin.deleteTopics({ topics: [topics.state] });
  await until(
    () => admin.admin.listTopics(),
    (names) => !names.includes(topics.state),
  );
  await startQueuefold(['setup'], env).done();
  await put(['c', 'new']);
  const sink = startQueuefold(['sink'], env);
  await sink.ready();
  await until(table, (rows) => rows['c'] === 'new');
  expect(await until(table, (rows) => Object.keys(rows).length === 1)).toEqual({ c: 'new' });
  await sink.stop();
});
