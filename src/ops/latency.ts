import type { Metrics } from './metrics';

/** An event that has reached a stage. */
export interface Received {
  /** When queuefold received it, epoch ms. */
  readonly at: number;
  /** W3C trace context; absent: it belongs to no trace. */
  readonly traceparent: string | undefined;
}

/** One observation each; the trace of the slowest is the exemplar, as that is the one to be looked into. */
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
    // Clocks differ: what seems to have come from the future took no time.
    endToEndLatency.observe({ stage }, Math.max(0, now - one.at) / 1000, traceId);
  }
}

function traceIdOf({ traceparent = '' }: Received): string | null {
  return /^[\da-f]{2}-((?!0{32})[\da-f]{32})-/.exec(traceparent)?.[1] ?? null;
}
