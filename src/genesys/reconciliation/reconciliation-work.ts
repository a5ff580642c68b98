/** How much users see of it, the most first: a caller who waits; what differs from the table; what may differ; what only is to be confirmed. */
export const IMPORTANCES = ['waiting', 'changed', 'silent', 'confirm'] as const;
export type Importance = (typeof IMPORTANCES)[number];

/** A conversation of which Genesys is to be asked. */
export interface Work {
  readonly conversationId: string;
  readonly importance: Importance;
  /** `end`: first whether it has ended, which many share a request for; `whole`: the conversation itself. */
  readonly ask: 'end' | 'whole';
  /** A snapshot heard after this is as good as an answer. Infinity: the answer is wanted in any case. */
  readonly since: number;
  /** In the time of `performance.now()`: it must not wait for as long as the clock of the machine is set back. */
  readonly notBefore: number;
  /** Not wanted any more once the row is another than the one that it went back to. */
  readonly onlyWhileBack?: boolean;
}

/** Work by importance and age: a conversation is in it once. */
export interface WorkList {
  /** What is known already stays where it is, unless the new word is more urgent. */
  add(work: Work): void;
  /** The next that is due and to be asked so. */
  next(): Work | null;
  /** Up to `most` that are due, of which the end is to be asked. */
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
