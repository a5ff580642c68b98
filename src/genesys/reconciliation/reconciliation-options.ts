import type { Logger, Metrics } from '../../ops';
import type { Rest } from '../rest/rest';
import type { ComparisonTimings, LiveRow } from './comparison';

/** Where the bridge reads the table back, and where the answers of Genesys go. */
export interface ReconciliationPorts {
  /** Resolves when the bridge has read the table to its end once. */
  readonly caughtUp: Promise<void>;
  live(): Iterable<LiveRow>;
  row(conversationId: string): LiveRow | null;
  /** @param body the conversation as REST tells it, JSON; `askedAt` when it was asked for, epoch ms */
  onSnapshot(body: string, askedAt: number): void;
  onGone(conversationId: string, askedAt: number): void;
}

export interface ReconcilerOptions extends ReconciliationPorts {
  readonly rest: Rest;
  /** The queues that the bridge listens to now. */
  readonly watched: () => ReadonlySet<string>;
  /** Queues whose silent rows this bridge checks, whether it listens to them or not. */
  readonly isOwn: (queueId: string) => boolean;
  readonly timings: ReconciliationTimings;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface ReconciliationTimings extends ComparisonTimings {
  /** Between two looks at what should be live. */
  readonly compareEveryMs: number;
  /**
   * How long the bridge waits before it repeats a request whose answer was overtaken or did not come. It is more than
   * the 10 s in which the fold takes an equal snapshot for a duplicate.
   */
  readonly againAfterMs: number;
  /** How far back the bridge looks for conversations if the table is empty. */
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
