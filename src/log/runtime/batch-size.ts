/** What one transaction may hold: records of the input, bytes of everything it writes. */
export interface TransactionLimit {
  readonly records: number;
  readonly bytes: number;
}

/** What one transaction held, or would have held. */
export interface Attempt extends TransactionLimit {
  /** The offset of the first record; null: it had none, only what was due. */
  readonly firstOffset: number | null;
  readonly nextOffset: number;
}

/**
 * How much the next transaction of a partition takes. What failed is never tried again in the same size: half of it, until
 * it is one record. It outlives the task: a new one goes on with it, also after the group was joined again, because a
 * transaction that outlasts its time-out looks like one that was fenced.
 */
export interface BatchSize {
  limit(): TransactionLimit;
  committed(nextOffset: number): void;
  /** It was too slow, its outcome is unknown, or another owner may have fenced it. */
  failed(attempt: Attempt): void;
  /**
   * The log will never take it. Answers what is left to do: `bisect` the records, `refuse` the one that it was, or nothing:
   * the records are none of the cause.
   */
  refused(attempt: Attempt, answer: string): 'bisect' | 'refuse' | 'nothing';
  /** What the log answered to the outputs of this record alone; null: it has not been refused. */
  refusalOf(offset: number): string | null;
}

/** One transaction takes at most this: at 1 MB/s all of it is sent before the time-out (15 s). */
export const MOST: TransactionLimit = { records: 2_000, bytes: 12 * 1024 * 1024 };
/** Less is not asked for: a transaction of one small record cannot be made smaller. */
const FEWEST: TransactionLimit = { records: 1, bytes: 64 * 1024 };
/** A third of the time-out: the next one could reach it. */
export const SLOW_MS = 5_000;

export function createBatchSize(): BatchSize {
  let limit = MOST;
  /** Up to this offset there is a record that the log refuses: nothing grows before it. */
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
