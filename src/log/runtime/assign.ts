export interface Claimant {
  readonly id: string;
  /** The assignment in which it got its partitions. If two members claim a partition, the newer generation has it. */
  readonly generation: number;
  readonly owned: readonly number[];
}

/**
 * A sticky assignment: every member keeps its partitions up to its fair share, and the rest go to the members with the
 * fewest. So a rebalance moves as few tasks (and restores as little state) as possible. Pure and deterministic: the
 * order of `members` does not matter.
 */
export function assignSticky(
  members: readonly Claimant[],
  partitions: readonly number[],
): ReadonlyMap<string, readonly number[]> {
  const sorted = rightful(members).sort((a, b) => b.owned.length - a.owned.length || (a.id < b.id ? -1 : 1));
  const free = new Set(partitions);
  const share = Math.floor(partitions.length / Math.max(1, sorted.length));
  let extra = partitions.length % Math.max(1, sorted.length);
  const result = new Map<string, number[]>();
  for (const { id, owned } of sorted) {
    const candidates = owned.filter((partition) => free.has(partition)).sort((a, b) => a - b);
    const isLarge = extra > 0 && candidates.length > share;
    if (isLarge) extra -= 1;
    const kept = candidates.slice(0, isLarge ? share + 1 : share);
    for (const partition of kept) free.delete(partition);
    result.set(id, kept);
  }
  const rest = [...free].sort((a, b) => a - b);
  for (const partition of rest) {
    let least: number[] | undefined;
    for (const owned of result.values()) if (least === undefined || owned.length < least.length) least = owned;
    least?.push(partition);
  }
  return result;
}

/** Drops the claims of members that the group counted out while they stood still. */
function rightful(members: readonly Claimant[]): Claimant[] {
  const newest = new Map<number, Claimant>();
  for (const member of members) {
    for (const partition of member.owned) {
      const other = newest.get(partition);
      const isNewer = other === undefined || member.generation > other.generation;
      if (isNewer || (member.generation === other.generation && member.id < other.id)) newest.set(partition, member);
    }
  }
  return members.map((member) => ({
    ...member,
    owned: member.owned.filter((partition) => newest.get(partition) === member),
  }));
}
