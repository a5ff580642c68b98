import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { printableVisit, type QueueVisit } from '../../../src/conversation';
import { visitKey } from '../../../src/log';
import type { VisitRow } from '../../../src/store/encode';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { putVisits, visitRow } from '../../support/clickhouse/store-rows';
import { aVisit, NOON } from '../../support/conversation/rows';
import { intervalsOf, type IntervalQuestion } from '../../support/naive/naive-intervals';

let tests: TestStore;
beforeAll(async () => {
  tests = await storeForTests();
});
afterEach(() => tests.clear());
afterAll(() => tests.close());

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const inTable = (view: string, where = 'true') =>
  tests.rows(
    `SELECT * FROM \`${tests.store.database}\`.${view} WHERE ${where} ORDER BY conversation_id, participant_id`,
  );
const printed = (visits: Iterable<QueueVisit>) =>
  [...visits].sort((a, b) => (visitKey(a) < visitKey(b) ? -1 : 1)).map(printableVisit);
const iso = (ms: number): string => new Date(ms).toISOString();
/** ClickHouse's literal of a time. */
const at = (ms: number): string => `'${iso(ms).replace('T', ' ').replace('Z', '')}'`;

const ANSWERED: Partial<QueueVisit> = {
  left_time: NOON + 20_000,
  outcome: 'answered',
  disconnect_type: 'transfer',
  routing_skill_id: 'a,b',
  offers: 2,
  offers_missed: 1,
  answered_time: NOON + 20_002,
  user_id: 'u1',
  agent_participant_id: 'p2',
  agent_communication_id: 's2',
  agent_left_time: NOON + 80_002,
};

describe('queue_visit', () => {
  test('is there when insert resolves, every column as it was', async () => {
    const odd = {
      conversation_id: 'c/%"\\\'é',
      participant_id: "p'\\",
      consult: true,
      media_type: null,
      direction: null,
    };
    await putVisits(tests.store, [visitRow(42, ANSWERED, 3), visitRow(43, odd)]);
    expect(await inTable('queue_visit')).toEqual(printed([aVisit(ANSWERED), aVisit(odd)]));
  });

  test('may leave times in more than 100 months at once', async () => {
    const months = Array.from({ length: 105 }, (_, month) => Date.UTC(2000, month, 15));
    const visitsAt = (shiftMs: number, offset: number) =>
      months.map((ms, i) => visitRow(offset + i, { conversation_id: `c${i}`, entered_time: ms + shiftMs }));
    await putVisits(tests.store, visitsAt(0, 0));
    await putVisits(tests.store, visitsAt(HOUR_MS, 1_000));
    const found = await inTable('queue_visit');
    expect(found.map((row) => row['entered_time']).sort()).toEqual(months.map((ms) => iso(ms + HOUR_MS)));
  });

  test('a topic that was recreated wins with its low offsets', async () => {
    await putVisits(tests.store, [visitRow(2 ** 48 - 1, { queue_id: 'old' })]);
    await putVisits(tests.store, [visitRow(0, { queue_id: 'new', entered_time: NOON - DAY_MS })], 1);
    expect(await inTable('queue_visit')).toMatchObject([{ queue_id: 'new' }]);
  });

  test('the last version in the log wins, also if versions come again, late, or from several sinks, with whatever times', async () => {
    const change = fc.record({
      visit: fc.constantFrom('a', 'b', 'c'),
      // A millisecond apart, and around a midnight at which a month ends, too.
      enteredAfter: fc.constantFrom(0, 1, DAY_MS - 1, DAY_MS, 20 * DAY_MS, -1),
      offers: fc.nat({ max: 5 }),
    });
    const midnight = Date.UTC(2026, 3, 1);
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 15 }),
        fc.infiniteStream(fc.nat()),
        async (log, dice) => {
          await tests.clear();
          const roll = (sides: number) => Number(dice.next().value) % sides;
          const records = log.map(({ visit, enteredAfter, offers }, offset): VisitRow => {
            return visitRow(offset, { participant_id: visit, entered_time: midnight + enteredAfter, offers });
          });
          const sent = [...records, ...records.filter(() => roll(3) === 0)];
          for (let i = sent.length - 1; i > 0; i -= 1) {
            const j = roll(i + 1);
            [sent[i], sent[j]] = [sent[j] as VisitRow, sent[i] as VisitRow];
          }
          while (sent.length > 0) {
            const some = () => sent.splice(0, 1 + roll(4));
            await Promise.all([putVisits(tests.store, some()), putVisits(tests.store, some())]);
          }
          const last = new Map(records.map(({ visit }) => [visit.participant_id, visit]));
          expect(await inTable('queue_visit')).toEqual(printed(last.values()));
          // A range is read alone: nothing outside of it may be missed or come back.
          const [from, to] = [midnight, midnight + DAY_MS];
          const within = [...last.values()].filter(({ entered_time: ms }) => ms >= from && ms < to);
          expect(await inTable('queue_visit', `entered_time >= ${at(from)} AND entered_time < ${at(to)}`)).toEqual(
            printed(within),
          );
        },
      ),
      { numRuns: 10 },
    );
  });

  test('has names and durations beside the ids in queue_visit_named; none is below 0', async () => {
    const names = `\`${tests.store.database}\`.names`;
    await tests.store.client.command({
      query: `INSERT INTO ${names} (kind, id, name, version) VALUES ('queue', 'q1', 'Claims', 1), ('user', 'u1', 'Ann', 1)`,
    });
    await putVisits(tests.store, [
      visitRow(1, ANSWERED),
      visitRow(2, { participant_id: 'p2', queue_id: 'q2' }),
      visitRow(3, { participant_id: 'p3', ...ANSWERED, user_id: 'u2', left_time: NOON - 1, agent_left_time: NOON }),
    ]);
    expect(await inTable('queue_visit_named')).toMatchObject([
      { queue_name: 'Claims', user_name: 'Ann', wait_ms: '20000', talk_ms: '60000' },
      { queue_name: 'q2', user_name: null, wait_ms: null, talk_ms: null },
      { queue_name: 'Claims', user_name: 'u2', wait_ms: '0', talk_ms: '0' },
    ]);
  });
});

