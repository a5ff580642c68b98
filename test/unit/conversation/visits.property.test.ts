import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DEFAULT_FOLD_SETTINGS } from '../../../src/conversation';
import type { ConversationEvent } from '../../../src/conversation/event';
import { fold } from '../../../src/conversation/fold';
import { DEFAULT_LIMITS } from '../../../src/conversation/limits';
import type { ConversationState } from '../../../src/conversation/state';
import { normaliseConversation } from '../../../src/conversation/wire/normalise';
import { generateEvents } from '../../../src/simulator';

/** Whole lives of simulated conversations: their snapshots up to the one that ends them. */
function lives(): readonly (readonly ConversationEvent[])[] {
  const events = new Map<string, ConversationEvent[]>();
  let told: unknown = null;
  for (const { at, conversationId, frame } of generateEvents({ seed: 31, conversations: 400 })) {
    // Two watched queues send the same snapshot.
    if (conversationId === null || frame.eventBody === told) continue;
    told = frame.eventBody;
    const outcome = normaliseConversation(frame.eventBody, at, 'websocket', DEFAULT_LIMITS);
    if (outcome.kind !== 'event') throw new Error('a generated event is none');
    events.set(conversationId, [...(events.get(conversationId) ?? []), outcome.event]);
  }
  const isEnd = (event: ConversationEvent): boolean => fold(null, event, DEFAULT_FOLD_SETTINGS).state?.kind === 'ended';
  // What comes after the end tells of after-call work, or re-opens the conversation.
  return [...events.values()].map((all) => all.slice(0, all.findIndex(isEnd) + 1)).filter(({ length }) => length > 1);
}

/** The last version of each visit, without what may differ: when it was written, and a time that is only provisional. */
function visitsOf(events: readonly ConversationEvent[]): Readonly<Record<string, unknown>> {
  let state: ConversationState | null = null;
  const last = new Map<string, unknown>();
  for (const event of events) {
    const folded = fold(state, event, DEFAULT_FOLD_SETTINGS);
    state = folded.state;
    for (const { visit } of folded.visits ?? []) last.set(visit.participant_id, { ...visit, db_last_updated: null });
  }
  return Object.fromEntries(last);
}

describe('section 4 of the specification of visits', () => {
  const all = lives();

  test('any order of the snapshots of a life that leaves its end last gives the same visits', () => {
    let visits = 0;
    const shuffled = fc
      .constantFrom(...all)
      .chain((life) =>
        fc.tuple(fc.constant(life), fc.shuffledSubarray(life.slice(0, -1), { minLength: life.length - 1 })),
      );
    fc.assert(
      fc.property(shuffled, ([life, order]) => {
        const expected = visitsOf(life);
        visits += Object.keys(expected).length;
        expect(visitsOf([...order, ...life.slice(-1)])).toEqual(expected);
      }),
      { numRuns: 400 },
    );
    expect(all.length).toBeGreaterThan(200);
    expect(visits).toBeGreaterThan(200);
  });

  test('a conversation that was never live still writes its visits', () => {
    const [life] = all.filter((each) => Object.keys(visitsOf(each)).length > 1);
    const end = life?.slice(-1) ?? [];
    expect(Object.keys(visitsOf(end)).length).toBeGreaterThan(1);
    expect(visitsOf(end)).toEqual(visitsOf(life ?? []));
  });
});
