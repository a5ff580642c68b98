/** While transactions follow each other, one of them commits the group's offset this often, ms. */
const EVERY_MS = 500;
/** When no more records come, the task commits the offset after this time, ms. */
const QUIET_MS = 100;
/** Beside this many records, the two requests and the marker of the offset cost little. */
const MANY_RECORDS = 100;

/** Decides which transactions commit the group's offset. */
export interface OffsetPace {
  /** Whether the next transaction commits it. */
  isDue(nextOffset: number, records: number): boolean;
  /** A transaction was committed, with the group's offset or without. */
  committed(nextOffset: number, tookOffset: 'with-offset' | 'without'): void;
  /** The offset that the group lacks, and when it must have it, in the time of `now`; null: it has the last one. */
  owed(): { readonly offset: number; readonly at: number } | null;
}

/** @param now ms, of a clock that is never set */
export function createOffsetPace(now: () => number = () => performance.now()): OffsetPace {
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
