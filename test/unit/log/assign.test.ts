import { describe, expect, test } from '@jest/globals';
import { assignSticky } from '../../../src/log/runtime/assign';

const ALL = [0, 1, 2, 3, 4, 5, 6, 7];
const member = (id: string, generation: number, ...owned: number[]) => ({ id, generation, owned });
const sizes = (assignment: ReadonlyMap<string, readonly number[]>): number[] =>
  [...assignment.values()].map(({ length }) => length).sort();

describe('a sticky assignment', () => {
  test('leaves every member what it has when one joins, but for what the new one gets', () => {
    const before = [member('a', 4, 0, 1, 2, 3), member('b', 4, 4, 5, 6, 7)];
    const after = assignSticky([...before, member('c', -1)], ALL);
    expect(sizes(after)).toEqual([2, 3, 3]);
    for (const { id, owned } of before) {
      const kept = after.get(id) ?? [];
      expect(owned.filter((partition) => kept.includes(partition))).toHaveLength(3);
    }
  });

  test('shares only what a lost member had', () => {
    const after = assignSticky([member('a', 7, 0, 1), member('b', 7, 2, 3), member('c', 7, 4, 5)], ALL);
    expect(after.get('a')).toEqual(expect.arrayContaining([0, 1]));
    expect(after.get('b')).toEqual(expect.arrayContaining([2, 3]));
    expect(after.get('c')).toEqual(expect.arrayContaining([4, 5]));
    expect([...after.values()].flat().sort()).toEqual(ALL);
  });

  test('believes the newer of two claims: a member that woke up takes nothing back', () => {
    const awake = member('frozen', 3, 0, 1, 2, 3);
    const others = [member('x', 5, 0, 1, 4, 5), member('y', 5, 2, 3, 6, 7)];
    const after = assignSticky([awake, ...others], ALL);
    expect(sizes(after)).toEqual([2, 3, 3]);
    for (const { id, owned } of others) for (const partition of after.get(id) ?? []) expect(owned).toContain(partition);
  });

  test('does not depend on the order of the members, also where two claim the same', () => {
    const members = [member('a', 1, 0, 1, 2), member('b', 1, 2, 3), member('c', 0, 2, 4, 5, 6, 7), member('d', -1)];
    const expected = assignSticky(members, ALL);
    expect(assignSticky([...members].reverse(), ALL)).toEqual(expected);
    expect([...expected.values()].flat().sort()).toEqual(ALL);
  });
});
