/** A committed transaction of one partition. */
export interface Commit {
  /** The broker's time, epoch ms. */
  readonly at: number;
  /** The offset of the events topic from which the fold goes on. */
  readonly nextOffset: number;
}

/** What one partition had to do and did. All times are the broker's, epoch ms. */
export interface PartitionHistory {
  readonly partition: number;
  /** When the event of each offset was appended; offsets without an event (markers) are absent. */
  readonly appended: ReadonlyMap<number, number>;
  /** Oldest first. */
  readonly commits: readonly Commit[];
}

/** From when an event waited, or from the last commit, to the commit that took it. */
export interface Wait {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** Every wait for a commit. While nothing waits nobody stands still. */
export function waitsOf({ partition, appended, commits }: PartitionHistory): readonly Wait[] {
  const offsets = [...appended.keys()].sort((a, b) => a - b);
  const waits: Wait[] = [];
  let index = 0;
  let last: number | null = null;
  for (const { at, nextOffset } of commits) {
    const first = offsets[index];
    const waitsSince = first === undefined || first >= nextOffset ? null : (appended.get(first) ?? at);
    if (waitsSince !== null) waits.push({ partition, from: Math.min(at, Math.max(waitsSince, last ?? 0)), to: at });
    for (let offset = offsets[index]; offset !== undefined && offset < nextOffset; offset = offsets[index]) index += 1;
    last = at;
  }
  const left = offsets[index];
  if (left !== undefined) waits.push({ partition, from: Math.max(appended.get(left) ?? 0, last ?? 0), to: Infinity });
  return waits;
}

/** The longest of the waits that overlap a time; of length 0 where there is none. */
export function longestWait(waits: readonly Wait[], from: number, to: number): Wait {
  let longest: Wait = { partition: -1, from, to: from };
  for (const wait of waits) {
    if (wait.to >= from && wait.from <= to && wait.to - wait.from > longest.to - longest.from) longest = wait;
  }
  return longest;
}

/** The least number of partitions that moved, or had nothing to do, in any window of this length; looked at each second. */
export function fewestMoving(
  waits: ReadonlyMap<number, readonly Wait[]>,
  from: number,
  to: number,
  windowMs: number,
): { readonly moving: number; readonly at: number } {
  let fewest = { moving: waits.size, at: from };
  for (let at = from; at + windowMs <= to; at += 1_000) {
    let moving = 0;
    for (const each of waits.values()) {
      if (!each.some((wait) => wait.from <= at && wait.to > at + windowMs)) moving += 1;
    }
    if (moving < fewest.moving) fewest = { moving, at };
  }
  return fewest;
}
