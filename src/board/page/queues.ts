import type { Line, QueueRow } from './model';
import { sumQueue } from './model';

/** A picture changes few of 5,000 queues. An unchanged queue stays the same object, and keeps its place. */

interface Summed {
  readonly lines: readonly Line[];
  readonly row: QueueRow;
}

/** The rows of all queues. A row is made again only if one of its lines has changed. */
export class QueueRows {
  #known = new Map<string, Summed>();

  /** @param media only these; empty: all of a queue together */
  sum(lines: Iterable<Line>, media: string): readonly QueueRow[] {
    const next = this.#summed(lines, media);
    this.#known = next;
    return [...next.values()].map(({ row }) => row);
  }

  /**
   * Sums some queues of the next picture in advance, for `sum`.
   * @param lines all lines of these queues
   */
  prepare(lines: Iterable<Line>, media: string): readonly QueueRow[] {
    const summed = [...this.#summed(lines, media)];
    for (const [queueId, each] of summed) this.#known.set(queueId, each);
    return summed.map(([, { row }]) => row);
  }

  #summed(lines: Iterable<Line>, media: string): Map<string, Summed> {
    const next = new Map<string, Summed>();
    for (const [queueId, of] of byQueue(lines, media)) {
      const known = this.#known.get(queueId);
      next.set(queueId, known !== undefined && isSame(known.lines, of) ? known : { lines: of, row: sumQueue(of) });
    }
    return next;
  }
}

/** @param media only these; empty: all */
export function byQueue(lines: Iterable<Line>, media = ''): ReadonlyMap<string, readonly Line[]> {
  const queues = new Map<string, Line[]>();
  for (const line of lines) {
    if (media !== '' && line.media !== media) continue;
    const of = queues.get(line.queueId);
    if (of === undefined) queues.set(line.queueId, [line]);
    else of.push(line);
  }
  return queues;
}

const isSame = (a: readonly Line[], b: readonly Line[]): boolean =>
  a.length === b.length && a.every((line, index) => line === b[index]);

export type Compare<T> = (a: T, b: T) => number;

/** Keeps immutable objects in order, without comparing known ones with each other again. */
export class KeptOrder<T> {
  #sorted: readonly T[] = [];
  #compare: Compare<T> | null = null;

  /** @param compare a total order; a new function means a new order */
  sort(items: readonly T[], compare: Compare<T>): readonly T[] {
    if (compare === this.#compare) {
      const others = new Set(items);
      const kept = this.#sorted.filter((item) => others.delete(item));
      this.#sorted = merge(kept, [...others].toSorted(compare), compare);
    } else {
      this.#sorted = items.toSorted(compare);
      this.#compare = compare;
    }
    return this.#sorted;
  }

  /** Sorts some of the items of the next `sort` in advance. */
  prepare(items: readonly T[], compare: Compare<T>): void {
    const known = compare === this.#compare ? this.#sorted : [];
    const strangers = new Set(items);
    for (const item of known) strangers.delete(item);
    this.#sorted = merge(known, [...strangers].toSorted(compare), compare);
    this.#compare = compare;
  }
}

/** By binary search: `few` are inserted into `many`. */
function merge<T>(many: readonly T[], few: readonly T[], compare: Compare<T>): readonly T[] {
  const merged: T[] = [];
  let taken = 0;
  for (const item of few) {
    let [from, to] = [taken, many.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      const other = many[middle];
      if (other !== undefined && compare(other, item) < 0) from = middle + 1;
      else to = middle;
    }
    for (; taken < from; taken += 1) merged.push(many[taken] as T);
    merged.push(item);
  }
  return [...merged, ...many.slice(taken)];
}
