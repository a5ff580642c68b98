import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  createPartitionFold,
  DEFAULT_FOLD_SETTINGS,
  printableRow,
  STATE_COLUMNS,
  type StateRecord,
  TABLE_COLUMNS,
} from '../../../src/conversation';
import type { StoreRow } from '../../../src/store/encode';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { writerInto, type TestWriter } from '../../support/clickhouse/store-rows';
import { ORIGIN, stream } from '../../support/conversation/conversation-arbitraries';
import { eventOf } from '../../support/conversation/conversation-fold';
import { aRow } from '../../support/conversation/rows';
import { storeRows, tableAt, timeOf } from '../../support/naive/naive-history';

let tests: TestStore;
let writer: TestWriter;
beforeAll(async () => {
  tests = await storeForTests();
  writer = writerInto(tests.store);
});
afterAll(() => tests.close());
beforeEach(() => tests.clear());

const NOON = Date.UTC(2026, 2, 1, 12);
const iso = (time: number): string => new Date(time).toISOString();
const view = (name: string): string => `\`${tests.store.database}\`.${name}`;

const at = (instant: number | string, columns = TABLE_COLUMNS.join(', ')): Promise<Record<string, unknown>[]> =>
  tests.rows(
    `SELECT ${columns} FROM ${view('queue_conversation_at')}(at = '${typeof instant === 'string' ? instant : iso(instant)}') ORDER BY conversation_id`,
  );

const expectedAt = (records: readonly StateRecord[], instant: number): Record<string, unknown>[] =>
  [...tableAt(records, instant).values()]
    .map((row) => printableRow(row, TABLE_COLUMNS))
    .sort((a, b) =>
      Buffer.compare(Buffer.from(String(a['conversation_id'])), Buffer.from(String(b['conversation_id']))),
    );

/** A row in force from the given second on; null: a tombstone. */
function record(second: number, state: string | null, conversationId = 'c1'): StateRecord {
  const time = NOON + second * 1_000;
  const row = state === null ? null : aRow({ conversation_id: conversationId, db_last_updated: time, state });
  return { conversationId, row, timestamp: time };
}

async function put(rows: readonly StoreRow[]): Promise<void> {
  await writer.put(...rows);
}

const states = async (second: number): Promise<unknown[]> =>
  (await at(NOON + second * 1_000)).map(({ conversation_id: id, state }) => `${String(id)} ${String(state)}`);

