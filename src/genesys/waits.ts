import { LONGEST_TIMER_MS } from '../common';

/**
 * Bounds for waiting times that Genesys, or a proxy in its place, asks for. A timer beyond 2^31 − 1 ms is due at once,
 * and a wait that ends at once makes a busy loop.
 */

/** Genesys counts requests by the minute, and asks clients to wait for the rest of it. */
const LONGEST_WAIT_MS = 5 * 60_000;

/**
 * `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
 * @returns how long to wait, ms, 5 minutes at most; null: the header is missing or unreadable
 */
export function retryAfterMs(header: string | null, now = Date.now()): number | null {
  if (header === null || header.trim() === '') return null;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - now : seconds * 1_000;
  return Number.isNaN(ms) ? null : waitMs(ms);
}

/** A wait that somebody else asks for, bounded to 0 to 5 minutes, ms. */
export function waitMs(asked: number): number {
  return Math.min(LONGEST_WAIT_MS, Math.max(0, asked));
}

/** A delay for `setTimeout`. A longer wait looks again after it. */
function timerMs(ms: number): number {
  return Math.min(LONGEST_TIMER_MS, Math.max(0, ms));
}

/** A wait that the caller can cancel. */
export function startTimer(waitMs: number): { readonly due: Promise<'time'>; cancel(): void } {
  let timer: NodeJS.Timeout | undefined;
  const due = new Promise<'time'>((resolve) => {
    timer = setTimeout(resolve, timerMs(waitMs), 'time');
  });
  return { due, cancel: () => clearTimeout(timer) };
}
