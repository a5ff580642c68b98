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

interface Kept {
  readonly rows: readonly Anchor[];
  /** Until when the table keeps them at least, epoch ms. */
  readonly untilMs: number;
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
   * @throws OperatorError when the loss has shown for `confirmMs`, and the notes are revoked; whatever the store answers
   */
  write(notes: ReadonlyMap<number, Note>): Promise<boolean>;
  /** Writes the last notes. If the tables lack something, it revokes the notes. */
  writeLast(notes: ReadonlyMap<number, Note>): Promise<void>;
}

/**
 * Somebody may empty or restore the tables while a sink runs. Its next note would hide the gap, and every later sink
 * would continue behind it. So before each note the sink looks for its last note and for rows that it stored before. DO
 * NOT BREAK: a row is looked for until a look was without a loss after a newer one was stored. So of two looks, the
 * later one finds out whatever went missing between them.
 */
export function createNotes({ progress, topic, database, confirmMs, keptMs, logger }: NotesOptions): Notes {
  const noted = new Map<number, number>();
  /** To be looked for. */
  const anchors = new Map<number, Kept>();
  /** To be looked for after the next look. */
  const newer = new Map<number, Kept>();
  let loss: { readonly what: string; readonly sinceMs: number } | null = null;

  const revoke = (notes: ReadonlyMap<number, Note>): Promise<void> =>
    progress.revoke(new Map([...notes].map(([partition, { offset }]) => [partition, offset])));

  const look = async (): Promise<void> => {
    const now = Date.now();
    const kept = [...anchors.values()].filter(({ untilMs }) => now < untilMs);
    const what = await progress.missing(
      noted,
      kept.flatMap(({ rows }) => rows),
    );
    if (what === null) {
      loss = null;
      return;
    }
    if (loss === null)
      logger.warn({ topic, database, what }, 'ClickHouse seems to have lost rows: the sink looks again');
    loss ??= { what, sinceMs: now };
  };

  const write = async (notes: ReadonlyMap<number, Note>): Promise<boolean> => {
    const next = new Map(newer);
    await look();
    if (loss !== null) return false;
    for (const [partition, rows] of next) if (anchors.has(partition)) anchors.set(partition, rows);
    await progress.write(notes);
    for (const [partition, { offset }] of notes) noted.set(partition, offset);
    return true;
  };

  return {
    begin: (partition, offset) => {
      if (offset !== null) noted.set(partition, offset);
    },
    forget: (partition) => {
      for (const map of [noted, anchors, newer]) map.delete(partition);
    },
    anchors: () => [...newer.values()].flatMap(({ rows }) => rows),
    stored: (rows) => {
      for (const partition of new Set(rows.map((row) => row.partition))) {
        const some = { rows: rows.filter((row) => row.partition === partition), untilMs: Date.now() + keptMs / 2 };
        if (!anchors.has(partition)) anchors.set(partition, some);
        newer.set(partition, some);
      }
    },
    write: async (notes) => {
      if (await write(notes)) return true;
      if (loss === null || Date.now() - loss.sinceMs < confirmMs) return false;
      await revoke(notes);
      throw new OperatorError(
        `ClickHouse database ${database} lost rows while the sink ran: ${loss.what}. Somebody emptied it or restored ` +
          `a backup. Start the sink again: it then reads ${topic} from the beginning.`,
      );
    },
    writeLast: async (notes) => {
      if (!(await write(notes))) await revoke(notes);
    },
  };
}
