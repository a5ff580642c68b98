import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../../src/config';
import { printableVisit, type QueueVisit } from '../../../src/conversation';
import {
  createLocalSchemas,
  createMemoryCluster,
  createRowCodec,
  createVisitCodec,
  ERASED_TYPE,
  ERASED_VISIT_TYPE,
  type Log,
  type MemoryCluster,
  topicNames,
  visitKey,
} from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { rebuild, startSinkRole, type RunningSinkRole } from '../../../src/sink';
import { followVisits } from '../../../src/sink/visit-sink';
import { until } from '../../support/clickhouse/sink';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { QUIET } from '../../support/clickhouse/store-rows';
import { aRow, aVisit, NOON } from '../../support/conversation/rows';

const DAY_MS = 86_400_000;
const topics = topicNames('t');
const schemas = createLocalSchemas();
let tests: TestStore;
let cluster: MemoryCluster;
let stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  tests = await storeForTests();
});
beforeEach(async () => {
  await tests.clear();
  cluster = createMemoryCluster({ partitions: 3, identity: 'first' });
});
afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
  stops = [];
});
afterAll(() => tests.close());

function partsOf(log: Log, env: Record<string, string> = {}) {
  const config = loadConfig({ env: { SINK_FLUSH_MS: '50', ...env } });
  return { config, logger: QUIET, metrics: createMetrics(), log, schemas, topics, store: tests.store };
}

async function aSink(env: Record<string, string> = {}, log = cluster.connect()): Promise<RunningSinkRole> {
  const role = await startSinkRole(partsOf(log, env), { names: 'left-out' });
  role.done.catch(() => undefined);
  stops.push(() => role.stop());
  return role;
}

/** A partition as the fold chooses it: by the conversation. */
const partitionOf = (id: string): number => Number(id.replace(/\D/g, '')) % 3;

async function send(...visits: readonly QueueVisit[]): Promise<void> {
  const codec = await createVisitCodec(schemas, topics);
  const producer = await cluster.connect().createProducer();
  await producer.send(
    visits.map((visit) => ({
      topic: topics.visits,
      key: visitKey(visit),
      value: codec.encode(visit),
      timestamp: visit.db_last_updated,
      partition: partitionOf(visit.conversation_id),
    })),
  );
  await producer.close();
}

async function erase(conversationId: string, participantId: string): Promise<void> {
  const producer = await cluster.connect().createProducer();
  const place = { value: null, timestamp: NOON + 60_000, partition: partitionOf(conversationId) };
  const key = visitKey({ conversation_id: conversationId, participant_id: participantId });
  await producer.send([
    { topic: topics.state, key: conversationId, ...place, headers: { ce_type: ERASED_TYPE } },
    { topic: topics.visits, key, ...place, headers: { ce_type: ERASED_VISIT_TYPE } },
  ]);
  await producer.close();
}

const table = () =>
  tests.rows(`SELECT * FROM \`${tests.store.database}\`.queue_visit ORDER BY conversation_id, participant_id`);
const lastOf = (visits: readonly QueueVisit[]) =>
  [...new Map(visits.map((visit) => [visitKey(visit), visit])).values()]
    .sort((a, b) => (visitKey(a) < visitKey(b) ? -1 : 1))
    .map(printableVisit);
const isRead = (role: RunningSinkRole) =>
  until(
    async () => {
      const ends = await cluster.connect().endOffsets(topics.visits);
      return [...ends].every(([partition, end]) => end === 0 || (role.visitsStored()?.get(partition) ?? 0) >= end);
    },
    (all) => all,
  );

/** Versions of visits in the order of the log; each third one enters on another day than before. */
function versions(count: number): readonly QueueVisit[] {
  return Array.from({ length: count }, (_, index) =>
    aVisit({
      conversation_id: `c${(index * 7) % 10}`,
      participant_id: `p${(index * 3) % 2}`,
      entered_time: NOON + (index % 3 === 0 ? DAY_MS : 0),
      offers: index,
      db_last_updated: NOON + index,
    }),
  );
}

