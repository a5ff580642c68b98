/** Genesys's limits of time, in milliseconds, and how often clients exceeded a limit. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

export interface TimeLimits {
  /** The window for which a token's requests are counted. */
  readonly windowMs: number;
  readonly tokenLifetimeMs: number;
  readonly channelLifetimeMs: number;
  readonly heartbeatMs: number;
  /** From `v2.system.socket_closing` to the end of the socket. */
  readonly closingNoticeMs: number;
}

/** The real limits, divided by the acceleration. */
export function timeLimits(acceleration: number): TimeLimits {
  return {
    windowMs: MINUTE_MS / acceleration,
    tokenLifetimeMs: DAY_MS / acceleration,
    channelLifetimeMs: DAY_MS / acceleration,
    heartbeatMs: (30 * SECOND_MS) / acceleration,
    closingNoticeMs: MINUTE_MS / acceleration,
  };
}

/**
 * Genesys gives a time to wait or to live in whole seconds, at least one, also if time is accelerated. Rounded up, so
 * that a client that waits this long is never too early.
 */
export const wholeSeconds = (ms: number): number => Math.max(1, Math.ceil(ms / SECOND_MS));

/** A careful client avoids each of these except `requests`. Answers of provoked faults do not count. */
export interface Breaches {
  requests: number;
  /** Requests beyond the allowed number, answered with 429. */
  tooManyRequests: number;
  /** Channels that went because a 21st was created. */
  channelsEvicted: number;
  /** Subscriptions refused because the channel would have exceeded 1,000 topics. */
  tooManyTopics: number;
  /** Channels that nobody renewed within their life. */
  channelsExpired: number;
  /** Sockets closed because a second one opened on their channel. */
  socketsReplaced: number;
  /** Requests with an expired token. */
  expiredTokens: number;
}

export const noBreaches = (): Breaches => ({
  requests: 0,
  tooManyRequests: 0,
  channelsEvicted: 0,
  tooManyTopics: 0,
  channelsExpired: 0,
  socketsReplaced: 0,
  expiredTokens: 0,
});
