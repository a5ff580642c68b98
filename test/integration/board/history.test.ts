import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHistory } from '../../../src/board/clickhouse-history';
import { addDay, dayOf, NO_DAY, type DayCounts } from '../../../src/board/counts';
import type { History } from '../../../src/board/history';
import type { QueueConversation, QueueVisit } from '../../../src/conversation';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { putVisits, visitRows, writerInto } from '../../support/clickhouse/store-rows';
import { truthLog } from '../../support/conversation/truth-log';
import { storeRows, tableAt } from '../../support/naive/naive-history';

/** What the board shows of the past, against the records and the simulator's truth. */
const { records, visits, visitRecords, now } = truthLog(
  { seed: 31, conversations: 200, agents: 12, conversationsPerSecond: 1 },
  1_500,
);
const began = Math.min(...records.map(({ timestamp }) => timestamp));
const INSTANTS = Array.from({ length: 12 }, (_, index) => began + Math.floor(((now - began) * (index + 0.37)) / 12));

let tests: TestStore;
let history: History;
beforeAll(async () => {
  tests = await storeForTests();
  await writerInto(tests.store).put(...storeRows(records));
  await putVisits(tests.store, visitRows(visitRecords));
  history = createHistory(tests.store);
});
afterAll(() => tests.close());

const byId = <T extends { readonly conversation_id: string }>(rows: Iterable<T>): readonly T[] =>
  [...rows].sort((a, b) => (a.conversation_id < b.conversation_id ? -1 : 1));
const talks = ({ purpose, state }: QueueConversation): boolean =>
  (purpose === 'agent' || purpose === 'user') && state === 'connected';

const waitOf = ({ entered_time, left_time }: QueueVisit): number => (left_time ?? entered_time) - entered_time;

test.each(INSTANTS)('the rows at %d are the rows that the table had then', async (at) => {
  const expected = byId(tableAt(records, at).values());
  expect(byId(await history.rowsAt(at, null))).toEqual(expected);
  const queueId = expected[0]?.queue_id ?? '';
  expect(byId(await history.rowsAt(at, queueId))).toEqual(expected.filter(({ queue_id }) => queue_id === queueId));
});

test('the table is never empty at these instants, and never the same', () => {
  const sizes = INSTANTS.map((at) => tableAt(records, at).size);
  expect(Math.min(...sizes.slice(1))).toBeGreaterThan(0);
  expect(new Set(sizes).size).toBeGreaterThan(3);
});

test('the board knows for every instant how many waited and talked in a queue', async () => {
  const [queueId = ''] = records.flatMap(({ row }) => row?.queue_id ?? []);
  const stepMs = 20_000;
  const from = began + 30_000;
  const points = await history.series({ queueId, from, to: now, stepMs });
  const expected = points.map(({ at }) => {
    const rows = [...tableAt(records, at).values()].filter(({ queue_id }) => queue_id === queueId);
    return { at, waiting: rows.filter(({ waiting }) => waiting).length, talking: rows.filter(talks).length };
  });
  expect(points).toEqual(expected);
  expect(points.length).toBe(Math.floor((now - from) / stepMs) + 1);
  expect(Math.max(...points.map(({ talking }) => talking))).toBeGreaterThan(0);
});

