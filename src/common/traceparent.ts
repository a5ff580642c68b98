import { randomFillSync } from 'node:crypto';

/** W3C trace context, as it stands in the header `traceparent`: `00-<trace id>-<span id>-<flags>`. */
const TRACEPARENT = /^00-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;
const TRACE_ID_END = 3 + 32;
const SPAN_ID_END = TRACE_ID_END + 1 + 16;

/** A trace that begins here. It is not sampled: nobody reports its spans. */
export function newTraceparent(): string {
  const random = randomHex(24);
  return `00-${random.slice(0, 32)}-${random.slice(32)}-00`;
}

/**
 * The same trace, in another span.
 * @param parent the received traceparent; absent or malformed: no trace
 * @param spanId 16 hex digits, not all 0
 */
export function inSpan(parent: string | undefined, spanId: string): string | null {
  if (parent === undefined || !TRACEPARENT.test(parent)) return null;
  return `${parent.slice(0, TRACE_ID_END)}-${spanId}${parent.slice(SPAN_ID_END)}`;
}

/** Whether the trace is sampled: its creator wants the spans reported. False for an invalid traceparent. */
export function isSampled(traceparent: string | null | undefined): traceparent is string {
  if (traceparent?.length !== SPAN_ID_END + 3) return false;
  return (Number.parseInt(traceparent.slice(SPAN_ID_END + 1), 16) & 1) === 1 && TRACEPARENT.test(traceparent);
}

/** The same trace with the sampled flag set. */
export function sampled(traceparent: string): string {
  return `${traceparent.slice(0, SPAN_ID_END)}-01`;
}

export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, TRACE_ID_END);
}

export function spanIdOf(traceparent: string): string {
  return traceparent.slice(TRACE_ID_END + 1, SPAN_ID_END);
}

export function newSpanId(): string {
  return randomHex(8);
}

/** Draws random bytes for many ids at once, because a call costs ten times what the bytes of one id do. */
const drawn = Buffer.alloc(4_096);
let used = drawn.length;

function randomHex(bytes: number): string {
  if (used + bytes > drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  used += bytes;
  return drawn.toString('hex', used - bytes, used);
}
