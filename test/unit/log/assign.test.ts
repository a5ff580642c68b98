import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assignStandbys, assignSticky } from '../../../src/log/runtime/assign';

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

const keeping = (id: string, process: string, warm: readonly number[], ...owned: number[]) => ({
  ...member(id, 4, ...owned),
  standby: { process, warm },
});

describe('with standby copies', () => {
  test('a member with a warm copy takes over, before one that has less', () => {
    const after = assignSticky([keeping('a', 'A', [5, 7], 0, 1, 2), keeping('b', 'B', [4, 6], 3)], ALL);
    expect(after.get('a')).toEqual(expect.arrayContaining([0, 1, 2]));
    expect(after.get('b')).toEqual(expect.arrayContaining([3, 4, 6]));
    expect(sizes(after)).toEqual([4, 4]);
  });

  test('what a member has stays with it, whoever has a warm copy', () => {
    const after = assignSticky([member('a', 4, 0, 1, 2, 3), keeping('b', 'B', ALL, 4, 5, 6, 7)], ALL);
    expect(after.get('a')).toEqual([0, 1, 2, 3]);
  });

  test('no partition has its copy in the process of its owner', () => {
    const threads = [keeping('a1', 'A', [], 0, 1), keeping('a2', 'A', [], 2, 3)];
    const alone = assignStandbys(threads, assignSticky(threads, [0, 1, 2, 3]));
    expect([...alone.values()].flat()).toEqual([]);
    const two = [...threads, keeping('b1', 'B', [], 4, 5), keeping('b2', 'B', [], 6, 7)];
    const standbys = assignStandbys(two, assignSticky(two, ALL));
    expect([...(standbys.get('a1') ?? []), ...(standbys.get('a2') ?? [])].sort()).toEqual([4, 5, 6, 7]);
    expect(sizes(standbys)).toEqual([2, 2, 2, 2]);
  });

  test('a member that keeps no copies gets none, and others keep copies of what it owns', () => {
    const members = [member('old', 4, 0, 1, 2, 3), keeping('new', 'N', [], 4, 5, 6, 7)];
    const standbys = assignStandbys(members, assignSticky(members, ALL));
    expect(standbys.get('old')).toEqual([]);
    expect(standbys.get('new')).toEqual([0, 1, 2, 3]);
  });

  test('a warm copy stays where it is, and those of one owner are spread', () => {
    const members = [keeping('a', 'A', []), keeping('b', 'B', [1, 3, 4]), keeping('c', 'C', [0])];
    const owned = new Map([
      ['a', [0, 1, 2, 3]],
      ['b', [5, 6]],
      ['c', [4, 7]],
    ]);
    const standbys = assignStandbys(members, owned);
    expect(standbys.get('b')).toEqual(expect.arrayContaining([1, 3, 4]));
    expect(standbys.get('c')).toEqual(expect.arrayContaining([0, 2]));
  });

  const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { maxLength: 10 });
  const anyMember = fc.record({
    generation: fc.integer({ min: -1, max: 3 }),
    owned: numbers,
    standby: fc.option(fc.record({ process: fc.constantFrom('A', 'B', 'C'), warm: numbers }), { nil: undefined }),
  });

  test('everything is assigned once and in balance, and each copy is in another process, whatever members claim', () => {
    fc.assert(
      fc.property(
        fc.array(anyMember, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 10 }),
        (all, count) => {
          const partitions = Array.from({ length: count }, (_, partition) => partition);
          const members = all.map((one, index) => ({ id: `m${index}`, ...one }));
          const assignment = assignSticky(members, partitions);
          expect([...assignment.values()].flat().sort((a, b) => a - b)).toEqual(partitions);
          const lengths = sizes(assignment);
          expect((lengths.at(-1) ?? 0) - (lengths[0] ?? 0)).toBeLessThanOrEqual(1);
          expect(assignSticky([...members].reverse(), partitions)).toEqual(assignment);
          // Sticky comes first: up to its share a member keeps what nobody else claims.
          for (const { id, owned } of members) {
            const alone = owned.filter(
              (one) => one < count && members.every((other) => other.id === id || !other.owned.includes(one)),
            );
            const kept = (assignment.get(id) ?? []).filter((one) => owned.includes(one));
            expect(kept.length).toBeGreaterThanOrEqual(Math.min(alone.length, Math.floor(count / members.length)));
          }

          const standbys = assignStandbys(members, assignment);
          expect(assignStandbys([...members].reverse(), assignment)).toEqual(standbys);
          const processOf = new Map(members.map(({ id, standby }) => [id, standby?.process]));
          for (const [owner, mine] of assignment) {
            const keepers = members.filter(
              ({ id, standby }) => id !== owner && standby !== undefined && standby.process !== processOf.get(owner),
            );
            for (const partition of mine) {
              const found = keepers.filter(({ id }) => standbys.get(id)?.includes(partition) === true);
              expect(found).toHaveLength(keepers.length === 0 ? 0 : 1);
            }
            for (const { id } of keepers) {
              const ofOwner = (standbys.get(id) ?? []).filter((partition) => mine.includes(partition));
              expect(ofOwner.length).toBeLessThanOrEqual(Math.ceil(mine.length / keepers.length));
            }
          }
        },
      ),
    );
  });
});
