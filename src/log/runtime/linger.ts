/** With this many waiting records a task does not linger. */
const MANY_RECORDS = 100;
/** A task never lingers for longer, ms. */
const LONGEST_MS = 10;
/** A timer is not finer. */
const SHORTEST_MS = 1;

/**
 * After a transaction, a task lingers for as long as the transaction took, so that records gather for the next one. A
 * transaction costs the broker and this process much more than a record does. On a busy machine transactions take
 * longer, so there are fewer of them, and the machine is less busy. The name is that of Kafka's `linger.ms`.
 */
export interface Linger {
  after(tookMs: number): void;
  /** How long the task still has to linger while this many records wait, ms; 0: not at all. */
  leftMs(waiting: number): number;
}

/** @param now ms, of a clock that is never set */
export function createLinger(now: () => number = () => performance.now()): Linger {
  let until = 0;
  return {
    after(tookMs) {
      until = now() + Math.min(tookMs, LONGEST_MS);
    },
    leftMs(waiting) {
      const left = until - now();
      return waiting >= MANY_RECORDS || left < SHORTEST_MS ? 0 : left;
    },
  };
}
