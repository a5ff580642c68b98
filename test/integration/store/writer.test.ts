import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { printableRow, type QueueConversation, STATE_COLUMNS } from '../../../src/conversation';
import type { Store } from '../../../src/store/client';
import type { StoreRow } from '../../../src/store/encode';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { tombstone, upsert, writerInto } from '../../support/clickhouse/store-rows';
import { aRow } from '../../support/conversation/rows';

let tests: TestStore;
beforeAll(async () => {
  tests = await storeForTests();
});
afterEach(() => tests.clear());
afterAll(() => tests.close());

const stored = (where = 'true') =>
  tests.rows(
    `SELECT ${STATE_COLUMNS.join(', ')} FROM \`${tests.store.database}\`.queue_conversation_state FINAL ` +
      `WHERE ${where} ORDER BY conversation_id`,
  );
const visible = () =>
  tests.rows(`SELECT * FROM \`${tests.store.database}\`.queue_conversation ORDER BY conversation_id`);
const printed = (row: QueueConversation) => printableRow(row, STATE_COLUMNS);

describe('rows in the store', () => {
  test('are visible when insert resolves, every column as it was', async () => {
    const row = aRow({ subject: 'Hello', user_id: 'u1', routing_skill_id: 'a,b', waiting: false });
    await writerInto(tests.store).put({ kind: 'row', row, partition: 3, offset: 42 });
    expect(await stored()).toEqual([printed(row)]);
    expect(await visible()).toHaveLength(1);
  });

  test('the latest version wins whatever the order, a tombstone hides, a later row shows again', async () => {
    const writer = writerInto(tests.store);
    await writer.put(upsert(7, { state: 'newest' }), upsert(5, { state: 'older' }));
    await writer.put(upsert(6, { state: 'between' }));
    expect(await visible()).toMatchObject([{ conversation_id: 'c1', state: 'newest' }]);
    await writer.put(tombstone(8));
    expect(await visible()).toEqual([]);
    await writer.put(upsert(7, { state: 'newest' }));
    expect(await visible()).toEqual([]);
    await writer.put(upsert(9, { state: 'again' }));
    expect(await visible()).toMatchObject([{ state: 'again' }]);
  });

  test('a later epoch wins over any offset, exactly beyond 2^53', async () => {
    await writerInto(tests.store).put(upsert(2 ** 48 - 1, { state: 'old topic' }));
    await writerInto(tests.store, { epoch: 65_535 }).put(upsert(1, { state: 'new topic' }));
    expect(await visible()).toMatchObject([{ state: 'new topic' }]);
    const [version] = await tests.rows(
      `SELECT max(_version) AS v FROM \`${tests.store.database}\`.queue_conversation_history`,
    );
    expect(version).toEqual({ v: ((65_535n << 48n) + 1n).toString() });
  });

  test('replays, other batches, other orders, duplicates, deletes and re-creation give what a map gives', async () => {
    const change = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      value: fc.option(fc.constantFrom('x', 'y', 'z'), { freq: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 30 }),
        fc.infiniteStream(fc.nat()),
        async (log, dice) => {
          await tests.clear();
          const roll = (sides: number) => Number(dice.next().value) % sides;
          const records = log.map(({ key, value }, offset): StoreRow => {
            return value === null ? tombstone(offset, key) : upsert(offset, { conversation_id: key, state: value });
          });
          const sent = [...records, ...records.filter(() => roll(3) === 0)];
          for (let i = sent.length - 1; i > 0; i -= 1) {
            const j = roll(i + 1);
            [sent[i], sent[j]] = [sent[j] as StoreRow, sent[i] as StoreRow];
          }
          const writer = writerInto(tests.store);
          while (sent.length > 0) await writer.put(...sent.splice(0, 1 + roll(10)));

          const model = new Map<string, string>();
          for (const { key, value } of log) {
            if (value === null) model.delete(key);
            else model.set(key, value);
          }
          expect((await visible()).map((row) => [row['conversation_id'], row['state']])).toEqual([...model].sort());
        },
      ),
      { numRuns: 10 },
    );
  });

  test('times from 1900 to 2299 survive to the millisecond', async () => {
    const earliest = Date.UTC(1900, 0, 1);
    const latest = Date.UTC(2299, 11, 31, 23, 59, 59, 999);
    const edges = [earliest, -1, 0, 1, 999, 2020, 20_200_101, 1_700_000_000, 9_999_999_999, 4_294_967_296_000, latest];
    const times = fc.oneof(fc.constantFrom(...edges), fc.integer({ min: earliest, max: latest }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(times, times, times, times), { minLength: 1, maxLength: 200 }),
        async (rows) => {
          await tests.clear();
          const expected = rows.map(([updated, created, connected, queued], index) =>
            aRow({
              conversation_id: String(index).padStart(4, '0'),
              db_last_updated: updated,
              db_when_created: created,
              connected_time: connected,
              queue_connected_time: queued,
            }),
          );
          await writerInto(tests.store).put(
            ...expected.map((row, offset): StoreRow => ({ kind: 'row', row, partition: 0, offset })),
          );
          expect(await stored()).toEqual(expected.map(printed));
        },
      ),
      { numRuns: 5, examples: [[edges.map((edge) => [edge, edge, edge, edge])]] },
    );
  });

  test('an old recording over more than 100 months is one insert', async () => {
    const rows = Array.from({ length: 150 }, (_, month) =>
      upsert(month, { conversation_id: `m${month}`, db_last_updated: Date.UTC(1990, month, 1) }),
    );
    const writer = writerInto(tests.store);
    await writer.put(...rows);
    expect(await visible()).toHaveLength(150);
    expect(writer.refused).toEqual([]);
  });

  test('any text comes back as it was; lone surrogates become U+FFFD', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '',
        '\0',
        '\u0001\u001f\u007f',
        `"'\`\\`,
        '\r\n\t\b\f',
        '\u2028\u2029\ufeff',
        '\ud800',
        '\udc00a',
        'null',
        '\\N',
        '😀',
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(text, fc.option(text), fc.option(text)), { minLength: 1, maxLength: 50 }),
        async (rows) => {
          await tests.clear();
          const expected = rows.map(([queue, state, subject], index) =>
            aRow({ conversation_id: String(index).padStart(4, '0'), queue_id: queue, state, subject }),
          );
          await writerInto(tests.store).put(
            ...expected.map((row, offset): StoreRow => ({ kind: 'row', row, partition: 0, offset })),
          );
          expect((await stored()).map(({ queue_id, state, subject }) => [queue_id, state, subject])).toEqual(
            rows.map((row) => row.map((value) => value?.toWellFormed() ?? null)),
          );
        },
      ),
      { numRuns: 10 },
    );
  });

  test('one row that ClickHouse refuses is found and answered, the others are stored', async () => {
    const rows = Array.from({ length: 33 }, (_, offset) =>
      upsert(offset, { conversation_id: `c${offset}`, ...(offset === 20 ? { connected_time: Number.NaN } : {}) }),
    );
    const writer = writerInto(tests.store);
    await writer.put(...rows);
    expect(writer.refused).toMatchObject([{ offset: 20 }]);
    expect(await visible()).toHaveLength(32);
    expect(writer.state().available).toBe(true);
  });

  test('a null where none may be is refused, not stored as 1970', async () => {
    const writer = writerInto(tests.store);
    await writer.put(upsert(1, { db_when_created: null as unknown as number }));
    expect(await visible()).toEqual([]);
    expect(writer.refused).toHaveLength(1);
  });
});

