import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import { ConfigResourceTypes, Kafka, logLevel, type Admin } from 'kafkajs';
import { STATE_COLUMNS, TABLE_COLUMNS } from '../../../src/conversation';
import { generateEvents } from '../../../src/simulator';
import { startQueuefold } from '../../support/processes/pipeline-processes';
import { until } from '../../support/processes/until';
import { ownKafkaForTests, registryForTests } from '../../support/services/services';

/**
 * What others see who know Kafka, Avro and the README, and nothing of queuefold: the clients are kafkajs and the registry
 * client as npm installs them, without this project's repairs.
 */

type Json = Readonly<Record<string, unknown>>;

const PREFIX = 'outside';
const EVENTS = `${PREFIX}.conversation.events.v1`;
const STATE = `${PREFIX}.queue-conversation.v1`;
const DEAD_LETTERS = `${PREFIX}.dead-letters.v1`;
const PARTITIONS = [0, 1, 2];
/** Of this half-hour: what is older, Kafka would roll and compact while it is replayed. */
const START = Date.now() - 1_800_000;
const LIMIT_MS = 120_000;

/** A record as a consumer gets it. */
interface Received {
  readonly key: string;
  readonly value: Buffer | null;
  readonly timestamp: number;
  readonly headers: Readonly<Record<string, string>>;
}

const recording: string[] = [];
const invalidLines = [
  'this is no JSON',
  '{"id": "c1", "participants": {"id": "p1"}}',
  '{"id": "c1", "participants": [{"purpose": "customer", "name": "Ada"}]}',
];
/** By conversation: when its events were received, epoch ms. */
const receivedAt = new Map<string, Set<number>>();

const disposers: (() => Promise<unknown>)[] = [];
let file: string;
let kafka: Kafka;
let admin: Admin;
let registry: SchemaRegistry;
/** What `replay --print rows` says. */
let printed: readonly Json[];
let summary: string;
let state: readonly Received[];

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'queuefold-outside-'));
  disposers.push(() => rm(folder, { recursive: true, force: true }));
  const [cluster, { url }] = await Promise.all([
    ownKafkaForTests({ overrides: { 'log.cleaner.backoff.ms': 300 } }).then((own) => {
      disposers.push(() => own.dispose());
      return own;
    }),
    registryForTests(),
  ]);
  kafka = new Kafka({ brokers: [...cluster.brokers], clientId: 'outside', logLevel: logLevel.NOTHING });
  registry = new SchemaRegistry({ host: url });
  admin = kafka.admin();
  await admin.connect();
  disposers.push(() => admin.disconnect());

  record();
  file = join(folder, 'recording.ndjson');
  await writeFile(file, [...recording, ...invalidLines, ''].join('\n'));
  const replay = startQueuefold(['replay', file, '--log', 'kafka', '--keep', '--prefix', PREFIX, '--print', 'rows'], {
    KAFKA_BROKERS: cluster.brokers.join(),
    SCHEMA_REGISTRY_URL: url,
    PARTITIONS: String(PARTITIONS.length),
    REPLICATION_FACTOR: '1',
  });
  disposers.push(() => replay.kill());
  await replay.done();
  summary = replay.stderr();
  printed = replay
    .stdout()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Json);
  state = (await consume(STATE, await markEnds())).filter(isNoMark);
});

afterAll(async () => {
  for (const dispose of disposers.reverse()) await dispose();
});

/** Stopped in the middle, so that some conversations are still in their queues. */
function record(): void {
  const stream = generateEvents({ seed: 23, conversations: 200, conversationsPerSecond: 2, startAt: START });
  for (const { at, conversationId, frame } of stream) {
    recording.push(JSON.stringify({ receivedAt: new Date(at).toISOString(), event: frame }));
    if (conversationId === null) continue;
    receivedAt.set(conversationId, (receivedAt.get(conversationId) ?? new Set()).add(at));
    if (recording.length >= 2_000) break;
  }
}

