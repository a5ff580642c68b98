/** What Genesys limits by time, in milliseconds, and how often clients came up against a limit. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

export interface TimeLimits {
  /** Of the requests that are allowed to a token. */
  readonly windowMs: number;
  readonly tokenLifetimeMs: number;
  readonly channelLifetimeMs: number;
  readonly heartbeatMs: number;
  /** From `v2.system.socket_closing` to the end of the socket. */
  readonly closingNoticeMs: number;
}

/** The real ones, divided. */
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
 * As Genesys tells a time to wait or to live: whole seconds, at least one, also where time is accelerated. Rounded up:
 * whoever waits so long is never too early.
 */
export const wholeSeconds = (ms: number): number => Math.max(1, Math.ceil(ms / SECOND_MS));

/** Each but `requests` is something that a careful client avoids; answers of provoked faults are not among them. */
export interface Breaches {
  requests: number;
  /** Requests beyond those allowed, answered with 429. */
  tooManyRequests: number;
  /** Channels removed because a 21st was created. */
  channelsEvicted: number;
  /** Subscriptions refused because a channel would have had more than 1,000 topics. */
  tooManyTopics: number;
  /** Channels that were not renewed within their life. */
  channelsExpired: number;
  /** Sockets closed because a second one opened on their channel. */
  socketsReplaced: number;
  /** Requests with a token after its end. */
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
