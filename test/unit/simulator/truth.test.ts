import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import {
  type ConversationState,
  printableRow,
  printableVisit,
  type QueueConversation,
  STATE_COLUMNS,
} from '../../../src/conversation';
import { DEFAULT_FOLD_SETTINGS, fold } from '../../../src/conversation/fold';
import { DEFAULT_LIMITS } from '../../../src/conversation/limits';
import { normaliseConversation } from '../../../src/conversation/normalise';
import { generateEvents, type EventStream, type TruthRow } from '../../../src/simulator';

const COLUMNS = STATE_COLUMNS.filter((column) => column !== 'db_last_updated' && column !== 'db_when_created');

/** Calls `check` after each event with the truth about its conversation. */
function afterEachEvent(stream: EventStream, check: (truth: TruthRow | null, conversationId: string) => void): void {
  for (const { conversationId } of stream) {
    if (conversationId !== null) check(stream.truthOf(conversationId), conversationId);
  }
}

describe("the simulator's truth", () => {
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

  test('of visits is what the fold makes of 3,000 conversations, column by column, after each event', () => {
    const states = new Map<string, ConversationState | null>();
    const visits = new Map<string, Map<string, unknown>>();
    const outcomes = new Map<unknown, number>();
    let [missed, consults] = [0, 0];
    const stream = generateEvents({ seed: 41, conversations: 3_000, agents: 50 });
    let told: unknown = null;
    for (const { at, conversationId: id, frame } of stream) {
      // Two watched queues send the same snapshot.
      if (id === null || frame.eventBody === told) continue;
      told = frame.eventBody;
      const outcome = normaliseConversation(frame.eventBody, at, 'websocket', DEFAULT_LIMITS);
      if (outcome.kind !== 'event') throw new Error(`a generated event is ${outcome.kind}`);
      const folded = fold(states.get(id) ?? null, outcome.event, DEFAULT_FOLD_SETTINGS);
      states.set(id, folded.state);
      const known = visits.get(id) ?? new Map<string, unknown>();
      visits.set(id, known);
      for (const { visit } of folded.visits ?? []) {
        const { db_last_updated: written, ...columns } = printableVisit(visit);
        if (written !== new Date(at).toISOString()) throw new Error(`written at ${String(written)}`);
        known.set(visit.participant_id, columns);
        outcomes.set(visit.outcome, (outcomes.get(visit.outcome) ?? 0) + 1);
        missed += visit.offers_missed;
        consults += Number(visit.consult);
      }
      const expected = stream.visitsOf(id);
      if (!isDeepStrictEqual([...known.values()], [...expected])) expect([...known.values()]).toEqual(expected);
    }
    expect([...outcomes.keys()].sort()).toEqual(['abandoned', 'answered', 'flowed_out', 'waiting']);
    for (const count of [...outcomes.values(), missed, consults]) expect(count).toBeGreaterThan(10);
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
