import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fold } from '../../../src/conversation/fold';
import { DEFAULT_FOLD_SETTINGS } from '../../../src/conversation/folded';
import { createPartitionFold, type PartitionFold } from '../../../src/conversation/partition';
import type { ConversationState } from '../../../src/conversation/state';
import type { Outcome } from '../../../src/conversation/wire/outcome';
import { withoutPersonalData } from '../../../src/conversation/wire/scrub';
import { readWire } from '../../../src/conversation/wire/wire';
import { RETENTION_MS, stream } from '../../support/conversation/conversation-arbitraries';
import {
  acd,
  aConversation,
  at,
  call,
  connected,
  gone,
  message,
  ms,
  rowAfter,
  snapshot,
} from '../../support/conversation/conversation-builders';
import { eventOf } from '../../support/conversation/conversation-fold';
import { readLine } from '../../support/conversation/read-line';

const KINDS = ['event', 'skip', 'invalid'];

/** Whatever can be read is folded, twice, with an end between. */
function foldThrough(outcome: Outcome | null): void {
  if (outcome === null) return;
  expect(KINDS).toContain(outcome.kind);
  if (outcome.kind !== 'event') return;
  const partition = createPartitionFold(DEFAULT_FOLD_SETTINGS);
  const { event } = outcome;
  const end = { ...event, gone: true, participants: [] } as const;
  for (const each of [event, end, event]) {
    for (const { row, timestamp } of partition.apply(each).records) {
      expect(Number.isFinite(timestamp)).toBe(true);
      if (row === null) continue;
      for (const column of [
        'conversation_id',
        'queue_id',
        'connected_time',
        'db_when_created',
        'db_last_updated',
      ] as const) {
        expect(row[column]).not.toBeNull();
      }
    }
  }
}

describe('no input whatsoever throws', () => {
  test('bytes', () =>
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => foldThrough(readLine(bytes, 0)))));

  test('text', () =>
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => foldThrough(readLine(Buffer.from(text), 0)))));

  test('JSON', () => fc.assert(fc.property(fc.json(), (text) => foldThrough(readLine(Buffer.from(text), 0)))));

  test('anything that a caller may hand over as parsed', () =>
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true }), (value) => {
        foldThrough(readWire(value, 0));
        withoutPersonalData(value);
      }),
    ));

  test('a recording any part of which is something else', () => {
    const lines = stream(1).map(([line]) => JSON.parse(line ?? '{}') as unknown);
    fc.assert(
      fc.property(lines, fc.nat(), fc.jsonValue(), (wire, place, other) => {
        const spoilt = replaced(wire, place, other);
        foldThrough(readWire(spoilt, 0));
        expect(() => JSON.stringify(withoutPersonalData(spoilt))).not.toThrow();
      }),
      { numRuns: 300 },
    );
  });
});

/** Puts `other` in the place of one value of a JSON tree. */
function replaced(tree: unknown, place: number, other: unknown): unknown {
  let left = place % Math.max(1, countOf(tree));
  const walk = (value: unknown): unknown => {
    if (left-- === 0) return other;
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, walk(each)]));
  };
  return walk(tree);
}

function countOf(tree: unknown): number {
  if (typeof tree !== 'object' || tree === null) return 1;
  return Object.values(tree).reduce<number>((sum, each) => sum + countOf(each), 1);
}

describe('section 1, the lists are open', () => {
  test('whatever the value, it is passed through', () => {
    const value = fc.string({ unit: 'binary', minLength: 1 });
    fc.assert(
      fc.property(value, (text) => {
        const leg = message('m', {
          state: text,
          direction: text,
          provider: text,
          type: text,
          messages: [{ messageStatus: text }],
        });
        fc.pre(!['disconnected', 'terminated'].includes(text.toLowerCase()));
        const row = rowAfter(snapshot(10, [{ ...acd('queue', 'Q1', leg), connectedTime: at(2), userId: text }]));
        for (const column of ['state', 'direction', 'provider', 'message_type', 'message_status', 'user_id']) {
          expect(row[column]).toBe(text.toWellFormed());
        }
      }),
    );
  });
});