describe('the state topic, to an ordinary consumer', () => {
  test('has rows of 24 columns, in the Avro of its subject, and tombstones, under the conversation’s id', async () => {
    const schemaId = await registry.getLatestSchemaId(`${STATE}-value`);
    const rows = state.flatMap(({ key, value }) => (value === null ? [] : [{ key, value }]));
    const tombstones = state.length - rows.length;
    expect(Math.min(rows.length, tombstones)).toBeGreaterThan(50);
    expect(summary).toContain(` ${state.length} records (${rows.length} upserts, ${tombstones} tombstones)`);
    expect(new Set(rows.map(({ value }) => [value[0], value.readInt32BE(1)].join()))).toEqual(
      new Set([`0,${schemaId}`]),
    );
    for (const { key, value } of rows) {
      const row = await rowOf(value);
      expect(Object.keys(row)).toEqual(STATE_COLUMNS);
      expect(row).toMatchObject({ conversation_id: key, queue_id: expect.any(String), waiting: expect.any(Boolean) });
    }
    expect([...new Set(state.map(({ key }) => key))].filter((key) => !receivedAt.has(key))).toEqual([]);
  });

  test('has records that are CloudEvents, each with an id of its own and the receive time of its event', async () => {
    expect(new Set(state.map(({ headers }) => headers['ce_id'])).size).toBe(state.length);
    for (const { key, value, timestamp, headers } of state) {
      expect(headers).toMatchObject({
        ce_specversion: '1.0',
        ce_id: expect.stringMatching(/./),
        ce_source: 'queuefold/fold',
        ce_type: `queuefold.queue-conversation.${value === null ? 'tombstone' : 'row'}`,
        ce_time: new Date(timestamp).toISOString(),
        traceparent: expect.stringMatching(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/),
      });
      expect(receivedAt.get(key)).toContain(timestamp);
      if (value !== null) expect((await rowOf(value))['db_last_updated']).toBe(timestamp);
    }
  });

  test('has records that belong to the trace of the event that they come from', async () => {
    const events = new Map((await consumeAll(EVENTS)).map((event) => [traceOf(event), event]));
    expect(events.size).toBeGreaterThan(1_500);
    const traces = new Map<string, Received[]>();
    for (const one of state) traces.set(traceOf(one), [...(traces.get(traceOf(one)) ?? []), one]);
    expect([...traces.keys()].filter((trace) => !events.has(trace))).toEqual([]);
    for (const [trace, records] of traces) {
      const event = events.get(trace);
      const decoded = (await registry.decode(event?.value ?? Buffer.alloc(0))) as Json;
      for (const { key, timestamp, headers } of records) {
        expect({ key, timestamp }).toEqual({ key: event?.key, timestamp: decoded['receivedAt'] });
        expect(headers['traceparent']).not.toBe(event?.headers['traceparent']);
      }
      // An event changes its conversation's row, or writes its last one and then the tombstone.
      expect(['row', 'row,tombstone']).toContain(records.map(({ value }) => (value ? 'row' : 'tombstone')).join());
    }
  });

  test('is the table for a reader that keeps a map by key, and has one record a conversation once it is compacted', async () => {
    expect(printed.length).toBeGreaterThan(20);
    expect(await tableOf(state)).toEqual(printed);

    await compactSoon();
    const tables: (readonly Json[])[] = [];
    let left: readonly Received[] = state;
    await until('the state topic to be compacted', LIMIT_MS, async () => {
      left = (await consume(STATE, await markEnds())).filter(isNoMark);
      tables.push(await tableOf(left));
      return left.length <= printed.length;
    });
    // Tombstones went after `delete.retention.ms`; what is left is the table's, a record each.
    expect(left.map(({ key }) => key).sort()).toEqual(printed.map((row) => row['conversation_id']));
    for (const table of tables) expect(table).toEqual(printed);
  });
});

describe('the dead letters, to an ordinary consumer', () => {
  test('say in their headers why, at which stage and where a line was refused', async () => {
    const headers = (await consumeAll(DEAD_LETTERS)).map((letter) => letter.headers);
    const byLine = headers.sort(
      (a, b) => Number(a['source']?.split(':').pop()) - Number(b['source']?.split(':').pop()),
    );
    const refused = (index: number, reason: string, message: string) =>
      expect.objectContaining({
        'error.stage': 'replay',
        'error.reason': reason,
        'error.message': message,
        source: `${file}:${recording.length + index}`,
      });
    expect(byLine).toEqual([
      refused(1, 'not-json', 'not JSON, at character 0'),
      refused(2, 'participants-not-an-array', '"participants" is not an array'),
      refused(3, 'participant-without-id', 'participants[0] has no id'),
    ]);
  });
});

