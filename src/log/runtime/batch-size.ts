/** The most that one transaction may hold: records of the input, and bytes of everything that it writes. */
export interface TransactionLimit {
  readonly records: number;
  readonly bytes: number;
}

/** The content of one transaction, committed or not. */
export interface Attempt extends TransactionLimit {
  /** The offset of the first record; null: no record, only work that was due. */
  readonly firstOffset: number | null;
  readonly nextOffset: number;
}

/**
 * The size of a partition's next transaction. A failed size is never tried again: the next is half of it, down to one
 * record. The limit outlives the task, also when the member joins the group again, because a transaction that outlasts
 * its time-out looks like a fenced one.
 */
export interface BatchSize {
  limit(): TransactionLimit;
  committed(nextOffset: number): void;
  /** It was too slow, its outcome is unknown, or another owner may have fenced it. */
  failed(attempt: Attempt): void;
  /**
   * The log will never take the attempt. Returns the next step: `bisect` the records, `refuse` the one record that is
   * the cause, or `nothing`, because no record is the cause.
   */
  refused(attempt: Attempt, answer: string): 'bisect' | 'refuse' | 'nothing';
  /** The log's answer to the outputs of this record alone; null: the log has not refused it. */
  refusalOf(offset: number): string | null;
}

/** The most that one transaction takes: at 1 MB/s all of it is sent before the time-out (15 s). */
export const MOST: TransactionLimit = { records: 2_000, bytes: 12 * 1024 * 1024 };
/** The fewest that one transaction takes: a transaction of one small record cannot be smaller. */
const FEWEST: TransactionLimit = { records: 1, bytes: 64 * 1024 };
/** A third of the time-out: the next transaction could reach it. */
export const SLOW_MS = 5_000;

export function createBatchSize(): BatchSize {
  let limit = MOST;
  /** Some record up to this offset is one that the log refuses, so the limit does not grow before it. */
  let suspectUpTo = -1;
  let refusal: { readonly offset: number; readonly answer: string } | null = null;

  const halve = ({ records, bytes }: TransactionLimit): void => {
    limit = {
      records: Math.max(FEWEST.records, Math.floor(Math.min(records, limit.records) / 2)),
      bytes: Math.max(FEWEST.bytes, Math.floor(Math.min(bytes, limit.bytes) / 2)),
    };
  };

  return {
    limit: () => limit,
    committed(nextOffset) {
      if (refusal !== null && refusal.offset < nextOffset) refusal = null;
      if (nextOffset < suspectUpTo || limit === MOST) return;
      const records = Math.min(MOST.records, 2 * limit.records);
      const bytes = Math.min(MOST.bytes, 2 * limit.bytes);
      limit = records === MOST.records && bytes === MOST.bytes ? MOST : { records, bytes };
    },
    failed: halve,
    refused(attempt, answer) {
      if (attempt.firstOffset === null) return 'nothing';
      if (attempt.records <= 1) {
        if (refusal?.offset === attempt.firstOffset) return 'nothing';
        refusal = { offset: attempt.firstOffset, answer };
        return 'refuse';
      }
      suspectUpTo = attempt.nextOffset;
      limit = { ...limit, records: Math.floor(attempt.records / 2) };
      return 'bisect';
    },
    refusalOf: (offset) => (refusal?.offset === offset ? refusal.answer : null),
  };
}
