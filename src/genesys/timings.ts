/** How long things may take, in milliseconds. Tests shorten them. */
export interface Timings {
  /** One REST request, from sending to the end of its answer. */
  readonly requestTimeoutMs: number;
  /** Between attempts of a request: at most `retryBaseMs × 2ⁿ`, at most `retryCapMs`, with jitter. */
  readonly retryBaseMs: number;
  readonly retryCapMs: number;
  /** Between two requests that can wait, as long as Genesys has not told its limit; afterwards a fifth of that. */
  readonly backgroundEveryMs: number;
  /** How long a service that does not answer is left alone: at first, at most. */
  readonly breakBaseMs: number;
  readonly breakCapMs: number;
  /** Between attempts to get a socket, as between those of a request. */
  readonly reconnectBaseMs: number;
  readonly reconnectCapMs: number;
  /** Topics that Genesys refuses are asked for again at most so much later, growing as the back-off for a socket. */
  readonly refusedCapMs: number;
  /** From dialling to an open socket. */
  readonly openTimeoutMs: number;
  /** Silence after which a ping is sent; heartbeats come about every 30 s. */
  readonly pingAfterMs: number;
  /** Silence after which a socket is dead (Genesys's own client waits as long). */
  readonly deadAfterMs: number;
  /** A channel is replaced when so much of its life has passed (of the real 24 h: after about 21.5 h). */
  readonly renewAtFraction: number;
  /** Between two looks at the list of queues: a new one is heard after half of it on average, for a request or two each time. */
  readonly queuesEveryMs: number;
  /** Between two looks at names, which may be hundreds of requests; people rename things rarely. */
  readonly namesEveryMs: number;
  /** How long an old socket is still read when its successor is open: what is under way arrives. */
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
export function backoffMs(attempt: number, baseMs: number, capMs: number): number {
  return Math.random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 20));
}
