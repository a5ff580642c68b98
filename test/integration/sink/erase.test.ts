import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Log, type OutRecord, saysErased, ERASED_TYPE } from '../../../src/log';
import type { RunningSink } from '../../../src/sink/sink';
import { countErasable, ERASABLE_TABLES, findByAddress, type Store, sweepErasures } from '../../../src/store';
import { aStateTopic, decodeJson, STATE_TOPIC, startTestSink, tableOf, until } from '../../support/clickhouse/sink';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';

const DAY_MS = 86_400_000;
let tests: TestStore;
let cluster: ReturnType<typeof aStateTopic>['cluster'];
let sinks: RunningSink[] = [];

beforeAll(async () => {
  tests = await storeForTests();
});
beforeEach(async () => {
  await tests.clear();
  cluster = aStateTopic(2).cluster;
});
afterEach(async () => {
  for (const sink of sinks) await sink.stop();
  sinks = [];
});
afterAll(() => tests.close());

type Change = readonly [key: string, what: string | null];

async function put(...changes: readonly Change[]): Promise<void> {
  const producer = await cluster.connect().createProducer();
  await producer.send(
    changes.map(([key, what]): OutRecord => ({
      topic: STATE_TOPIC,
      key,
      value: what === null || what === 'erased' ? null : Buffer.from(JSON.stringify({ state: what, ani: 'tel:+441' })),
      timestamp: Date.UTC(2026, 0, 1),
      ...(what === 'erased' ? { headers: { ce_type: ERASED_TYPE } } : {}),
    })),
  );
  await producer.close();
}

async function sinkOf(log: Log = cluster.connect(), options: Parameters<typeof startTestSink>[2] = {}) {
  const { sink } = await startTestSink(tests, log, {
    decode: (record) => {
      const decoded = decodeJson(record);
      return decoded.kind === 'tombstone' ? { ...decoded, erased: saysErased(record) } : decoded;
    },
    ...options,
  });
  sinks.push(sink);
  return sink;
}

const counts = (id: string) => countErasable(tests.store, [id]);
const isRead = async (sink: RunningSink): Promise<void> => {
  const ends = await cluster.connect().endOffsets(STATE_TOPIC);
  await until(
    () => [...ends].every(([partition, end]) => end === 0 || (sink.stored().get(partition) ?? 0) >= end),
    (all) => all,
  );
};
/** But for the tombstone of the state, which the clean-up takes, and which says nothing but the id. */
const ERASED = {};

test('an erased conversation leaves history, lives and state; all others stay', async () => {
  await put(['a', '1'], ['b', '1'], ['a', '2'], ['c', '1'], ['c', null]);
  const sink = await sinkOf();
  await until(
    () => tableOf(tests),
    (table) => table['a'] === '2' && table['b'] === '1',
  );
  await isRead(sink);
  const before = [await counts('b'), await counts('c')];
  await put(['a', 'erased'], ['c', 'erased'], ['d', '1']);
  await isRead(sink);
  expect(await tableOf(tests)).toEqual({ b: '1', d: '1' });
  expect([await counts('a'), await counts('c')]).toEqual([ERASED, ERASED]);
  expect(before[0]).toEqual(await counts('b'));
  expect(Object.keys(before[1] ?? {})).toContain('queue_conversation_history');
  const noted = await tests.rows(
    `SELECT conversation_id FROM \`${tests.store.database}\`.queue_conversation_erasures FINAL ORDER BY ALL`,
  );
  expect(noted).toEqual([{ conversation_id: 'a' }, { conversation_id: 'c' }]);
});

test('an erased conversation leaves the disk, too: ClickHouse rewrites its parts without it', async () => {
  await put(['a', '1'], ['b', '1']);
  const sink = await sinkOf();
  await isRead(sink);
  await put(['a', 'erased']);
  await isRead(sink);
  await until(
    () =>
      tests.rows(
        "SELECT name FROM system.parts WHERE active AND has_lightweight_delete AND table LIKE 'queue_conversation%' " +
          `AND database = '${tests.store.database}'`,
      ),
    (parts) => parts.length === 0,
  );
  expect(await counts('b')).toMatchObject({ queue_conversation_history: 1 });
});

