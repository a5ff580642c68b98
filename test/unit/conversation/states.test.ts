import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createSlabs, LARGEST, LOOKED_AT_ONCE } from '../../../src/conversation/slabs';
import type { ConversationState } from '../../../src/conversation/state';
import { createPackedStates } from '../../../src/conversation/states';

const ended = (endedAt: number): ConversationState => ({ kind: 'ended', endedAt, communicationIds: [], erased: false });
const known = (endedAt: number) => ({ state: ended(endedAt), shown: null });

function packed(most: number) {
  const decodes: string[] = [];
  const states = createPackedStates(
    {
      encode: (state) => Buffer.from(JSON.stringify(state)),
      decode: (id, bytes) => {
        decodes.push(id);
        return JSON.parse(bytes.toString()) as ConversationState;
      },
    },
    most,
  );
  return { states, decodes };
}

describe('packed states', () => {
  test('a state that is asked for twice stays decoded, until others have driven it out', () => {
    const { states, decodes } = packed(4);
    for (let id = 0; id < 10; id++) states.load(String(id), Buffer.from(JSON.stringify(ended(id))));
    expect([states.get('3'), states.decoded]).toEqual([known(3), 0]);
    expect([states.get('3'), states.decoded]).toEqual([known(3), 1]);
    expect([states.get('3'), states.get('3')]).toEqual([known(3), known(3)]);
    expect(decodes).toEqual(['3', '3']);
    for (let id = 4; id < 10; id++) states.get(String(id));
    expect([states.get('3'), states.decoded]).toEqual([known(3), 0]);
    expect(decodes.filter((id) => id === '3')).toHaveLength(3);
  });

  test('a change of a state that was asked for once leaves it packed; that of a new one, or of a second event, does not', () => {
    const { states } = packed(8);
    for (const id of ['old', 'a', 'b', 'c', 'd']) states.load(id, Buffer.from(JSON.stringify(ended(1))));
    const change = (id: string, endedAt: number): number => {
      states.get(id);
      states.put(id, known(endedAt));
      expect(states.get(id)).toEqual(known(endedAt));
      states.pack(id);
      return states.decoded;
    };
    expect(change('old', 2)).toBe(0);
    expect(change('old', 3)).toBe(1);
    expect(change('old', 4)).toBe(1);
    expect(change('new', 5)).toBe(2);
    expect([states.get('old'), states.get('new')]).toEqual([known(4), known(5)]);
    states.delete('old');
    expect([states.get('old'), states.decoded]).toEqual([null, 1]);
  });

  test('if half of the bound holds all states, each stays decoded from its first event on', () => {
    const { states, decodes } = packed(8);
    for (const id of ['a', 'b', 'c', 'd']) states.load(id, Buffer.from(JSON.stringify(ended(1))));
    for (let turn = 0; turn < 3; turn++) for (const id of ['a', 'b', 'c', 'd']) states.get(id);
    expect(decodes).toEqual(['a', 'b', 'c', 'd']);
  });

  test('beside the changed states, no more states stay decoded than the bound, however many are requested', () => {
    const { states } = packed(10);
    for (let id = 0; id < 1_000; id++) {
      states.put(String(id), known(id));
      states.pack(String(id));
      states.get(String(id % 7));
      expect(states.decoded).toBeLessThanOrEqual(10);
    }
    for (let id = 0; id < 100; id++) states.put(String(id), known(-id));
    expect(states.decoded).toBeGreaterThanOrEqual(100);
    for (let id = 0; id < 100; id++) states.pack(String(id));
    expect(states.decoded).toBeLessThanOrEqual(10);
    expect(states.get('99')).toEqual(known(-99));
  });

  test('what is put is there before it is packed, in its place in the order, and keeps nothing of what was', () => {
    const { states } = packed(2);
    states.load('a', Buffer.from(JSON.stringify(ended(1))));
    states.put('b', known(2));
    states.put('a', known(3));
    expect([...states.entries()]).toEqual([
      ['a', ended(3)],
      ['b', ended(2)],
    ]);
    states.delete('a');
    expect([states.has('a'), states.get('a'), states.has('b')]).toEqual([false, null, true]);
  });

  test('bytes are copied: the buffer that they came in may change', () => {
    const { states } = packed(2);
    const bytes = Buffer.from(JSON.stringify(ended(1)));
    states.load('a', bytes);
    bytes.fill(0);
    expect(states.get('a')).toEqual(known(1));
  });
});

