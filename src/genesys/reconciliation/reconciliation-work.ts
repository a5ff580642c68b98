/**
 * How much users see of it, the most important first: a caller who waits; a difference from the table; a possible
 * difference; a row that only needs confirmation.
 */
export const IMPORTANCES = ['waiting', 'changed', 'silent', 'confirm'] as const;
export type Importance = (typeof IMPORTANCES)[number];

/** A conversation that the bridge has to request. */
export interface Work {
  readonly conversationId: string;
  readonly importance: Importance;
  /** `end`: first look up whether it has ended, many with one request; `whole`: request the conversation itself. */
  readonly ask: 'end' | 'whole';
  /** A snapshot that arrives after this time is as good as an answer. Infinity: only an answer counts. */
  readonly since: number;
  /** In the time of `performance.now()`, so that a clock that is set back does not delay it. */
  readonly notBefore: number;
  /** Drop it once the row no longer equals the earlier version. */
  readonly onlyWhileBack?: boolean;
}

/** Work by importance and age. It has a conversation once. */
export interface WorkList {
  /** A conversation that it already has keeps its place, unless the new work is more urgent. */
  add(work: Work): void;
  /** The next conversation that is due and to be requested as a whole. */
  next(): Work | null;
  /** Up to `most` conversations that are due and whose end is to be looked up. */
  ends(most: number): readonly Work[];
  delete(conversationId: string): void;
  sizes(): Readonly<Record<Importance, number>>;
  size(): number;
}

const isMoreUrgent = (one: Work, other: Work): boolean =>
  IMPORTANCES.indexOf(one.importance) < IMPORTANCES.indexOf(other.importance) || one.since > other.since;

export function createWorkList(): WorkList {
  const ends = new Map<string, Work>();
  const wholes = Object.fromEntries(IMPORTANCES.map((one) => [one, new Map<string, Work>()])) as Record<
    Importance,
    Map<string, Work>
  >;
  const lists = [ends, ...IMPORTANCES.map((one) => wholes[one])];

  const find = (id: string): Work | undefined => lists.find((list) => list.has(id))?.get(id);
  const remove = (id: string): void => lists.forEach((list) => list.delete(id));

  return {
    add(work) {
      const known = find(work.conversationId);
      if (known !== undefined && !isMoreUrgent(work, known)) return;
      remove(work.conversationId);
      const since = Math.max(work.since, known?.since ?? 0);
      const onlyWhileBack = work.onlyWhileBack === true && (known === undefined || known.onlyWhileBack === true);
      (work.ask === 'end' ? ends : wholes[work.importance]).set(work.conversationId, { ...work, since, onlyWhileBack });
    },
    next() {
      const now = performance.now();
      for (const importance of IMPORTANCES) {
        for (const work of wholes[importance].values()) if (work.notBefore <= now) return work;
      }
      return null;
    },
    ends(most) {
      const now = performance.now();
      const due: Work[] = [];
      for (const work of ends.values()) {
        if (work.notBefore <= now) due.push(work);
        if (due.length === most) break;
      }
      return due;
    },
    delete: remove,
    sizes() {
      const count = (importance: Importance): number =>
        wholes[importance].size + [...ends.values()].filter((work) => work.importance === importance).length;
      return Object.fromEntries(IMPORTANCES.map((one) => [one, count(one)])) as Record<Importance, number>;
    },
    size: () => lists.reduce((sum, list) => sum + list.size, 0),
  };
}
