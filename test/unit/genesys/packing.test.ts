import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { pack, type Packing } from '../../../src/genesys/channels/packing';
import { isInShard, shardOf } from '../../../src/genesys/shards';

const ROOM = { channels: 3, topics: 4 };
const aList = fc.uniqueArray(fc.integer({ min: 0, max: 30 }).map(String), { maxLength: 20 });

function sizesOf(packing: Packing): number[] {
  const sizes = [0, 0, 0];
  for (const index of packing.values()) sizes[index] = (sizes[index] ?? NaN) + 1;
  return sizes;
}

test('queues that stay keep their channel, no channel is overfull, and none is left out while there is room', () => {
  fc.assert(
    fc.property(fc.array(aList, { minLength: 1, maxLength: 10 }), (lists) => {
      let packing: Packing = new Map();
      for (const list of lists) {
        const before = packing;
        const { packing: next, left } = pack(packing, list, ROOM);
        for (const [id, index] of before) if (list.includes(id)) expect(next.get(id)).toBe(index);
        expect([...next.keys(), ...left].sort()).toEqual([...list].sort());
        expect(Math.max(...sizesOf(next))).toBeLessThanOrEqual(ROOM.topics);
        if (left.length > 0) expect(next.size).toBe(ROOM.channels * ROOM.topics);
        packing = next;
      }
    }),
  );
});

describe('shards', () => {
  test('each queue is in exactly one of them', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.integer({ min: 1, max: 20 }), (id, count) => {
        const shards = Array.from({ length: count }, (_, index) => index);
        expect(shards.filter((index) => isInShard(id, { index, count }))).toHaveLength(1);
      }),
    );
  });

  test('are the same in every version: bridges are updated one by one', () => {
    // Calculated elsewhere: the first four bytes of SHA-256, big-endian, modulo 7.
    const ids = ['4d1ab4a1-3a4c-4a0e-9a4b-000000000001', 'a', 'Ünïcode'];
    expect(ids.map((id) => shardOf(id, 7))).toEqual([3, 2, 6]);
  });
});
