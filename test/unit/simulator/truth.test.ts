import { isDeepStrictEqual } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import {
  type ConversationState,
  DEFAULT_FOLD_SETTINGS,
  DEFAULT_LIMITS,
  fold,
  normaliseConversation,
  printableRow,
  printableVisit,
  type QueueConversation,
  STATE_COLUMNS,
} from '../../../src/conversation';
import { type Behaviour, BEHAVIOURS, generateEvents, type EventStream, type TruthRow } from '../../../src/simulator';
import { createOrganisation } from '../../../src/simulator/organisation';
import { type NotificationFrame } from '../../../src/simulator/render';
import { type TruthVisit } from '../../../src/simulator/visit-truth';

/** What the truth has to say of the visits of a conversation that did this. */
const TOLD: Partial<Record<Behaviour, (visits: readonly TruthVisit[]) => boolean>> = {
  abandoned: (visits) => visits.at(-1)?.outcome === 'abandoned',
  'abandoned-while-alerting': (visits) => {
    const last = visits.at(-1);
    return last?.outcome === 'abandoned' && last.offers > 0 && last.offers_missed === last.offers;
  },
  'abandoned-callback': ([visit]) => visit?.outcome === 'abandoned' && visit.media_type === 'Callback',
  voicemail: ([visit]) => visit?.outcome === 'flowed_out' && visit.disconnect_type === 'transfer',
  'flow-out-workflow': ([visit]) => visit?.outcome === 'flowed_out' && visit.disconnect_type === 'transfer',
  'blind-transfer': (visits) => visits.length >= 2 && visits[0]?.outcome === 'answered' && !visits.some(isConsult),
  'same-agent-again': ([one, other]) =>
    one?.agent_participant_id === other?.agent_participant_id &&
    one?.agent_communication_id !== other?.agent_communication_id,
  'consult-queue': ([one, other]) => one?.outcome === 'answered' && isConsult(other) && other?.outcome === 'answered',
  'consult-queue-left': ([, other]) => isConsult(other) && other?.outcome === 'answered',
  'consult-queue-cancelled': ([, other]) => isConsult(other) && other?.outcome === 'abandoned',
  'missed-alert': (visits) => visits.some((visit) => visit.offers_missed > 0),
  'offered-again': (visits) => visits.some((visit) => visit.offers > 1 && visit.outcome === 'answered'),
  'waits-for-days': ([visit]) => lasted(visit) > 24 * 3_600_000,
};

const isConsult = (visit: TruthVisit | undefined): boolean => visit?.consult === true;
const lasted = (visit: TruthVisit | undefined): number =>
  visit?.left_time == null ? 0 : Date.parse(visit.left_time) - Date.parse(visit.entered_time);

const COLUMNS = STATE_COLUMNS.filter((column) => column !== 'db_last_updated' && column !== 'db_when_created');

/** Calls `check` after each event with the truth about its conversation. */
function afterEachEvent(stream: EventStream, check: (truth: TruthRow | null, conversationId: string) => void): void {
  for (const { conversationId } of stream) {
    if (conversationId !== null) check(stream.truthOf(conversationId), conversationId);
  }
}

/** 3,000 conversations, event by event: what the truth and the fold say of their visits, and what was played. */
function playVisits() {
  const organisation = createOrganisation({ seed: 41, conversations: 3_000, agents: 50, personalData: false });
  const states = new Map<string, ConversationState | null>();
  const folded = new Map<string, Map<string, unknown>>();
  const truths = new Map<string, readonly TruthVisit[]>();
  const did = new Map<string, Set<Behaviour>>();
  const different: { readonly id: string; readonly fold: unknown; readonly truth: unknown }[] = [];
  const outcomes = new Map<unknown, number>();
  const counts = { missed: 0, consults: 0 };

  function take(id: string, at: number, frame: NotificationFrame): void {
    const outcome = normaliseConversation(frame.eventBody, at, 'websocket', DEFAULT_LIMITS);
    if (outcome.kind !== 'event') throw new Error(`a generated event is ${outcome.kind}`);
    const result = fold(states.get(id) ?? null, outcome.event, DEFAULT_FOLD_SETTINGS);
    states.set(id, result.state);
    const known = folded.get(id) ?? new Map<string, unknown>();
    folded.set(id, known);
    for (const { visit } of result.visits ?? []) {
      const { db_last_updated: written, ...columns } = printableVisit(visit);
      if (written !== new Date(at).toISOString()) throw new Error(`written at ${String(written)}`);
      known.set(visit.participant_id, columns);
      outcomes.set(visit.outcome, (outcomes.get(visit.outcome) ?? 0) + 1);
      counts.missed += visit.offers_missed;
      counts.consults += Number(visit.consult);
    }
    const truth = organisation.visitsOf(id);
    truths.set(id, truth);
    if (!isDeepStrictEqual([...known.values()], [...truth])) different.push({ id, fold: [...known.values()], truth });
  }

  let taken: unknown = null;
  for (let noted = organisation.behaviours(); organisation.nextAt() !== null;) {
    const sent = organisation.step();
    const now = organisation.behaviours();
    for (const { at, conversationId: id, frame } of sent) {
      // A step changes one conversation: what it notes is that one's.
      const known = did.get(id) ?? new Set<Behaviour>();
      did.set(id, known);
      for (const behaviour of BEHAVIOURS) if (now[behaviour] > noted[behaviour]) known.add(behaviour);
      // Two watched queues send the same snapshot.
      if (frame.eventBody !== taken) take(id, at, frame);
      taken = frame.eventBody;
    }
    noted = now;
  }
  return { did, truths, different, outcomes, counts };
}