describe('what is known is bounded', () => {
  const settings = { ...DEFAULT_FOLD_SETTINGS, endedRetentionMs: RETENTION_MS };
  const WEEK_MS = 7 * 24 * 60 * 60_000;

  /** The conversations of which something is known, by what the changelog would be told. */
  function trackedBy(partition: PartitionFold, known: Map<string, ConversationState>): Map<string, ConversationState> {
    for (const [id, state] of partition.takeChanges()) {
      if (state === null) known.delete(id);
      else known.set(id, state);
    }
    return known;
  }

  test('markers and what was never queued expire: in the end nothing is known', () => {
    fc.assert(
      fc.property(stream(14), fc.constantFrom('disconnect', 'acw'), (lines, closeAfter) => {
        const partition = createPartitionFold({ ...settings, closeAfter });
        const known = new Map<string, ConversationState>();
        let last = 0;
        for (const line of lines) {
          const event = eventOf(line);
          if (event === null) continue;
          last = Math.max(last, event.receivedAt);
          partition.apply(event);
          trackedBy(partition, known);
        }
        expect(partition.live).toBe(
          [...known.values()].filter((state) => state.kind === 'open' && state.row !== null).length,
        );
        const end = { source: 'test', gone: true, participants: [], fingerprint: null, receivedAt: last } as const;
        for (const conversationId of known.keys()) partition.apply({ ...end, conversationId });
        partition.apply({ ...end, conversationId: 'nobody', receivedAt: last + WEEK_MS + 1 });
        expect([...trackedBy(partition, known).keys()]).toEqual([]);
        expect(partition.live).toBe(0);
        expect(partition.nextDeadline()).toBeNull();
      }),
      { numRuns: 100 },
    );
  });

  test('a marker is removed with the first event received more than 2 × ENDED_RETENTION after the end', () => {
    const partition = createPartitionFold(settings);
    const known = new Map<string, ConversationState>();
    const story = aConversation().called().queued();
    const applied = (line: string): string[] => {
      const event = eventOf(line);
      if (event !== null) partition.apply(event);
      return [...trackedBy(partition, known).keys()];
    };
    expect(applied(story.at(10))).toEqual(['c1']);
    expect(applied(story.hungUp(20).at(20))).toEqual(['c1']);
    expect(applied(gone(20 + (2 * RETENTION_MS) / 1000, 'nobody'))).toEqual(['c1']);
    expect(applied(gone(20.001 + (2 * RETENTION_MS) / 1000, 'nobody'))).toEqual([]);
  });

  test('the window holds 8 events', () => {
    let state: ConversationState | null = null;
    for (let n = 0; n < 20; n++) {
      const event = eventOf(snapshot(n, [acd('queue', 'Q1', call('k', { ...connected(2), provider: String(n) }))]));
      if (event !== null) state = fold(state, event, settings).state;
    }
    expect(state?.kind === 'open' ? state.recent.length : 0).toBe(8);
  });
});

