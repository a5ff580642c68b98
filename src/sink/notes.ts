import type { Logger } from 'pino';
import { OperatorError } from '../common';
import type { Anchor, Note, Progress } from '../store';

export interface NotesOptions {
  readonly progress: Pick<Progress, 'write' | 'missing' | 'revoke'>;
  readonly topic: string;
  /** ClickHouse's. */
  readonly database: string;
  /** How long a loss must show, ms. A replica may show less for a while than another replica has accepted. */
  readonly confirmMs: number;
  /** How long the tables keep a row, ms. */
  readonly keptMs: number;
  readonly logger: Logger;
}

/** Rows to look for. */
interface Kept {
  readonly rows: readonly Anchor[];
  /** Until when the table keeps them at least, epoch ms. */
  readonly untilMs: number;
}

/** A partition from `begin` to `forget`. */
interface Held {
  noted: number | null;
  /** To be looked for. */
  anchors: Kept | null;
  /** To be looked for after the next look. */
  newer: Kept | null;
}

/** Notes in ClickHouse how far the sink is, as long as ClickHouse has lost nothing. */
export interface Notes {
  /** @param noted the offset at which the partition continues. Null: the sink reads it from its beginning */
  begin(partition: number, noted: number | null): void;
  forget(partition: number): void;
  /** The rows that were stored last, a few of each partition. */
  anchors(): readonly Anchor[];
  /** Rows that were stored, a few of each partition. */
  stored(anchors: readonly Anchor[]): void;
  /**
   * Writes the notes. If the tables lack something, it writes none and returns false, and the caller calls again.
   * @throws OperatorError when the loss has shown for `confirmMs`, and the notes are revoked; any error of the store
   */
  write(notes: ReadonlyMap<number, Note>): Promise<boolean>;
  /** Writes the last notes. If the tables lack something, it revokes the notes. */
  writeLast(notes: ReadonlyMap<number, Note>): Promise<void>;
}

/** Enough rows to distinguish an emptied table from one of which somebody deleted a row. */
export const ANCHORS_A_PARTITION = 3;
/** Erasures are noted for a year. A row that is looked for must not outlive the note of its erasure. */
const ERASURES_KEPT_MS = 365 * 86_400_000;

/**
 * Somebody may empty or restore the tables while a sink runs. Its next note would hide the gap, and every later sink
 * would continue behind it. So before each note the sink looks for its last note and for rows that it stored before. DO
 * NOT BREAK: a row is looked for until a look was without a loss after a newer one was stored. So of two looks, the
 * later one finds out whatever went missing between them.
 *
 * A look may report a loss only of what ClickHouse had acknowledged before the look began. DO NOT BREAK: a look fixes
 * what it looks for before it asks, and one call waits for the one before. Otherwise the answer of a slow look would be
 * compared with a note that was written meanwhile. What else takes a note or a row away is no loss:
 * - merges and the clean-up leave the last version of the history alone, and the greatest note of a partition;
 * - the retention: a row is looked for during the first half of it;
 * - an erasure: erased conversations are left out (`Progress.missing`);
 * - a later epoch of the topic, whose note replaces this one's: it counts as found;
 * - another sink or a rebuild only adds notes, and `revoke` keeps the offset.
 */
export function createNotes({ progress, topic, database, confirmMs, keptMs, logger }: NotesOptions): Notes {
  const held = new Map<number, Held>();
  /** `since`: in the time of `performance.now()`, because a clock that is set forward would confirm the loss. */
  let loss: { readonly what: string; readonly since: number } | null = null;
  let before: Promise<unknown> = Promise.resolve();

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = before.then(work);
    before = result.catch(() => undefined);
    return result;
  };

  const revoke = (notes: ReadonlyMap<number, Note>): Promise<void> =>
    progress.revoke(new Map([...notes].map(([partition, { offset }]) => [partition, offset])));

  const look = async (): Promise<void> => {
    const now = Date.now();
    const noted = [...held].flatMap(([partition, one]) =>
      one.noted === null ? [] : [[partition, one.noted] as const],
    );
    const rows = [...held.values()].flatMap(({ anchors }) =>
      anchors !== null && now < anchors.untilMs ? anchors.rows : [],
    );
    const what = await progress.missing(new Map(noted), rows);
    if (what === null) {
      loss = null;
      return;
    }
    if (loss === null)
      logger.warn({ topic, database, what }, 'ClickHouse seems to have lost rows: the sink looks again');
    loss ??= { what, since: performance.now() };
  };

  const write = async (notes: ReadonlyMap<number, Note>): Promise<boolean> => {
    const looked = new Map([...held].map(([partition, one]) => [partition, { one, newer: one.newer }]));
    await look();
    if (loss !== null) return false;
    for (const { one, newer } of looked.values()) one.anchors = newer ?? one.anchors;
    await progress.write(notes);
    for (const [partition, { offset }] of notes) {
      const one = looked.get(partition)?.one;
      if (one !== undefined) one.noted = offset;
    }
    return true;
  };

  return {
    begin: (partition, noted) => void held.set(partition, { noted, anchors: null, newer: null }),
    forget: (partition) => void held.delete(partition),
    anchors: () => [...held.values()].flatMap(({ newer }) => newer?.rows ?? []),
    stored: (rows) => {
      const untilMs = Date.now() + Math.min(keptMs, ERASURES_KEPT_MS) / 2;
      for (const [partition, one] of held) {
        const some = rows.filter((row) => row.partition === partition);
        if (some.length === 0) continue;
        one.newer = { rows: some, untilMs };
        one.anchors ??= one.newer;
      }
    },
    write: (notes) =>
      inTurn(async () => {
        if (await write(notes)) return true;
        if (loss === null || performance.now() - loss.since < confirmMs) return false;
        await revoke(notes);
        throw new OperatorError(
          `ClickHouse database ${database} lost rows while the sink ran: ${loss.what}. Somebody emptied it or restored ` +
            `a backup. Start the sink again: it then reads ${topic} from the beginning.`,
        );
      }),
    writeLast: (notes) =>
      inTurn(async () => {
        if (!(await write(notes))) await revoke(notes);
      }),
  };
}