describe("the simulator's truth", () => {
  let played: ReturnType<typeof playVisits>;
  beforeAll(() => {
    played = playVisits();
  });

  test('the true visits are what the fold makes of 3,000 conversations, column by column, after each event', () => {
    const { different, outcomes, counts } = played;
    expect(different.slice(0, 1)).toEqual([]);
    expect([...outcomes.keys()].sort()).toEqual(['abandoned', 'answered', 'flowed_out', 'waiting']);
    for (const count of [...outcomes.values(), ...Object.values(counts)]) expect(count).toBeGreaterThan(10);
  });

  test('knows how each visit ends that the story plays', () => {
    for (const [behaviour, isTold] of Object.entries(TOLD)) {
      const those = [...played.did].filter(([, did]) => did.has(behaviour as Behaviour)).map(([id]) => id);
      expect([behaviour, those.length > 5]).toEqual([behaviour, true]);
      const untold = those.filter((id) => !isTold(played.truths.get(id) ?? []));
      expect([behaviour, untold]).toEqual([behaviour, []]);
    }
    const all = [...played.truths.values()].flat();
    expect(all.filter(({ outcome }) => outcome === 'waiting' || outcome === 'unknown')).toEqual([]);
  });

  test.each([11, 12, 13])('is what the fold makes of the events, after each single one (seed %i)', (seed) => {
    const states = new Map<string, ConversationState | null>();
    const rows = new Map<string, QueueConversation | null>();
    let compared = 0;
    const stream = generateEvents({ seed, conversations: 250, agents: seed === 12 ? 1 : 20 });
    for (const { at, conversationId: id, frame } of stream) {
      if (id === null) continue;
      const outcome = normaliseConversation(frame.eventBody, at, 'websocket', DEFAULT_LIMITS);
      if (outcome.kind !== 'event') throw new Error(`a generated event is ${outcome.kind}`);
      const folded = fold(states.get(id) ?? null, outcome.event, DEFAULT_FOLD_SETTINGS);
      states.set(id, folded.state);
      for (const record of folded.records) rows.set(id, record.row);
      const row = rows.get(id) ?? null;
      const printed = row && printableRow(row, COLUMNS);
      compared += 1;
      // Jest's own comparison is too slow for every event.
      if (!isDeepStrictEqual(printed, stream.truthOf(id))) expect(printed).toEqual(stream.truthOf(id));
    }
    expect(compared).toBeGreaterThan(2_000);
  });

  test('has rows that wait and rows that do not, of every medium', () => {
    const seen = new Set<string>();
    afterEachEvent(generateEvents({ seed: 14, conversations: 200 }), (truth) => {
      if (truth) seen.add(`${truth.media_type ?? 'none'} ${truth.waiting ? 'waits' : 'is handled'}`);
    });
    expect([...seen].sort()).toEqual(
      ['Callback', 'Chat', 'Email', 'Message', 'Voice'].flatMap((medium) => [
        `${medium} is handled`,
        `${medium} waits`,
      ]),
    );
  });

  test('an end is followed by no row, unless the conversation is re-opened, with a later connected_time', () => {
    const last = new Map<string, TruthRow>();
    const over = new Set<string>();
    let reopened = 0;
    afterEachEvent(generateEvents({ seed: 15, conversations: 300 }), (truth, id) => {
      const before = last.get(id);
      if (truth && before && over.has(id)) {
        reopened += 1;
        expect(truth.connected_time > before.connected_time).toBe(true);
        over.delete(id);
      } else if (truth && before) {
        expect(truth.connected_time).toBe(before.connected_time);
      } else if (before) {
        over.add(id);
      }
      if (truth) last.set(id, truth);
    });
    expect(reopened).toBeGreaterThan(0);
  });

  test('is empty when everybody has left', () => {
    const stream = generateEvents({ seed: 16, conversations: 100 });
    const events = [...stream].filter(({ conversationId }) => conversationId !== null).length;
    expect(stream.truth()).toEqual({ events, conversations: [] });
  });

  test('lists the conversations of the moment, ordered by id', () => {
    const stream = generateEvents({ seed: 17, conversations: 400 });
    const open = new Map<string, TruthRow>();
    let checked = 0;
    for (const { conversationId } of stream) {
      if (conversationId === null) continue;
      const row = stream.truthOf(conversationId);
      if (row) open.set(conversationId, row);
      else open.delete(conversationId);
      if ((checked += 1) % 200 !== 0) continue;
      const { conversations } = stream.truth();
      expect(conversations.map((one) => one.conversation_id)).toEqual([...open.keys()].sort());
      expect(conversations).toEqual(conversations.map((one) => open.get(one.conversation_id)));
    }
    expect(checked).toBeGreaterThan(200);
  });
});
