/** A schedule: the earliest entry comes out first; of equal times, the one that was added first. */
export interface Schedule<T> {
  readonly size: number;
  add(at: number, item: T): void;
  /** The time of the next entry; null: there is none. */
  nextAt(): number | null;
  take(): { readonly at: number; readonly item: T } | null;
}

interface Entry<T> {
  readonly at: number;
  readonly order: number;
  readonly item: T;
}

const isBefore = <T>(one: Entry<T>, other: Entry<T>): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order);

/** A binary heap. */
export function createSchedule<T>(): Schedule<T> {
  const entries: Entry<T>[] = [];
  let added = 0;

  function siftUp(entry: Entry<T>): void {
    let index = entries.push(entry) - 1;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = entries[above];
      if (!parent || isBefore(parent, entry)) break;
      entries[index] = parent;
      index = above;
    }
    entries[index] = entry;
  }

  function siftDown(entry: Entry<T>): void {
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const [one, other] = [entries[left], entries[left + 1]];
      const child = one && other && isBefore(other, one) ? other : one;
      if (!child || isBefore(entry, child)) break;
      entries[index] = child;
      index = child === one ? left : left + 1;
    }
    entries[index] = entry;
  }

  return {
    get size() {
      return entries.length;
    },
    add: (at, item) => siftUp({ at, order: (added += 1), item }),
    nextAt: () => entries[0]?.at ?? null,
    take() {
      const [first] = entries;
      const last = entries.pop();
      if (!first || !last) return null;
      if (first !== last) siftDown(last);
      return { at: first.at, item: first.item };
    },
  };
}