describe('refusals on the way to ClickHouse, as of requests that were cut', () => {
  const cut = Object.assign(new Error('Cannot parse input: expected , before end'), { code: '27' });

  /** The store, with the next inserts refused. */
  const refusing = (times: number): Store => {
    let left = times;
    const client = Object.create(tests.store.client) as Store['client'];
    client.exec = (params: Parameters<Store['client']['exec']>[0]) =>
      left-- > 0 ? Promise.reject(cut) : tests.store.client.exec(params);
    return { ...tests.store, client };
  };

  test('some refusals in a row do not make a good row a dead letter', async () => {
    const writer = writerInto(refusing(4));
    await writer.put(upsert(1));
    expect(writer.refused).toEqual([]);
    expect(await visible()).toHaveLength(1);
  });

  test('nor is any of a batch', async () => {
    const writer = writerInto(refusing(6));
    await writer.put(upsert(1), upsert(2, { conversation_id: 'c2' }), upsert(3, { conversation_id: 'c3' }));
    expect(writer.refused).toEqual([]);
    expect(await visible()).toHaveLength(3);
  });

  test('an end is never given up: its conversation would be live for ever', async () => {
    await writerInto(tests.store).put(upsert(1));
    const writer = writerInto(refusing(30));
    await writer.put(tombstone(2));
    expect(writer.refused).toEqual([]);
    expect(await visible()).toEqual([]);
  });

  test('ClickHouse takes every end, whatever its time and id', async () => {
    const times = [Number.MIN_SAFE_INTEGER, -1, 0, 1.7e12, Number.MAX_SAFE_INTEGER, 9_223_372_036_854_775_807];
    const writer = writerInto(tests.store);
    await writer.put(
      ...times.map((timestamp, offset): StoreRow => {
        return { kind: 'tombstone', conversationId: `\0"\\\ud800 ${offset}`, timestamp, partition: 0, offset };
      }),
    );
    const [count] = await tests.rows(
      `SELECT count() AS n FROM \`${tests.store.database}\`.queue_conversation_history WHERE _deleted`,
    );
    expect(count).toEqual({ n: String(times.length) });
  });
});
