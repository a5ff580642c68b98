import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { addDay, dayOf, NO_DAY } from '../../../src/board/counts';
import { Picture, type QueueLine } from '../../../src/board/picture';
import { countRows, type QueueConversation, type QueueVisit } from '../../../src/conversation';

const MIDNIGHT = Date.UTC(2026, 2, 2);
const RULE = { targetMs: 20_000, shortAbandonMs: 5_000 };
const dayStart = (now: number): number => Math.floor(now / 86_400_000) * 86_400_000;

const row = fc.record({
  conversation_id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  queue_id: fc.constantFrom('q1', 'q2', 'q3'),
  media_type: fc.constantFrom('Voice', 'Email', null),
  purpose: fc.constantFrom('acd', 'agent', 'user', 'customer'),
  state: fc.constantFrom('connected', 'alerting', 'disconnected', null),
  waiting: fc.boolean(),
  acw_state: fc.constantFrom('pending', null),
  queue_connected_time: fc.integer({ min: MIDNIGHT, max: MIDNIGHT + 1_000_000 }),
}) as fc.Arbitrary<unknown> as fc.Arbitrary<QueueConversation>;
const visit = fc.record({
  conversation_id: fc.constantFrom('a', 'b', 'c'),
  participant_id: fc.constantFrom('p1', 'p2'),
  queue_id: fc.constantFrom('q1', 'q2'),
  media_type: fc.constantFrom('Voice', null),
  consult: fc.boolean(),
  outcome: fc.constantFrom('waiting', 'answered', 'abandoned', 'flowed_out'),
  entered_time: fc.integer({ min: MIDNIGHT - 100_000, max: MIDNIGHT + 100_000 }),
  left_time: fc.option(fc.integer({ min: MIDNIGHT - 50_000, max: MIDNIGHT + 200_000 })),
  answered_time: fc.option(fc.integer({ min: MIDNIGHT - 50_000, max: MIDNIGHT + 200_000 })),
  agent_left_time: fc.constantFrom(null, null, MIDNIGHT + 300_000),
}) as fc.Arbitrary<unknown> as fc.Arbitrary<QueueVisit>;

type Step =
  | { readonly kind: 'upsert'; readonly row: QueueConversation }
  | { readonly kind: 'delete'; readonly id: string }
  | { readonly kind: 'visit'; readonly visit: QueueVisit }
  | { readonly kind: 'erase'; readonly visitId: string }
  | { readonly kind: 'reset' | 'turn' | 'reset-visits' };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: row.map((each): Step => ({ kind: 'upsert', row: each })) },
  { weight: 3, arbitrary: fc.constantFrom('a', 'b', 'c', 'd', 'e').map((id): Step => ({ kind: 'delete', id })) },
  { weight: 3, arbitrary: visit.map((each): Step => ({ kind: 'visit', visit: each })) },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: 'turn' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'reset' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'reset-visits' }) },
  { weight: 1, arbitrary: fc.constantFrom('a/p1', 'b/p2').map((visitId): Step => ({ kind: 'erase', visitId })) },
);

/** What the picture must be, computed from the tables alone. */
class Tables {
  readonly rows = new Map<string, QueueConversation>();
  readonly visits = new Map<string, QueueVisit>();

  apply(picture: Picture, each: Step): void {
    switch (each.kind) {
      case 'upsert':
        picture.upsertRow(each.row);
        this.rows.set(each.row.conversation_id, each.row);
        return;
      case 'delete':
        picture.deleteRow(each.id);
        this.rows.delete(each.id);
        return;
      case 'visit':
        picture.upsertVisit(`${each.visit.conversation_id}/${each.visit.participant_id}`, each.visit);
        this.visits.set(`${each.visit.conversation_id}/${each.visit.participant_id}`, each.visit);
        return;
      case 'reset':
        picture.clearRows();
        this.rows.clear();
        return;
      case 'erase':
        picture.deleteVisit(each.visitId);
        this.visits.delete(each.visitId);
        return;
      case 'reset-visits':
        picture.clearVisits();
        this.visits.clear();
        return;
      case 'turn':
        picture.turn(MIDNIGHT);
    }
  }

  /** Since when the customer talks to who answered last and is still there. */
  answered({ conversation_id: id }: QueueConversation): number | null {
    const talks = [...this.visits.values()].filter(
      (each) => each.conversation_id === id && each.answered_time !== null && each.agent_left_time === null,
    );
    return talks.length === 0 ? null : Math.max(...talks.map(({ answered_time: at }) => at ?? 0));
  }