describe('visits', () => {
  const last = new Map(
    visitRecords.map((visit) => [`${visit.conversation_id} ${visit.participant_id}`, visit] as const),
  );

  const middleWait = (outcome: QueueVisit['outcome']): number => {
    const waits = [...last.values()].filter((visit) => visit.outcome === outcome).map(waitOf);
    return waits.sort((a, b) => a - b)[Math.floor(waits.length / 2)] ?? 0;
  };
  // Half of them count.
  const rule = { targetMs: middleWait('answered'), shortAbandonMs: middleWait('abandoned') };

  test.each(INSTANTS.slice(3))('the numbers of the day at %d follow from the times of the visits', async (at) => {
    const expected = new Map<string, DayCounts>();
    for (const visit of last.values()) {
      if (visit.entered_time < began || visit.entered_time > at) continue;
      // Who has not left yet waits.
      const then =
        visit.left_time === null || visit.left_time <= at ? visit : { ...visit, outcome: 'waiting' as const };
      const key = `${visit.queue_id} ${visit.media_type ?? ''}`;
      expected.set(key, addDay(expected.get(key) ?? NO_DAY, dayOf(then, rule)));
    }
    const lines = await history.dayAt(began, at, rule);
    expect(new Map(lines.map(({ queueId, media, day }) => [`${queueId} ${media ?? ''}`, day]))).toEqual(expected);
  });

  test('at these instants there are some of every kind that is counted', async () => {
    const days = await Promise.all(INSTANTS.map((at) => history.dayAt(began, at, rule)));
    const all = days.flat().reduce((sum, { day }) => addDay(sum, day), NO_DAY);
    expect(Object.values(all).filter((count) => count === 0)).toEqual([]);
    expect(all.answeredInTarget).toBeLessThan(all.answered);
    expect(all.shortAbandoned).toBeLessThan(all.abandoned);
  });

  test('say since when customers talked to who had answered and was still there', async () => {
    let found = 0;
    for (const at of INSTANTS) {
      const rows = [...tableAt(records, at).values()];
      for (const queueId of new Set(rows.map(({ queue_id }) => queue_id))) {
        const ids = new Set(rows.filter(({ queue_id }) => queue_id === queueId).map((row) => row.conversation_id));
        const expected = new Map<string, number>();
        for (const { conversation_id: id, answered_time: since, agent_left_time: left } of last.values()) {
          if (!ids.has(id) || since === null || since > at || (left !== null && left <= at)) continue;
          expected.set(id, Math.max(since, expected.get(id) ?? 0));
        }
        found += expected.size;
        expect([...(await history.answersAt(queueId, at))].sort()).toEqual([...expected].sort());
      }
    }
    expect(found).toBeGreaterThan(0);
  });

  test('of a conversation are all of them, the first one first', async () => {
    const [id = ''] = visits.flatMap(({ conversation_id }, index) =>
      visits.findIndex((each) => each.conversation_id === conversation_id) < index ? [conversation_id] : [],
    );
    const expected = [...last.values()]
      .filter(({ conversation_id }) => conversation_id === id)
      .sort((a, b) => a.entered_time - b.entered_time);
    const found: readonly QueueVisit[] = await history.visitsOf(id);
    expect(found).toEqual(expected);
    expect(found.length).toBeGreaterThan(1);
  });

  test('make the quarters of an hour, of one queue and of all', async () => {
    const period = { from: began - 3_600_000, to: now + 1, minutes: 15, ...rule };
    const counted = visits.filter(({ consult }) => !consult);
    const all = await history.intervals({ queueId: null, ...period });
    const sum = (of: (each: (typeof all)[number]) => number): number =>
      all.reduce((total, each) => total + of(each), 0);
    expect(sum(({ offered }) => offered)).toBe(counted.length);
    expect(sum(({ answered }) => answered)).toBe(counted.filter(({ outcome }) => outcome === 'answered').length);
    expect(sum(({ abandoned }) => abandoned)).toBe(counted.filter(({ outcome }) => outcome === 'abandoned').length);
    const queueId = counted[0]?.queue_id ?? '';
    const one = await history.intervals({ queueId, ...period });
    expect(one.reduce((total, { offered }) => total + offered, 0)).toBe(
      counted.filter(({ queue_id }) => queue_id === queueId).length,
    );
  });
});

test('a conversation step by step, and nothing of an unknown one', async () => {
  const countOf = (id: string): number => records.filter(({ conversationId }) => conversationId === id).length;
  const ids = [...new Set(records.map(({ conversationId }) => conversationId))];
  const [id = ''] = ids.sort((a, b) => countOf(b) - countOf(a));
  const own = records.filter(({ conversationId }) => conversationId === id);
  const versions = await history.versions(id);
  expect(versions.map(({ state }) => state)).toEqual(own.map(({ row }) => row?.state ?? null));
  expect(versions[0]?.change).toBe('created');
  expect(await history.versions('unknown')).toEqual([]);
  expect(await history.visitsOf('unknown')).toEqual([]);
});

test('how far back one may look', async () => {
  expect(await history.oldest()).toBe(
    Math.min(...records.map(({ row, timestamp }) => row?.db_last_updated ?? timestamp)),
  );
});