describe('queue_conversation_at', () => {
  test('a row holds from its own time on, until the next one or its tombstone', async () => {
    await put(storeRows([record(0, 'waits'), record(10, 'talks'), record(20, 'ended'), record(20, null)]));
    expect(await states(-0.001)).toEqual([]);
    expect(await states(0)).toEqual(['c1 waits']);
    expect(await states(9.999)).toEqual(['c1 waits']);
    expect(await states(10)).toEqual(['c1 talks']);
    expect(await states(19.999)).toEqual(['c1 talks']);
    // Of equal times the later in the log: the closing row is never seen.
    expect(await states(20)).toEqual([]);
  });

  test('a late record corrects what held from its own time on, and hides what came before it in the log', async () => {
    await put(storeRows([record(0, 'first'), record(100, 'ahead'), record(50, 'late'), record(30, null)]));
    expect(await states(20)).toEqual(['c1 first']);
    expect(await states(30)).toEqual([]);
    expect(await states(60)).toEqual([]);
    expect(await states(200)).toEqual([]);
  });

  test('a conversation that was re-opened has two lives', async () => {
    await put(storeRows([record(0, 'one'), record(10, null), record(30, 'two'), record(40, null)]));
    expect(await states(5)).toEqual(['c1 one']);
    expect(await states(20)).toEqual([]);
    expect(await states(35)).toEqual(['c1 two']);
    expect(await states(45)).toEqual([]);
  });

  test('a row that compaction has robbed of its closing row is there until its tombstone', async () => {
    await put(storeRows([record(0, 'waits'), record(1_000, null)]));
    expect(await states(999)).toEqual(['c1 waits']);
    expect(await states(1_000)).toEqual([]);
  });

  test('a row that has not changed for longer than the history is kept is still there', async () => {
    await put(storeRows([record(0, 'parked'), record(0, 'other', 'c2')]));
    await tests.store.client.command({ query: `TRUNCATE TABLE ${view('queue_conversation_history')}` });
    expect(await states(60)).toEqual(['c1 parked', 'c2 other']);
  });

  test('the instant may be written with an offset, in UTC, or be an expression', async () => {
    await put(storeRows([record(0, 'waits'), record(60, null)]));
    for (const text of ['2026-03-01T13:00:30+01:00', '2026-03-01T12:00:30.000Z', '2026-03-01 12:00:30']) {
      expect(await at(text)).toHaveLength(1);
    }
    const count = `SELECT count() AS n FROM ${view('queue_conversation_at')}`;
    const expression = "toDateTime64('2026-03-01 12:01:00.000', 3, 'UTC') - INTERVAL 30 SECOND";
    expect(await tests.rows(`${count}(at = ${expression})`)).toEqual([{ n: '1' }]);
    expect(await tests.rows(`${count}(at = now())`)).toEqual([{ n: '0' }]);
    await expect(at('yesterday')).rejects.toThrow(/CANNOT_PARSE_DATETIME|Cannot read DateTime/);
  });

  test('has exactly the 22 columns, and at a time after all records it is the table of now', async () => {
    await put([...storeRows([record(0, 'a', 'c1'), record(5, 'b', 'c2'), record(7, null, 'c1')])]);
    const [row] = await at('2030-01-01', '*');
    expect(Object.keys(row ?? {})).toEqual([...TABLE_COLUMNS]);
    const now = await tests.rows(`SELECT * FROM ${view('queue_conversation')} ORDER BY conversation_id`);
    expect(await at('2030-01-01')).toEqual(now);
  });

  test('the view follows the rule for random streams at random instants, in whatever way the records were inserted', async () => {
    await fc.assert(
      fc.asyncProperty(
        stream(14),
        fc.constantFrom<'disconnect' | 'acw'>('disconnect', 'acw'),
        fc.array(fc.integer({ min: -5_000, max: 400_000 }), { maxLength: 3 }),
        fc.infiniteStream(fc.nat()),
        async (lines, closeAfter, offsets, order) => {
          const partition = createPartitionFold({ ...DEFAULT_FOLD_SETTINGS, closeAfter });
          const records = lines.flatMap((line) => {
            const event = eventOf(line);
            return event === null ? [] : partition.apply(event).records;
          });
          if (records.length === 0) return;
          await tests.clear();
          await insertSomehow(storeRows(records), order);
          // Where something changes, and just before.
          const times = records.map(timeOf).slice(0, 6);
          for (const instant of [...times, ...times.map((time) => time - 1), ...offsets.map((ms) => ORIGIN + ms)]) {
            expect({ instant, rows: await at(instant) }).toEqual({ instant, rows: expectedAt(records, instant) });
          }
        },
      ),
      { numRuns: 10 },
    );
  });

  test('is what the rule makes of any records: times that go back, equal ones, rows without an end, ends without a row', async () => {
    const any = fc.record({
      second: fc.integer({ min: 0, max: 12 }),
      state: fc.constantFrom('a', 'b', 'c', null),
      id: fc.constantFrom('c1', 'c2', 'c3'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(any, { minLength: 1, maxLength: 16 }),
        fc.infiniteStream(fc.nat()),
        async (all, order) => {
          const records = all.map(({ second, state, id }) => record(second, state, id));
          await tests.clear();
          await insertSomehow(storeRows(records), order);
          for (let second = 0; second <= 13; second += 1) {
            const instant = NOON + second * 1_000;
            expect({ second, rows: await at(instant) }).toEqual({ second, rows: expectedAt(records, instant) });
          }
        },
      ),
      { numRuns: 10 },
    );
  });
});

describe('queue_conversation_changes', () => {
  const changes = (conversationId: string): Promise<Record<string, unknown>[]> =>
    tests.rows(`SELECT * FROM ${view('queue_conversation_changes')}(conversation_id = '${conversationId}')`);

  test('tells the life of a conversation in order, with the duration of each step', async () => {
    const rows = storeRows([record(0, 'waits'), record(10, 'talks'), record(25.5, 'ended'), record(25.5, null)]);
    await put(rows);
    await put(rows);
    const life = await changes('c1');
    expect(life.map(({ step, change, state, seconds }) => [Number(step), change, state, seconds])).toEqual([
      [1, 'created', 'waits', 10],
      [2, 'changed', 'talks', 15.5],
      [3, 'changed', 'ended', 0],
      [4, 'deleted', null, null],
    ]);
    expect(life[1]).toMatchObject({ holds_from: iso(NOON + 10_000), holds_until: iso(NOON + 25_500) });
    expect(life[3]).toMatchObject({ holds_until: null, queue_id: null, waiting: null, db_when_created: null });
    expect(Object.keys(life[0] ?? {})).toEqual(
      expect.arrayContaining(STATE_COLUMNS.filter((name) => name !== 'db_last_updated')),
    );
  });

  test('a re-opened conversation is created again; one that lives holds until now', async () => {
    await put(storeRows([record(0, 'one'), record(10, null), record(30, 'two')]));
    const life = await changes('c1');
    expect(life.map(({ change }) => change)).toEqual(['created', 'deleted', 'created']);
    expect(life[2]).toMatchObject({ holds_until: null });
    expect(Number(life[2]?.['seconds'])).toBeGreaterThan(0);
    expect(await changes('nobody')).toEqual([]);
  });

  test('each step is in the table for as long as the step says, whatever the times', async () => {
    const any = fc.record({ second: fc.integer({ min: 0, max: 9 }), state: fc.constantFrom('a', 'b', null) });
    await fc.assert(
      fc.asyncProperty(fc.array(any, { minLength: 1, maxLength: 8 }), async (all) => {
        const records = all.map(({ second, state }, index) =>
          record(second, state === null ? null : `${state}${index}`),
        );
        await tests.clear();
        await put(storeRows(records));
        const life = await changes('c1');
        for (let second = 0; second <= 10; second += 1) {
          const instant = iso(NOON + second * 1_000);
          const inForce = life
            .filter(
              ({ holds_from: from, holds_until: until }) =>
                String(from) <= instant && (typeof until !== 'string' || instant < until),
            )
            .map(({ change, state }) => (change === 'deleted' ? null : state));
          const row = tableAt(records, NOON + second * 1_000).get('c1');
          expect({ second, inForce: inForce.filter((state) => state !== null) }).toEqual({
            second,
            inForce: row ? [row.state] : [],
          });
          expect(inForce.length).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 10 },
    );
  });
});

/** Batches of any size, in any order, some of them twice: what a sink that is killed and comes back may do. */
async function insertSomehow(rows: readonly StoreRow[], order: Iterable<number>): Promise<void> {
  const random = order[Symbol.iterator]();
  const next = (below: number): number => Number(random.next().value) % below;
  const batches: (readonly StoreRow[])[] = [];
  for (let from = 0; from < rows.length;) {
    const size = 1 + next(6);
    const batch = rows.slice(from, from + size);
    batches.push(batch);
    if (next(4) === 0) batches.push(batch);
    from += size;
  }
  const sorted = batches.map((batch) => ({ batch, key: next(1_000) })).sort((a, b) => a.key - b.key);
  for (const { batch } of sorted) await put(batch);
}
