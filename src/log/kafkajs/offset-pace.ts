/** While transactions follow each other, one of them takes the group's offset along this often, ms. */
const EVERY_MS = 500;
/** When nothing comes, the offset follows after this time, ms. */
const QUIET_MS = 100;
/** Beside this many records, the two requests and the marker of the offset cost little. */
const MANY_RECORDS = 100;

/** Decides which transactions take the group's offset along. */
export interface OffsetPace {
  /** Whether the transaction that is about to be written takes it along. */
  isDue(nextOffset: number, records: number): boolean;
  /** A transaction was committed, with the group's offset or without. */
  committed(nextOffset: number, tookOffset: 'with-offset' | 'without'): void;
  /** The offset that the group lacks, and when it must have it, epoch ms; null: it has the last one. */
  owed(): { readonly offset: number; readonly at: number } | null;
}

export function createOffsetPace(now: () => number = Date.now): OffsetPace {
  let sent: number | null = null;
  let dueAt = 0;
  let owed: { readonly offset: number; readonly at: number } | null = null;
  return {
    isDue: (nextOffset, records) => nextOffset !== sent && (records >= MANY_RECORDS || now() >= dueAt),
    committed(nextOffset, tookOffset) {
      if (tookOffset === 'with-offset') {
        sent = nextOffset;
        dueAt = now() + EVERY_MS;
      }
      owed = nextOffset === sent ? null : { offset: nextOffset, at: Math.min(dueAt, now() + QUIET_MS) };
    },
    owed: () => owed,
  };
}
