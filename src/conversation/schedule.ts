import { compareIds } from './values';

/**
 * Ids by the time after which each is due: a binary heap. An entry may be too early; `drain` corrects it when its turn
 * comes.
 */
export interface Schedule {
  /** The id is due after `at`, or later. */
  add(id: string, at: number): void;
  /**
   * Calls `due` for each id that is due before `now`, in the order of the times, then of the ids. Before each call it
   * asks `isFull` whether to stop. Returns whether nothing is left.
   */
  drain(now: number, due: (id: string) => void, isFull?: () => boolean): boolean;
  /** The earliest entry's time. */
  next(): number | null;
}

interface Entry {
  readonly id: string;
  readonly at: number;
}

/** @param dueAfter the time after which an id is really due; null: never */
export function createSchedule(dueAfter: (id: string) => number | null): Schedule {
  const heap: Entry[] = [];
  const scheduled = new Map<string, number>();

  const push = (entry: Entry): void => {
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!swapIfBefore(heap, index, parent)) break;
      index = parent;
    }
  };

  const pop = (): void => {
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let index = 0; ;) {
      const left = 2 * index + 1;
      const child = isBefore(heap[left + 1], heap[left]) ? left + 1 : left;
      if (!swapIfBefore(heap, child, index)) break;
      index = child;
    }
  };

  const add = (id: string, at: number): void => {
    const entry = scheduled.get(id);
    if (entry !== undefined && entry <= at) return;
    scheduled.set(id, at);
    push({ id, at });
  };

  return {
    add,
    drain: (now, due, isFull) => {
      for (let top = heap[0]; top !== undefined && top.at < now; top = heap[0]) {
        if (isFull?.() === true) return false;
        pop();
        // A later entry replaced this one.
        if (scheduled.get(top.id) !== top.at) continue;
        scheduled.delete(top.id);
        const at = dueAfter(top.id);
        if (at === null) continue;
        if (at > top.at) add(top.id, at);
        else due(top.id);
      }
      return true;
    },
    next: () => heap[0]?.at ?? null,
  };
}

function isBefore(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === undefined || b === undefined) return a !== undefined;
  return a.at < b.at || (a.at === b.at && compareIds(a.id, b.id) < 0);
}

function swapIfBefore(heap: Entry[], a: number, b: number): boolean {
  const first = heap[a];
  const second = heap[b];
  if (first === undefined || second === undefined || !isBefore(first, second)) return false;
  heap[a] = second;
  heap[b] = first;
  return true;
}
