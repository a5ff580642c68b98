export interface Claimant {
  readonly id: string;
  /** The assignment in which it got its partitions. If two members claim a partition, the newer generation has it. */
  readonly generation: number;
  readonly owned: readonly number[];
  /** Absent: it keeps no standby copies. */
  readonly standby?: StandbyClaim | undefined;
}

export interface StandbyClaim {
  /** The member's process: a copy in the owner's process would die with it. */
  readonly process: string;
  /** The partitions of which it has a copy that has reached the end of the changelog. */
  readonly warm: readonly number[];
}

/**
 * A sticky assignment: every member keeps its partitions up to its fair share. The rest go to members that have a warm
 * copy and room for it, then to those with the fewest. So a rebalance moves as few tasks (and restores as little state)
 * as possible. Pure and deterministic: the order of `members` does not matter.
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
  for (const partition of [...free].sort((a, b) => a - b)) {
    const [mine] = sorted
      .filter(({ standby }) => standby?.warm.includes(partition) === true)
      .map(({ id }) => result.get(id) ?? [])
      .filter(({ length }) => length < share || (length === share && extra > 0))
      .sort((a, b) => a.length - b.length);
    if (mine === undefined) continue;
    if (mine.length === share) extra -= 1;
    mine.push(partition);
    free.delete(partition);
  }
  const rest = [...free].sort((a, b) => a - b);
  for (const partition of rest) {
    let least: number[] | undefined;
    for (const owned of result.values()) if (least === undefined || owned.length < least.length) least = owned;
    least?.push(partition);
  }
  return result;
}

/**
 * Which member keeps a standby copy of which partition. Each partition has one copy, in another process than its
 * owner's, if some such process keeps copies. A member that has a warm copy keeps it. The copies of one owner are
 * spread over members, because its partitions will be, when it is gone. Pure and deterministic, as above.
 */
export function assignStandbys(
  members: readonly Claimant[],
  assignment: ReadonlyMap<string, readonly number[]>,
): ReadonlyMap<string, readonly number[]> {
  const sorted = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
  const result = new Map<string, number[]>(sorted.map(({ id }) => [id, []]));
  for (const owner of sorted) {
    const partitions = [...(assignment.get(owner.id) ?? [])].sort((a, b) => a - b);
    const others = sorted.filter(({ standby }) => standby !== undefined && standby.process !== owner.standby?.process);
    const keepers = others
      .filter(({ id }) => id !== owner.id)
      .map(({ id, standby }) => {
        return { warm: standby?.warm ?? [], copies: result.get(id) ?? [], ofOwner: 0 };
      });
    const most = Math.ceil(partitions.length / keepers.length);
    const give = (partition: number, candidates: typeof keepers): boolean => {
      const [keeper] = candidates
        .filter(({ ofOwner }) => ofOwner < most)
        .sort((a, b) => a.copies.length - b.copies.length);
      if (keeper === undefined) return false;
      keeper.copies.push(partition);
      keeper.ofOwner += 1;
      return true;
    };
    const cold = partitions.filter(
      (partition) =>
        !give(
          partition,
          keepers.filter(({ warm }) => warm.includes(partition)),
        ),
    );
    for (const partition of cold) give(partition, keepers);
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