  lines(): Record<string, unknown> {
    const today = [...this.visits.values()].filter(({ entered_time }) => entered_time >= MIDNIGHT);
    const keys = new Set([...this.rows.values(), ...today].map((each) => `${each.queue_id} ${each.media_type}`));
    return Object.fromEntries(
      [...keys].map((key) => {
        const isOf = (each: { queue_id: string; media_type: string | null }) =>
          `${each.queue_id} ${each.media_type}` === key;
        const day = today.filter(isOf).reduce((sum, each) => addDay(sum, dayOf(each, RULE)), NO_DAY);
        return [key, { live: countRows([...this.rows.values()].filter(isOf)), day }];
      }),
    );
  }
}

/** Lines that say anything: a line of zeros is as good as none. */
function saying(lines: Iterable<QueueLine>): Record<string, unknown> {
  return Object.fromEntries(
    [...lines]
      .filter(({ live, day }) => live.conversations > 0 || day.offered > 0)
      .map(({ queueId, media, live, day }) => [`${queueId} ${media}`, { live, day }]),
  );
}

const withoutConsults = (lines: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(lines).filter(([, value]) => {
      const { live, day } = value as QueueLine;
      return live.conversations > 0 || day.offered > 0;
    }),
  );

test('a viewer that applies all changes has the tables, whenever it asks', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.constantFrom('q1', 'q2'),
      fc.infiniteStream(fc.boolean()),
      (steps, queueId, asks) => {
        const picture = new Picture({ rule: RULE, dayStart }, MIDNIGHT);
        const tables = new Tables();
        const seenLines = new Map<string, QueueLine>();
        let seenRows = new Map<string, QueueConversation>();
        let seen = 0;
        const look = (): void => {
          picture.turn(MIDNIGHT);
          for (const line of picture.lines(seen)) seenLines.set(`${line.queueId} ${line.media}`, line);
          const { full, rows, gone } = picture.queue(queueId, seen);
          if (full) seenRows = new Map();
          for (const id of gone) seenRows.delete(id);
          for (const each of rows) seenRows.set(each.conversation_id, each);
          seen = picture.version;
          expect(saying(seenLines.values())).toEqual(withoutConsults(tables.lines()));
          const inQueue = [...tables.rows.values()].filter(({ queue_id }) => queue_id === queueId);
          expect(seenRows).toEqual(
            new Map(inQueue.map((each) => [each.conversation_id, { ...each, answered_time: tables.answered(each) }])),
          );
        };
        for (const each of steps) {
          tables.apply(picture, each);
          if (asks.next().value) look();
        }
        look();
      },
    ),
    { numRuns: 300 },
  );
});

test('visits of yesterday leave the day at midnight, also while nothing happens', () => {
  const picture = new Picture({ rule: RULE, dayStart }, MIDNIGHT);
  const [visitToday] = fc.sample(visit, { numRuns: 1, seed: 1 });
  if (visitToday === undefined) throw new Error('no visit was made');
  picture.upsertVisit('a/p1', { ...visitToday, consult: false, entered_time: MIDNIGHT + 1 });
  picture.turn(MIDNIGHT + 2);
  expect(picture.lines(0).map(({ day }) => day.offered)).toEqual([1]);
  const before = picture.version;
  expect(picture.turn(MIDNIGHT + 86_400_000)).toBe(true);
  expect(picture.lines(before).map(({ day }) => day)).toEqual([NO_DAY]);
});

test('who has left a queue is remembered for a while; a viewer that was away for longer gets the queue as a whole', () => {
  const picture = new Picture({ rule: RULE, dayStart }, MIDNIGHT);
  const [first] = fc.sample(row, { numRuns: 1, seed: 1 });
  if (first === undefined) throw new Error('no row was made');
  picture.upsertRow({ ...first, conversation_id: 'a', queue_id: 'q1' });
  picture.turn(MIDNIGHT);
  const early = picture.version;
  picture.deleteRow('a');
  picture.turn(MIDNIGHT);
  expect(picture.queue('q1', early)).toEqual({ full: false, rows: [], gone: ['a'] });
  for (let turn = 0; turn < 10_000; turn += 1) {
    picture.upsertRow({ ...first, conversation_id: 'b', queue_id: 'q2' });
    picture.turn(MIDNIGHT);
  }
  expect(picture.queue('q1', early)).toEqual({ full: true, rows: [], gone: [] });
});