describe('queue_intervals', () => {
  const ask = ({ from, to, minutes, targetSeconds, shortAbandonSeconds }: IntervalQuestion) =>
    tests.rows(
      `SELECT * FROM \`${tests.store.database}\`.queue_intervals(from = '${iso(from)}', to = '${iso(to)}', ` +
        `minutes = ${minutes}, target_seconds = ${targetSeconds}, short_abandon_seconds = ${shortAbandonSeconds})`,
    );
  /** But for the wait of those who still wait, which goes on, and for how a fraction is written. */
  const rounded = (rows: readonly Readonly<Record<string, unknown>>[]) =>
    rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => {
          if (name === 'longest_wait_ms' && value !== null && Number(value) > 30 * DAY_MS) return [name, 'until now'];
          const number = /_ms$|_level$/.test(name) && value !== null ? Number(Number(value).toFixed(6)) : value;
          return [name, typeof number === 'number' || number === null ? number : JSON.stringify(number)];
        }),
      ),
    );

  test('is what a naive computation makes of visits, at every boundary', async () => {
    const start = Date.UTC(2026, 2, 1);
    const waitMs = fc.constantFrom(-5, 0, 4_999, 5_000, 5_001, 20_000, 20_001, 90_000);
    const visit = fc
      .record({
        queue_id: fc.constantFrom('q1', 'q2'),
        media_type: fc.constantFrom('Voice', 'Chat', null),
        consult: fc.boolean(),
        entered: fc.constantFrom(-1, 0, 1, 1_799_999, 1_800_000, HOUR_MS, DAY_MS - 1, DAY_MS),
        outcome: fc.constantFrom<QueueVisit['outcome']>('waiting', 'answered', 'abandoned', 'flowed_out', 'unknown'),
        waitMs,
        talkMs: fc.constantFrom(null, -3, 0, 61_000),
        offers: fc.nat({ max: 3 }),
        missed: fc.nat({ max: 2 }),
      })
      .map(
        ({
          queue_id,
          media_type,
          consult,
          entered,
          outcome,
          waitMs: wait,
          talkMs,
          offers,
          missed,
        }): Partial<QueueVisit> => {
          const entered_time = start + entered;
          const hasLeft = outcome !== 'waiting' && outcome !== 'unknown';
          const answered_time = outcome === 'answered' ? entered_time + wait + 2 : null;
          return {
            ...{ queue_id, media_type, consult, entered_time, outcome },
            left_time: hasLeft ? entered_time + wait : null,
            answered_time,
            agent_left_time: answered_time === null || talkMs === null ? null : answered_time + talkMs,
            ...{ offers, offers_missed: missed },
          };
        },
      );
    await fc.assert(
      fc.asyncProperty(
        // Many at once, because a question costs the same however many there are.
        fc.array(visit, { minLength: 40, maxLength: 100 }),
        fc.constantFrom(1, 30, 7, 1_440),
        async (visits, minutes) => {
          await tests.clear();
          const all = visits.map((one, index) => visitRow(index, { ...one, conversation_id: `c${index}` }));
          await putVisits(tests.store, all);
          const question = { from: start, to: start + DAY_MS, minutes, targetSeconds: 20, shortAbandonSeconds: 5 };
          const naive = intervalsOf(
            all.map((row) => row.visit),
            question,
          );
          expect(rounded(await ask(question))).toEqual(rounded(naive));
        },
      ),
      { numRuns: 15 },
    );
  });

  test('has no service level where nobody counts, and counts consults apart', async () => {
    const left = { left_time: NOON + 1_000, outcome: 'abandoned' } as const;
    await putVisits(tests.store, [
      visitRow(1, left),
      visitRow(2, { ...ANSWERED, participant_id: 'p2', consult: true }),
      visitRow(3, { participant_id: 'p3', queue_id: 'q2', consult: true }),
    ]);
    const question = { from: NOON, to: NOON + 1, minutes: 15, targetSeconds: 20, shortAbandonSeconds: 5 };
    expect(await ask(question)).toMatchObject([
      {
        queue_id: 'q1',
        offered: '1',
        consults: '1',
        abandoned: '1',
        short_abandoned: '1',
        answered: '0',
        service_level: null,
      },
      { queue_id: 'q2', offered: '0', consults: '1', waiting: '0', longest_wait_ms: null, service_level: null },
    ]);
  });

  test('understands times with an offset, and shows the names of queues', async () => {
    const names = `\`${tests.store.database}\`.names`;
    await tests.store.client.command({
      query: `INSERT INTO ${names} (kind, id, name, version) VALUES ('queue', 'q1', 'Claims', 1)`,
    });
    await putVisits(tests.store, [visitRow(1)]);
    const rows = (from: string, to: string) =>
      tests.rows(
        `SELECT interval_start, queue_name FROM \`${tests.store.database}\`.queue_intervals(from = '${from}', to = '${to}', ` +
          'minutes = 30, target_seconds = 20, short_abandon_seconds = 5)',
      );
    expect(await rows('2026-03-01T13:00:00+01:00', '2026-03-01T13:00:01+01:00')).toEqual([
      { interval_start: '2026-03-01T12:00:00.000Z', queue_name: 'Claims' },
    ]);
    expect(await rows('2026-03-01T11:00:00+01:00', '2026-03-01T13:00:00+01:00')).toEqual([]);
  });
});
