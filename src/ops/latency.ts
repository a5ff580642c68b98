import type { Metrics } from './metrics';

/** An event that has reached a stage. */
export interface Received {
  /** When queuefold received it, epoch ms. */
  readonly at: number;
  /** W3C trace context; absent: it belongs to no trace. */
  readonly traceparent: string | undefined;
}

/**
 * Records one observation for each event. The exemplar is the trace of the slowest event, because that one deserves a
 * look.
 */
export function observeLatency(
  { endToEndLatency }: Pick<Metrics, 'endToEndLatency'>,
  stage: 'kafka' | 'state' | 'store',
  received: readonly Received[],
  now = Date.now(),
): void {
  const slowest = received.reduce<Received | null>(
    (one, other) => (one === null || other.at < one.at ? other : one),
    null,
  );
  for (const one of received) {
    const traceId = one === slowest ? traceIdOf(one) : null;
    // Clocks differ. An event that seems to come from the future counts with 0 seconds.
    endToEndLatency.observe({ stage }, Math.max(0, now - one.at) / 1000, traceId);
  }
}

function traceIdOf({ traceparent = '' }: Received): string | null {
  return /^[\da-f]{2}-((?!0{32})[\da-f]{32})-/.exec(traceparent)?.[1] ?? null;
}