test('a conversation stays erased when a sink reads the topic, which still has its rows, into emptied tables', async () => {
  await put(['a', '1'], ['b', '1'], ['a', '2'], ['a', 'erased']);
  await isRead(await sinkOf());
  await tests.clear();
  await isRead(await sinkOf(cluster.connect(), { begin: 'beginning', group: 'another' }));
  expect(await tableOf(tests)).toEqual({ b: '1' });
  expect(await counts('a')).toEqual(ERASED);
});

test('the next clean-up deletes a row that comes in late, for instance from a sink that was paused', async () => {
  await put(['a', '1'], ['b', '1'], ['a', 'erased']);
  await isRead(await sinkOf(cluster.connect(), { cleanup: { intervalMs: 100, graceMs: 60_000 } }));
  await tests.store.client.command({
    query:
      `INSERT INTO \`${tests.store.database}\`.queue_conversation_history (conversation_id, ani, _version, _partition) ` +
      "VALUES ('a', 'tel:+441', 0, 0)",
  });
  expect(
    await until(
      () => counts('a'),
      (found) => Object.keys(found).length === 0,
    ),
  ).toEqual(ERASED);
  expect(await tableOf(tests)).toEqual({ b: '1' });
});

test('the next clean-up deletes rows that ClickHouse could not delete at once, and nothing waits for them', async () => {
  let refusals = 2;
  const { client } = tests.store;
  const refusing = Object.create(client) as typeof client;
  refusing.command = (params) => {
    if (params.query.startsWith('DELETE FROM') && refusals-- > 0) return Promise.reject(new Error('not now'));
    return client.command(params);
  };
  const store: Store = { ...tests.store, client: refusing };
  await put(['a', '1'], ['a', 'erased'], ['b', '1']);
  await isRead(await sinkOf(cluster.connect(), { store, cleanup: { intervalMs: 300, graceMs: 60_000 } }));
  expect(
    await until(
      () => counts('a'),
      (found) => Object.keys(found).length === 0,
    ),
  ).toEqual(ERASED);
});

test('what comes after it under the same id stays', async () => {
  await put(['a', '1'], ['a', 'erased'], ['a', 'new']);
  const sink = await sinkOf();
  await isRead(sink);
  await sweepErasures(tests.store, DAY_MS);
  expect(await tableOf(tests)).toEqual({ a: 'new' });
  expect(await counts('a')).toMatchObject({ queue_conversation_history: 1, queue_conversation_lives: 1 });
});

describe('conversations are found by an address', () => {
  test('in every column that may have one, by what the matcher says', async () => {
    const history = `\`${tests.store.database}\`.queue_conversation_history`;
    await tests.store.client.command({
      query:
        `INSERT INTO ${history} (conversation_id, ani, dnis, _version) VALUES ('a', 'tel:+44 (20) 1', NULL, 1), ` +
        "('b', NULL, 'sip:+44201@host', 2), ('c', 'tel:+442019', 'x', 3), ('d', 'it''s \\\\ me', NULL, 4)",
    });
    const matches = (address: string) => ['tel:+44 (20) 1', 'sip:+44201@host'].includes(address);
    expect([...(await findByAddress(tests.store, ['+44201'], matches))].sort()).toEqual(['a', 'b']);
    expect(await findByAddress(tests.store, ["it's\\me"], () => true)).toEqual(['d']);
    expect(await findByAddress(tests.store, ["it's"], (address) => address === "it's \\ me")).toEqual(['d']);
  });
});

test('every table that knows conversations by their id is on the list', async () => {
  const found = await tests.rows(
    `SELECT DISTINCT table FROM system.columns WHERE database = '${tests.store.database}' AND name = 'conversation_id' ` +
      `AND table IN (SELECT name FROM system.tables WHERE database = '${tests.store.database}' AND engine NOT LIKE '%View')`,
  );
  const listed = [...ERASABLE_TABLES.map(({ table }) => table), 'queue_conversation_erasures'].sort();
  expect(found.map(({ table }) => String(table)).sort()).toEqual(listed);
});
