import { backoffMs } from '../../common';

/**
 * Protects a service that does not answer:
 *
 *     closed ──failures──▶ open ──time──▶ probing ──▶ closed, or open again for longer
 */
export interface Breaker {
  /** How long to send nothing, ms. 0: send now (an open breaker says 0 once, for the probe). */
  pauseMs(): number;
  succeeded(): void;
  failed(): void;
}

export interface BreakerOptions {
  /** Failures in a row after which it opens. */
  readonly failures: number;
  /** How long it is open at first. Each failed probe doubles the time. */
  readonly baseMs: number;
  readonly capMs: number;
  readonly onChange: (state: 'open' | 'closed') => void;
}

export function createBreaker({ failures, baseMs, capMs, onChange }: BreakerOptions): Breaker {
  let inARow = 0;
  let openings = 0;
  /** In the time of `performance.now()`: it must not be open for as long as the clock of the machine was set back. */
  let openUntil = 0;
  let probing = false;

  function open(): void {
    openings += 1;
    openUntil = performance.now() + backoffMs(openings, baseMs, capMs);
    probing = false;
    if (openings === 1) onChange('open');
  }

  return {
    pauseMs() {
      if (openings === 0) return 0;
      const leftMs = openUntil - performance.now();
      if (leftMs > 0) return leftMs;
      // Requests that come while the probe is under way wait for its outcome.
      if (probing) return baseMs;
      probing = true;
      return 0;
    },
    succeeded() {
      if (openings > 0) onChange('closed');
      inARow = 0;
      openings = 0;
      probing = false;
    },
    failed() {
      inARow += 1;
      if (probing || (openings === 0 && inARow >= failures)) open();
    },
  };
}