describe('slabs', () => {
  const small = 2 * LARGEST;
  const size = fc.oneof(
    { weight: 9, arbitrary: fc.nat(3_000) },
    fc.constantFrom(LARGEST - 4, LARGEST, LARGEST + 1, 40_000),
  );
  const change = fc.record({ id: fc.nat(40).map(String), size: fc.option(size, { freq: 4 }), byte: fc.nat(255) });
  const of = (id: number, length: number): Buffer => Buffer.alloc(length, id % 256);

  test('hold what a map would hold, in its order, also while gaps are closed', () => {
    let rounds = 0;
    fc.assert(
      fc.property(fc.array(change, { minLength: 100, maxLength: 300 }), (changes) => {
        const slabs = createSlabs(small);
        const model = new Map<string, Buffer>();
        for (const { id, size: length, byte } of changes) {
          if (length === null) {
            slabs.delete(id);
            model.delete(id);
          } else {
            slabs.set(id, Buffer.alloc(length, byte));
            model.set(id, Buffer.alloc(length, byte));
          }
        }
        rounds += Number(slabs.looked > 0);
        expect(slabs.get('none')).toBeNull();
        expect([...slabs.ids()]).toEqual([...model.keys()]);
        for (const [id, bytes] of model) expect(slabs.get(id)?.equals(bytes)).toBe(true);
      }),
      { numRuns: 60 },
    );
    expect(rounds).toBeGreaterThan(10);
  });

  test('a change moves only a few values, however many there are, and gaps close nevertheless', () => {
    const slabs = createSlabs();
    const count = 20_000;
    let looked = 0;
    let mostLooked = 0;
    const bounded = (doChange: () => void): void => {
      doChange();
      mostLooked = Math.max(mostLooked, slabs.looked - looked);
      looked = slabs.looked;
    };
    for (let id = 0; id < count; id++) bounded(() => slabs.set(String(id), of(id, 1_000)));
    const full = slabs.bytes;
    let most = 0;
    for (let id = 0; id < count; id++) {
      bounded(() => (id % 4 === 0 ? slabs.set(String(id), of(id, 900)) : slabs.delete(String(id))));
      most = Math.max(most, slabs.bytes);
    }
    expect(mostLooked).toBe(LOOKED_AT_ONCE);
    expect(looked).toBeGreaterThan(count / 2);
    expect(most).toBeLessThan(1.7 * full);
    expect(slabs.bytes).toBeLessThan(full / 2);
    for (let id = 0; id < count; id += 4) expect(slabs.get(String(id))?.equals(of(id, 900))).toBe(true);
  });

  test('values that grow and shrink for long take little more than they need, also while they move', () => {
    const slabs = createSlabs(small);
    const sizes = Array.from({ length: 1_000 }, () => 0);
    const random = fc.sample(fc.record({ id: fc.nat(999), length: fc.nat(4_000) }), { numRuns: 15_000, seed: 1 });
    let needed = 0;
    let worst = 0;
    for (const [n, { id, length }] of random.entries()) {
      needed += length - (sizes[id] ?? 0);
      sizes[id] = length;
      slabs.set(String(id), of(id, length));
      if (n > 5_000) worst = Math.max(worst, slabs.bytes / needed);
    }
    expect(worst).toBeLessThan(2.5);
    expect(slabs.looked).toBeGreaterThan(0);
  });

  test('slabs that nothing is left in are given back', () => {
    const slabs = createSlabs(small);
    for (let round = 0; round < 20; round++) {
      for (let id = 0; id < 200; id++) slabs.set(`${round}-${id}`, of(id, 1_000));
      for (let id = 0; id < 200; id++) slabs.delete(`${round}-${id}`);
    }
    expect(slabs.bytes).toBeLessThanOrEqual(3 * 200 * 1_000);
  });
});
