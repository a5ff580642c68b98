import type { Logger, Metrics } from '../ops';
import type { ComparisonTimings, LiveRow } from './comparison';
import type { Rest } from './rest';

/** Where the bridge reads the table back, and what it makes of the answers. */
export interface ReconciliationPorts {
  /** The table, read back; resolves when it has been read to its end once. */
  readonly caughtUp: Promise<void>;
  live(): Iterable<LiveRow>;
  row(conversationId: string): LiveRow | null;
  /** @param body the conversation as REST tells it, JSON; `askedAt` when it was asked for, epoch ms */
  onSnapshot(body: string, askedAt: number): void;
  onGone(conversationId: string, askedAt: number): void;
}

export interface ReconcilerOptions extends ReconciliationPorts {
  readonly rest: Rest;
  /** Those that are listened to now. */
  readonly watched: () => ReadonlySet<string>;
  /** Queues of which this bridge has to care for silent rows, listened to or not. */
  readonly isOwn: (queueId: string) => boolean;
  readonly timings: ReconciliationTimings;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface ReconciliationTimings extends ComparisonTimings {
  /** Between two looks at what should be live. */
  readonly compareEveryMs: number;
  /**
   * An answer that something newer overtook, or that did not come, is asked for again after this: more than the 10 s in
   * which the fold takes an equal snapshot for a duplicate.
   */
  readonly againAfterMs: number;
  /** How far back conversations are looked for when the table is empty. */
  readonly lookBackMs: number;
}

export const DEFAULT_RECONCILIATION: ReconciliationTimings = {
  compareEveryMs: 5 * 60_000,
  graceMs: 60_000,
  silentVoiceMs: 10 * 60_000,
  silentDigitalMs: 2 * 60 * 60_000,
  againAfterMs: 11_000,
  lookBackMs: 24 * 60 * 60_000,
};
