import { backoffMs } from '../common';

/** How long things may take, in milliseconds. Tests shorten them. */
export interface Timings {
  /** One REST request, from sending to the end of its answer. */
  readonly requestTimeoutMs: number;
  /** Between attempts of a request: at most `retryBaseMs × 2ⁿ`, at most `retryCapMs`, with jitter. */
  readonly retryBaseMs: number;
  readonly retryCapMs: number;
  /** Between two requests that can wait, as long as Genesys has not told its limit; afterwards a fifth of that. */
  readonly backgroundEveryMs: number;
  /** How long the client pauses if a service does not answer: at first, and at most. */
  readonly breakBaseMs: number;
  readonly breakCapMs: number;
  /** Between attempts to get a socket, as between those of a request. */
  readonly reconnectBaseMs: number;
  readonly reconnectCapMs: number;
  /** The longest time until the bridge asks again for refused topics. The time grows like the back-off for a socket. */
  readonly refusedCapMs: number;
  /** From the connection attempt to an open socket. */
  readonly openTimeoutMs: number;
  /** Silence after which a ping is sent; heartbeats come about every 30 s. */
  readonly pingAfterMs: number;
  /** Silence after which a socket is dead (Genesys's own client waits as long). */
  readonly deadAfterMs: number;
  /** The bridge replaces a channel after this part of its life (after about 21.5 of the 24 h of Genesys). */
  readonly renewAtFraction: number;
  /**
   * Between two looks at the list of queues. A new queue is heard after half of it on average. Each look costs a
   * request or two.
   */
  readonly queuesEveryMs: number;
  /** Between two looks at names. A look may take hundreds of requests, and people rarely rename things. */
  readonly namesEveryMs: number;
  /** How long the bridge still reads an old socket after its successor is open, so that frames under way arrive. */
  readonly overlapMs: number;
}

export const DEFAULT_TIMINGS: Timings = {
  requestTimeoutMs: 15_000,
  retryBaseMs: 500,
  retryCapMs: 10_000,
  backgroundEveryMs: 250,
  breakBaseMs: 5_000,
  breakCapMs: 15_000,
  reconnectBaseMs: 500,
  reconnectCapMs: 15_000,
  refusedCapMs: 60_000,
  openTimeoutMs: 15_000,
  pingAfterMs: 31_000,
  deadAfterMs: 35_000,
  renewAtFraction: 0.9,
  queuesEveryMs: 5 * 60_000,
  namesEveryMs: 15 * 60_000,
  overlapMs: 2_000,
};

/** Full jitter: anything from 0 to the bound, so that many clients do not come back at once. */
export function retryMs(attempt: number, baseMs: number, capMs: number): number {
  return Math.random() * backoffMs(attempt + 1, baseMs, capMs);
}
