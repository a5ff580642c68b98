import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ConversationEvent, readWire } from '../../../src/conversation';
import { counted } from '../../../src/conversation/counted';
import { DEFAULT_FOLD_SETTINGS } from '../../../src/conversation/folded';
import { createPartitionFold } from '../../../src/conversation/partition';
import type { Participant } from '../../../src/conversation/state';
import { FIELDS } from '../../../src/conversation/versions';
import { giveSameVisits } from '../../../src/conversation/visit-inputs';
import { visits } from '../../../src/conversation/visits';
import { generateEvents } from '../../../src/simulator';
import { stream } from '../../support/conversation/conversation-arbitraries';
import { eventOf } from '../../support/conversation/conversation-fold';
import { visitLines } from '../../support/conversation/visit-arbitraries';

/** The fold leaves the projection out where `giveSameVisits` says so. So that must be true whenever it says it. */
const project = (participants: readonly Participant[]) => visits('c1', counted(participants), 0);

/** What was known of each conversation, after each event that changed it. */
function knowledge(events: Iterable<ConversationEvent | null>): readonly (readonly Participant[])[][] {
  const fold = createPartitionFold(DEFAULT_FOLD_SETTINGS);
  const known = new Map<string, (readonly Participant[])[]>();
  for (const event of events) {
    if (event === null) continue;
    fold.apply(event);
    for (const [id, state] of fold.takeChanges()) {
      if (state?.kind === 'open') known.set(id, [...(known.get(id) ?? []), state.participants]);
    }
  }
  return [...known.values()];
}

const streams = fc.oneof(stream(14), visitLines());

describe('what visits are made of', () => {
  const expectSound = (all: readonly (readonly Participant[])[][]): number => {
    let alike = 0;
    for (const states of all) {
      for (const [index, now] of states.entries()) {
        const before = states[index - 1];
        if (before === undefined || before === now || !giveSameVisits(before, now)) continue;
        alike += 1;
        expect(project(now)).toEqual(project(before));
      }
    }
    return alike;
  };

  test('in random streams, the inputs of visits differ after every event that changes a visit', () => {
    fc.assert(
      fc.property(streams, (lines) => void expectSound(knowledge(lines.map(eventOf)))),
      { numRuns: 500 },
    );
  });

  test('… and of simulated conversations, where it often is the same', () => {
    const events: ConversationEvent[] = [];
    for (const { at, frame } of generateEvents({ seed: 5, conversations: 300 })) {
      const outcome = readWire(frame, at);
      if (outcome.kind === 'event') events.push(outcome.event);
    }
    const all = knowledge(events);
    expect(expectSound(all)).toBeGreaterThan(all.flat().length / 20);
  });

  // Every field of the state, one at a time: a field that the projection comes to read must be compared, too.
  test('is never the same where any one field of the state differs and a visit with it', () => {
    const value = fc.record({
      time: fc.constantFrom(null, 0, 1_772_445_600_000, 1_772_445_610_001),
      truth: fc.boolean(),
      text: fc.constantFrom(null, 'x', 'transfer', 'agent', 'acd'),
      object: fc.constant(null),
    });
    const counts = { alike: 0, different: 0 };
    fc.assert(
      fc.property(streams, fc.nat(), fc.nat(), value, (lines, which, field, to) => {
        const before = knowledge(lines.map(eventOf)).flat().at(-1) ?? [];
        const now = structuredClone(before) as Participant[];
        const place = placesOf(now)[which % Math.max(1, placesOf(now).length)];
        if (place === undefined) return;
        const name = place.fields[field % place.fields.length] ?? '';
        place.object[name] = to[kindOf(name)];
        if (giveSameVisits(before, now)) {
          counts.alike += 1;
          expect({ name, visits: project(now) }).toEqual({ name, visits: project(before) });
        } else counts.different += 1;
      }),
      { numRuns: 2_000 },
    );
    expect(counts.alike).toBeGreaterThan(100);
    expect(counts.different).toBeGreaterThan(100);
  });
});

interface Place {
  readonly object: Record<string, unknown>;
  readonly fields: readonly string[];
}

const TRUTHS: ReadonlySet<string> = new Set(['supervisor', 'consult', 'connected', 'ended']);
const OBJECTS: ReadonlySet<string> = new Set(['skills', 'afterCallWork', 'messages']);
/** A state without them is none. */
const ALWAYS: ReadonlySet<string> = new Set(['id', 'position', 'communications', 'versions', 'index', 'medium']);

function kindOf(name: string): 'time' | 'truth' | 'text' | 'object' {
  if (TRUTHS.has(name)) return 'truth';
  if (OBJECTS.has(name)) return 'object';
  return /(?:Time|At|progress)$/.test(name) ? 'time' : 'text';
}

function placesOf(participants: readonly Participant[]): Place[] {
  const placeOf = (object: object, fields = Object.keys(object)): Place => ({
    object: object as Record<string, unknown>,
    fields: fields.filter((name) => !ALWAYS.has(name)),
  });
  return participants.flatMap((participant) => [
    placeOf(participant),
    ...participant.communications.flatMap((leg) => [
      placeOf(leg),
      ...leg.versions.map((version) => placeOf(version, ['ended', 'progress', ...FIELDS])),
    ]),
  ]);
}
