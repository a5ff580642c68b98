import { setTimeout as sleep } from 'node:timers/promises';
import { retryAfterMs, waitMs } from '../waits';
import type { HttpAnswer } from './http';

/** `background` requests leave a part of each minute to urgent ones: logins, channels, subscriptions. */
export type Urgency = 'now' | 'background';

export interface RateLimit {
  readonly allowed: number;
  readonly remaining: number;
  /** Epoch ms. */
  readonly resetsAt: number;
}

/** Limits requests to what Genesys allows a token. Genesys's answers contain the limit. */
export interface Budget {
  /** Resolves when a request may be sent. @throws AbortError when `signal` aborts before */
  turn(urgency: Urgency): Promise<void>;
  /** Call it with an answer's statement about the limit. */
  told(answer: Pick<HttpAnswer, 'status' | 'header'>): void;
  /** Null: Genesys has not said. */
  limit(): RateLimit | null;
}

export interface BudgetOptions {
  readonly signal: AbortSignal;
  /** Between two background requests, as long as Genesys has not told its limit; afterwards a fifth of that. */
  readonly backgroundEveryMs: number;
}

/** Of the 300 requests a minute, 50 are not for background requests. */
const RESERVED_SHARE = 1 / 6;
/** How long all requests wait after a 429 without `Retry-After`. */
const RETRY_AFTER_MS = 1_000;

export function createBudget({ signal, backgroundEveryMs }: BudgetOptions): Budget {
  let limit: RateLimit | null = null;
  // All times here are those of `performance.now()`: nothing may wait for as long as the clock of the machine is set back.
  /** Nothing is sent before this time after a 429, because Genesys would refuse it too. */
  let heldUntil = 0;
  let lastBackgroundAt = -Infinity;
  let behind: Promise<void> = Promise.resolve();

  function untilAllowedMs(urgency: Urgency): number {
    const now = performance.now();
    if (limit !== null && limit.resetsAt <= now) limit = { ...limit, remaining: limit.allowed, resetsAt: Infinity };
    const held = heldUntil - now;
    if (urgency === 'now') return held;
    const reserved = limit === null ? 0 : limit.allowed * RESERVED_SHARE;
    const spent = limit !== null && Number.isFinite(limit.resetsAt) && limit.remaining <= reserved ? limit : null;
    const spacing = limit === null ? backgroundEveryMs : backgroundEveryMs / 5;
    return Math.max(held, spent === null ? 0 : spent.resetsAt - now, lastBackgroundAt + spacing - now);
  }

  async function wait(urgency: Urgency): Promise<void> {
    signal.throwIfAborted();
    for (let ms = untilAllowedMs(urgency); ms > 0; ms = untilAllowedMs(urgency)) await sleep(ms, undefined, { signal });
    if (urgency === 'background') lastBackgroundAt = performance.now();
    if (limit !== null) limit = { ...limit, remaining: limit.remaining - 1 };
  }

  return {
    turn(urgency) {
      if (urgency === 'now') return wait(urgency);
      // One request after the other, so that requests that wait for the same moment are not all sent at once.
      const mine = behind.then(() => wait(urgency));
      behind = mine.catch(() => undefined);
      return mine;
    },
    told({ status, header }) {
      const now = performance.now();
      if (status === 429) {
        heldUntil = Math.max(heldUntil, now + (retryAfterMs(header('retry-after')) ?? RETRY_AFTER_MS));
      }
      const said = ['count', 'allowed', 'reset'].map((name) => Number(header(`inin-ratelimit-${name}`) ?? NaN));
      const [used = NaN, allowed = NaN, resetSeconds = NaN] = said;
      if (!Number.isFinite(allowed - used)) return;
      const resetMs = Number.isNaN(resetSeconds) ? 60_000 : waitMs(resetSeconds * 1_000);
      limit = { allowed, remaining: Math.max(0, allowed - used), resetsAt: now + resetMs };
    },
    limit: () => limit,
  };
}
