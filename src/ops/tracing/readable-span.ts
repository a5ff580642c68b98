import type * as OpenTelemetry from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { spanIdOf, traceIdOf } from '../../common';
import type { Span } from './port';

const MOST_LINKS = 128;

export interface Surroundings {
  /** OpenTelemetry's constants, which are loaded only when somebody wants spans. */
  readonly api: Pick<typeof OpenTelemetry, 'SpanKind' | 'SpanStatusCode' | 'TraceFlags'>;
  readonly resource: ReadableSpan['resource'];
  readonly version: string;
}

/** A span in the form in which OpenTelemetry's processors and exporters take an ended one. */
export function readableSpan(span: Span, { api, resource, version }: Surroundings): ReadableSpan {
  const { parent, links, error } = span;
  const { CLIENT, PRODUCER, CONSUMER } = api.SpanKind;
  const contextOf = (traceparent: string): OpenTelemetry.SpanContext => ({
    traceId: traceIdOf(traceparent),
    spanId: spanIdOf(traceparent),
    traceFlags: api.TraceFlags.SAMPLED,
  });
  const context = contextOf(span.traceparent);
  return {
    name: span.name,
    kind: { client: CLIENT, producer: PRODUCER, consumer: CONSUMER }[span.kind],
    spanContext: () => context,
    ...(parent === null ? {} : { parentSpanContext: { ...contextOf(parent), isRemote: true } }),
    startTime: timeOf(span.startedAt),
    endTime: timeOf(span.endedAt),
    duration: timeOf(Math.max(0, span.endedAt - span.startedAt)),
    ended: true,
    status: { code: error === undefined ? api.SpanStatusCode.UNSET : api.SpanStatusCode.ERROR },
    attributes: error === undefined ? span.attributes : { ...span.attributes, 'error.type': error },
    links: links.slice(0, MOST_LINKS).map((traceparent) => ({ context: contextOf(traceparent) })),
    droppedLinksCount: Math.max(0, links.length - MOST_LINKS),
    events: [],
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    resource,
    instrumentationScope: { name: `queuefold/${span.role}`, version },
  };
}

/** Epoch ms as seconds and nanoseconds. */
function timeOf(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1e6)];
}
