import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ConversationEvent } from '../../../src/conversation/event';
import { DEFAULT_FOLD_SETTINGS } from '../../../src/conversation/folded';
import { mergeParticipants } from '../../../src/conversation/merge';
import { createPartitionFold } from '../../../src/conversation/partition';
import { field, isEnded, type Communication, type Participant } from '../../../src/conversation/state';
import { RETENTION_MS, stream } from '../../support/conversation/conversation-arbitraries';
import {
  agent,
  at,
  chat,
  connected,
  legIn,
  snapshot,
  type Leg,
  type Wire,
} from '../../support/conversation/conversation-builders';
import { eventOf } from '../../support/conversation/conversation-fold';

const eventsOf = (lines: readonly string[]): ConversationEvent[] =>
  lines.map((line) => eventOf(line)).filter((event) => event !== null);

describe('section 3, property (a): the same snapshot again changes nothing', () => {
  const settings = { ...DEFAULT_FOLD_SETTINGS, endedRetentionMs: RETENTION_MS };

  test('within the window of duplicates: no record, no change of what is known', () => {
    fc.assert(
      fc.property(stream(12), fc.integer({ min: -10_000, max: 10_000 }), (lines, shift) => {
        const partition = createPartitionFold(settings);
        for (const event of eventsOf(lines)) {
          const isNews = partition.apply(event).outcome === 'folded' && !event.gone;
          partition.takeChanges();
          if (!isNews) continue;
          const again = { ...event, receivedAt: event.receivedAt + shift };
          const { records, visits } = partition.apply(again);
          expect(records).toEqual([]);
          // Of who supervises, an end keeps nothing but what had ended (docs/design.md, choice 4).
          const supervising = event.participants.filter(({ supervisor }) => supervisor).map(({ id }) => id);
          expect(visits.filter(({ visit }) => !supervising.includes(visit.participant_id))).toEqual([]);
          expect(partition.takeChanges().has(event.conversationId)).toBe(false);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('directly after itself, however much later while an end holds', () => {
    fc.assert(
      fc.property(stream(12), fc.integer({ min: 0, max: RETENTION_MS }), (lines, later) => {
        const partition = createPartitionFold(settings);
        for (const event of eventsOf(lines)) {
          if (partition.apply(event).outcome !== 'folded') continue;
          expect(partition.apply({ ...event, receivedAt: event.receivedAt + later }).records).toEqual([]);
        }
      }),
      { numRuns: 100 },
    );
  });
});

interface Version {
  readonly id: string;
  readonly array: string;
  /** Seconds; no two versions have the same. */
  readonly progress: number;
  readonly acw: string | null;
  readonly fields: Wire;
  /** Other communications before it in its array. */
  readonly inFront: number;
}

const version: fc.Arbitrary<Version> = fc.record({
  id: fc.constantFrom('k1', 'k2', 'k3'),
  array: fc.constantFrom('calls', 'calls', 'emails', 'messages'),
  progress: fc.integer({ min: 0, max: 1_000 }),
  acw: fc.constantFrom('pending', 'complete', null),
  fields: fc.record({
    state: fc.constantFrom('connected', 'alerting', 'disconnected', 'Terminated', 'parked', null),
    provider: fc.constantFrom('A', 'B', null),
    direction: fc.constantFrom('inbound', 'outbound', null),
    disconnectType: fc.constantFrom('peer', 'client', null),
  }),
  inFront: fc.integer({ min: 0, max: 2 }),
});

const legsOf = ({ id, array, progress, inFront, acw, fields }: Version): Leg[] => [
  ...Array.from({ length: inFront }, (_, n) => legIn(array, `filler ${n}`, connected(n))),
  legIn(array, id, { ...fields, connectedTime: at(progress), afterCallWork: { state: acw } }),
];

const snapshots = fc.uniqueArray(version, { selector: ({ progress }) => progress, minLength: 2, maxLength: 8 });

const FIELDS = ['state', 'provider', 'direction', 'disconnectType', 'connectedTime', 'afterCallWork'] as const;
const seen = (leg: Communication): unknown => ({
  medium: leg.medium,
  index: leg.index,
  connected: leg.connected,
  ended: isEnded(leg),
  fields: FIELDS.map((name) => field(leg, name)),
});
const communicationsOf = (participants: readonly Participant[]): unknown =>
  Object.fromEntries(
    participants
      .flatMap(({ communications }) => communications)
      .filter(({ id }) => id.startsWith('k'))
      .map((leg) => [leg.id, seen(leg)]),
  );
const mergeAll = (told: readonly Wire[]): readonly Participant[] =>
  told.reduce<readonly Participant[]>(
    (known, wire) => mergeParticipants(known, eventOf(snapshot(0, [wire]))?.participants ?? [], new Set()),
    [],
  );

describe('section 3, property (b): the order of snapshots makes no difference', () => {
  test('any permutation of snapshots whose communications differ in progress gives the same communications', () => {
    const orders = snapshots.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );
    fc.assert(
      fc.property(orders, ([all, shuffled]) => {
        const told = (versions: readonly Version[]): Wire[] => versions.map((each) => agent('ann', ...legsOf(each)));
        expect(communicationsOf(mergeAll(told(shuffled)))).toEqual(communicationsOf(mergeAll(told(all))));
      }),
      { numRuns: 300 },
    );
  });

  test('so do those that differ in endedness only', () => {
    const live = agent('ann', chat('k1', { ...connected(5), provider: 'A', direction: 'inbound' }));
    const over = agent('ann', chat('k1', { state: 'disconnected', connectedTime: at(5), provider: 'B' }));
    expect(communicationsOf(mergeAll([live, over]))).toEqual(communicationsOf(mergeAll([over, live])));
  });
});

describe('section 3, property (c): a straggler never re-opens an ended communication', () => {
  test('once ended it stays ended, whatever comes', () => {
    fc.assert(
      fc.property(stream(14), (lines) => {
        let known: readonly Participant[] = [];
        const over = new Set<string>();
        for (const event of eventsOf(lines)) {
          known = mergeParticipants(known, event.participants, new Set());
          for (const { id, communications } of known) {
            for (const leg of communications) {
              const name = JSON.stringify([id, leg.id]);
              if (over.has(name)) expect(isEnded(leg)).toBe(true);
              if (isEnded(leg)) over.add(name);
            }
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  test('merging leaves what was known as it was: values are never changed in place', () => {
    fc.assert(
      fc.property(stream(8), (lines) => {
        let known: readonly Participant[] = [];
        for (const event of eventsOf(lines)) {
          const before = structuredClone(known);
          const after = mergeParticipants(known, event.participants, new Set());
          expect(known).toEqual(before);
          known = after;
        }
      }),
      { numRuns: 50 },
    );
  });
});