// ------------------------------------------------------------------------------------------------ an ordinary client

/** Reads committed records of a topic from its beginning up to these offsets, as a new group. */
async function consume(topic: string, lastOffsets: ReadonlyMap<number, string>): Promise<readonly Received[]> {
  const consumer = kafka.consumer({ groupId: `board-${randomUUID()}`, maxWaitTimeInMs: 100 });
  const records: Received[] = [];
  const missing = new Map(lastOffsets);
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: ({ partition, message: { key, value, timestamp, offset, headers = {} } }) => {
        const texts = Object.entries(headers).map(([name, bytes]) => [name, String(bytes)] as const);
        records.push({ key: String(key), value, timestamp: Number(timestamp), headers: Object.fromEntries(texts) });
        if (offset === missing.get(partition)) missing.delete(partition);
        return Promise.resolve();
      },
    });
    await until(`${topic} to be read`, LIMIT_MS, () => missing.size === 0);
    return records;
  } finally {
    await consumer.disconnect();
  }
}

/** The same of a topic without transactions, whose last offset is a record's. */
async function consumeAll(topic: string): Promise<readonly Received[]> {
  const offsets = await admin.fetchTopicOffsets(topic);
  const filled = offsets.filter(({ high, low }) => high !== low);
  return consume(topic, new Map(filled.map(({ partition, high }) => [partition, String(Number(high) - 1)])));
}

const MARK = 'end of partition ';
const MARK_EVERY_MS = 10_000;
let marks = 0;

const isNoMark = ({ key }: Received): boolean => !key.startsWith(MARK);

/**
 * Ends each partition of the state topic with a record of the test's own: a tombstone of a key that nobody has. In a
 * transactional topic nothing else tells where to stop, and a segment is compacted only when a later record begins
 * another.
 * @returns their offsets
 */
async function markEnds(): Promise<ReadonlyMap<number, string>> {
  const producer = kafka.producer();
  await producer.connect();
  // After the recording, each by more than a segment lasts, and still in the past.
  const timestamp = String(START + 600_000 + MARK_EVERY_MS * marks++);
  const messages = PARTITIONS.map((partition) => ({ partition, key: `${MARK}${partition}`, value: null, timestamp }));
  const sent = await producer.send({ topic: STATE, messages });
  await producer.disconnect();
  return new Map(sent.map(({ partition, baseOffset = '' }) => [partition, baseOffset]));
}

/** Lets the cleaner take everything but each partition's last segment, tombstones included. */
async function compactSoon(): Promise<void> {
  const settings = {
    'cleanup.policy': 'compact',
    'segment.ms': String(MARK_EVERY_MS / 2),
    'min.cleanable.dirty.ratio': '0',
    'max.compaction.lag.ms': '1',
    'delete.retention.ms': '1',
  };
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: STATE, configEntries }];
  await admin.alterConfigs({ validateOnly: false, resources });
}

async function rowOf(value: Buffer): Promise<Json> {
  return (await registry.decode(value)) as Json;
}

/** The README's consumer: a map by key; then as `--print rows` prints it. */
async function tableOf(records: readonly Received[]): Promise<readonly Json[]> {
  const table = new Map<string, Json>();
  for (const { key, value } of records) {
    if (value === null) table.delete(key);
    else table.set(key, await rowOf(value));
  }
  const times = new Set<string>(['db_last_updated', 'db_when_created', 'connected_time']);
  const shown = (row: Json, column: string) =>
    times.has(column) ? new Date(Number(row[column])).toISOString() : row[column];
  return [...table.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, row]) => Object.fromEntries(TABLE_COLUMNS.map((column) => [column, shown(row, column)])));
}

function traceOf({ headers }: Received): string {
  return headers['traceparent']?.split('-')[1] ?? '';
}