describe('section 2, too large: nothing else changes', () => {
  const crowd = (seconds: number, count: number): string =>
    snapshot(seconds, [
      acd('queue', 'Q1', call('k', connected(2)), ...Array.from({ length: count }, (_, n) => call(`k${n}`))),
    ]);
  const limits = { participants: 3, communications: 5, bytes: 1_000_000 };
  const outcomesOf = (settings: Partial<typeof DEFAULT_FOLD_SETTINGS>, ...lines: string[]): unknown[] => {
    const partition = createPartitionFold({ ...DEFAULT_FOLD_SETTINGS, ...settings });
    return lines.map((line) => {
      const event = eventOf(line);
      if (event === null) return null;
      partition.takeChanges();
      const { outcome, records } = partition.apply(event);
      return [outcome, records.length, partition.takeChanges().size];
    });
  };

  test.each([
    ['communications', snapshot(20, [acd('queue', 'Q1', call('x'), call('y'), call('z'))])],
    [
      'participants',
      snapshot(
        20,
        ['a', 'b', 'c'].map((id) => acd(id, 'Q1', call('k'))),
      ),
    ],
  ])("a conversation's knowledge may exceed the limit of %s though no snapshot does", (_, line) =>
    expect(outcomesOf({ limits }, crowd(10, 2), line, crowd(30, 2), gone(40))).toEqual([
      ['folded', 1, 1],
      ['too-large', 0, 0],
      ['folded', 0, 1],
      ['folded', 2, 1],
    ]),
  );

  test('or that of bytes, as the changelog would write it', () => {
    const sizeOf = (state: ConversationState): number => JSON.stringify(state).length;
    const small = { limits: { ...limits, communications: 1_000, bytes: 6_000 }, sizeOf };
    expect(outcomesOf(small, crowd(10, 2), crowd(20, 200))).toEqual([
      ['folded', 1, 1],
      ['too-large', 0, 0],
    ]);
  });

  test('an ended marker does not outgrow it either', () => {
    const straggler = snapshot(30, [
      acd('queue', 'Q1', ...['a', 'b', 'c', 'd'].map((id) => call(id, { state: 'terminated' }))),
    ]);
    expect(outcomesOf({ limits }, crowd(10, 2), gone(20), straggler)).toEqual([
      ['folded', 1, 1],
      ['folded', 2, 1],
      ['too-large', 0, 0],
    ]);
  });

  test('nor that of bytes, whatever the length of the ids, re-opened or not', () => {
    const sizeOf = (state: ConversationState): number => JSON.stringify(state).length;
    const small = { limits: { ...limits, communications: 1_000, bytes: 8_000 }, sizeOf };
    const ids = (letter: string): string[] => Array.from({ length: 3 }, (_, n) => `${letter}${n}`.repeat(600));
    const straggler = (seconds: number, letter: string): string =>
      snapshot(seconds, [acd('queue', 'Q1', ...ids(letter).map((id) => call(id, { state: 'terminated' })))]);
    const reopening = snapshot(60, [acd('again', 'Q1', call('new'.repeat(600), connected(60)))]);
    const outcomeOf = (each: unknown): unknown => (each as readonly unknown[])[0];
    const stories = outcomesOf(
      small,
      crowd(10, 2),
      gone(20),
      straggler(30, 'a'),
      straggler(40, 'b'),
      straggler(50, 'c'),
    );
    expect(stories.map(outcomeOf)).toEqual(['folded', 'folded', 'after-the-end', 'after-the-end', 'too-large']);
    const reopened = outcomesOf(small, crowd(10, 2), gone(20), straggler(30, 'a'), straggler(40, 'b'), reopening);
    expect(outcomeOf(reopened.at(-1))).toBe('too-large');
  });

  test('a conversation of 10,000 communications is folded in linear time, not quadratic', () => {
    /** Processor time, whatever else the machine does, of the best of a few runs. */
    const costOf = (communications: number): number => {
      const line = Buffer.from(crowd(10, communications - 1));
      const costs = Array.from({ length: 5 }, () => {
        const before = process.cpuUsage();
        const partition = createPartitionFold(DEFAULT_FOLD_SETTINGS);
        const event = readLine(line, ms(10));
        if (event?.kind === 'event') partition.apply(event.event);
        expect(partition.live).toBe(1);
        const { user, system } = process.cpuUsage(before);
        return user + system;
      });
      return Math.min(...costs);
    };
    costOf(1_000);
    // Four times as many cost four times as much; quadratic would be sixteen times.
    expect(costOf(10_000) / costOf(2_500)).toBeLessThan(9);
  });
});