describe('queue_visit is the topic of visits', () => {
  test('with two sinks of which one is stopped and started again, and records sent twice', async () => {
    const all = versions(120);
    const first = await aSink();
    await aSink();
    await send(...all.slice(0, 50));
    await first.stop();
    await send(...all.slice(50, 80));
    const again = await aSink();
    await send(...all.slice(80), ...all.slice(110));
    await until(table, (rows) => JSON.stringify(rows) === JSON.stringify(lastOf(all)));
    await again.stop();
    expect(await table()).toEqual(lastOf(all));
  });

  test('after a rebuild of emptied tables, as far as the topic reaches', async () => {
    const all = versions(40);
    await send(...all);
    const result = await rebuild({
      ...partsOf(cluster.connect()),
      onProgress: () => undefined,
      signal: new AbortController().signal,
    });
    expect(result?.differences).toEqual([]);
    expect(await table()).toEqual(lastOf(all));
  });

  test('visits that a recreated topic lacks stay, because the table keeps them longer than the topic', async () => {
    const [old, kept] = [aVisit({ conversation_id: 'c1' }), aVisit({ conversation_id: 'c2' })];
    await send(old, kept, aVisit({ conversation_id: 'c1', offers: 7 }));
    const before = await aSink();
    await isRead(before);
    await before.stop();
    cluster = createMemoryCluster({ partitions: 3, identity: 'second' });
    const after = await aSink();
    await send(aVisit({ conversation_id: 'c1', offers: 1 }));
    await isRead(after);
    expect(await table()).toEqual(lastOf([aVisit({ conversation_id: 'c1', offers: 1 }), kept]));
  });
});

test('an erased conversation has no visit left, also of those that their topic no longer has', async () => {
  await send(aVisit({ conversation_id: 'c1' }), aVisit({ conversation_id: 'c1', participant_id: 'p2' }));
  await send(aVisit({ conversation_id: 'c2' }));
  const sink = await aSink();
  await isRead(sink);
  await erase('c1', 'p1');
  await until(table, (rows) => rows.length === 1);
  expect(await table()).toEqual(lastOf([aVisit({ conversation_id: 'c2' })]));
  const times = () => tests.rows(`SELECT conversation_id FROM \`${tests.store.database}\`.queue_visit_times`);
  await until(times, (rows) => rows.length === 1);
});

test('a record that cannot be read goes to the dead letters, and the visits behind it are stored', async () => {
  const producer = await cluster.connect().createProducer();
  await producer.send([{ topic: topics.visits, key: 'c1/p1', value: Buffer.from('garbage'), partition: 1 }]);
  await producer.close();
  const sink = await aSink({ DLQ_MAX_RATIO: '1' });
  await send(aVisit());
  await isRead(sink);
  expect(await table()).toHaveLength(1);
  expect([...(await cluster.connect().endOffsets(topics.deadLetters)).values()]).toContain(1);
});

test('VISITS=off stores none', async () => {
  await send(aVisit());
  const sink = await aSink({ VISITS: 'off' });
  expect(sink.visitsStored()).toBeNull();
  await sink.stop();
  expect(await table()).toEqual([]);
});

test('without a visits topic the sink says so and continues with rows, and visits begin when the topic exists', async () => {
  let isThere = false;
  const connected = cluster.connect();
  const log: Log = {
    ...connected,
    reach: (asked) =>
      asked.includes(topics.visits) && !isThere
        ? Promise.reject(new Error(`Topic ${topics.visits} does not exist`))
        : connected.reach(asked),
  };
  const sink = await aSink({}, log);
  const rows = await createRowCodec(schemas, topics);
  const producer = await cluster.connect().createProducer();
  await producer.send([{ topic: topics.state, key: 'c1', value: rows.encode(aRow()) }]);
  await producer.close();
  const conversations = () => tests.rows(`SELECT conversation_id FROM \`${tests.store.database}\`.queue_conversation`);
  await until(conversations, (found) => found.length === 1);
  expect(sink.visitsStored()).toBeNull();
  expect(sink.ready['partitions']?.()).toEqual({ ok: true });

  const following = await followVisits(partsOf(log), { group: 'later', begin: 'noted', retryMs: 20 });
  stops.push(() => following.stop());
  expect(following.running()).toBeNull();
  isThere = true;
  await send(aVisit());
  await until(table, (found) => found.length === 1);
});
