import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { atMost, newTraceparent, sampled, traceIdOf, UsageError } from '../../common';
import type { Logger } from '../logging';
import type { Metrics } from '../metrics';
import type { Role, Tracing } from './port';
import { readableSpan } from './readable-span';

export interface TracingOptions {
  /**
   * The address of an OpenTelemetry collector, without `/v1/traces`; undefined: no tracing, and its packages are not
   * loaded.
   */
  readonly endpoint: string | undefined;
  /** Sent with each request: `name=value,…`, values percent-encoded. */
  readonly headers: string | undefined;
  /** The share of traces whose spans are reported, 0 to 1. */
  readonly ratio: number;
  readonly version: string;
  /** The time limit of one export with its repetitions. Default 10,000. */
  readonly timeoutMs?: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** How many spans may wait, about 1 KB each. Further ones are dropped. */
const QUEUED_SPANS = 2_048;
const BATCH_SPANS = 512;
const EXPORT_EVERY_MS = 1_000;
const EXPORT_TIMEOUT_MS = 10_000;
const STOP_WITHIN_MS = 2_000;

/** Null: no tracing. Only with an endpoint does it load OpenTelemetry. */
export async function startTracing(options: TracingOptions): Promise<Tracing | null> {
  const { endpoint, ratio, version, timeoutMs = EXPORT_TIMEOUT_MS, metrics, logger } = options;
  if (endpoint === undefined) return null;
  const headers = options.headers === undefined ? {} : headersOf(options.headers);
  const [api, sdk, { OTLPTraceExporter }, resources] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const url = `${endpoint}/v1/traces`;
  const exporter = new OTLPTraceExporter({ url, headers, timeoutMillis: timeoutMs });
  let queued = 0;
  const processor = new sdk.BatchSpanProcessor({
    exporter: told(exporter, {
      onTaken: (spans) => (queued -= spans),
      onExported: (spans) => metrics.traceSpans.inc({ outcome: 'exported' }, spans),
      onFailed: (spans) => metrics.traceSpans.inc({ outcome: 'failed' }, spans),
      logger: logger.child({ endpoint }),
    }),
    maxQueueSize: QUEUED_SPANS,
    maxExportBatchSize: BATCH_SPANS,
    scheduledDelayMillis: EXPORT_EVERY_MS,
    exportTimeoutMillis: 2 * timeoutMs,
  });
  const sampler = new sdk.TraceIdRatioBasedSampler(ratio);
  const resourceOf = (role: Role): ReadableSpan['resource'] =>
    resources
      .defaultResource()
      .merge(resources.resourceFromAttributes({ 'service.name': `queuefold-${role}`, 'service.version': version }))
      // OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME
      .merge(resources.detectResources({ detectors: [resources.envDetector] }));
  const resourcesByRole = { bridge: resourceOf('bridge'), fold: resourceOf('fold'), sink: resourceOf('sink') };

  return {
    begin: () => {
      const traceparent = newTraceparent();
      const { decision } = sampler.shouldSample(null, traceIdOf(traceparent));
      return decision === sdk.SamplingDecision.RECORD_AND_SAMPLED ? sampled(traceparent) : traceparent;
    },
    report: (span) => {
      if (queued >= QUEUED_SPANS) {
        metrics.traceSpans.inc({ outcome: 'dropped' });
        return;
      }
      queued++;
      processor.onEnd(readableSpan(span, { api, resource: resourcesByRole[span.role], version }));
    },
    // A failure was logged when it happened.
    stop: () => atMost(STOP_WITHIN_MS, processor.shutdown()),
  };
}

interface Hearers {
  /** These spans wait no longer. */
  readonly onTaken: (spans: number) => void;
  readonly onExported: (spans: number) => void;
  readonly onFailed: (spans: number) => void;
  readonly logger: Logger;
}

/** The exporter, with a line in the log when it begins to fail and when it works again. */
function told(exporter: SpanExporter, { onTaken, onExported, onFailed, logger }: Hearers): SpanExporter {
  let failing = false;
  return {
    export: (spans, done) => {
      onTaken(spans.length);
      exporter.export(spans, (result) => {
        const { error } = result;
        if (error === undefined) onExported(spans.length);
        else onFailed(spans.length);
        if (error === undefined && failing) logger.info('queuefold sends spans to the collector again');
        if (error !== undefined && !failing)
          logger.warn({ error: error.message }, 'queuefold cannot send spans to the collector');
        failing = error !== undefined;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
}

function headersOf(text: string): Readonly<Record<string, string>> {
  // The message does not show the value, which is a secret.
  const wrong = new UsageError(
    'OTEL_EXPORTER_OTLP_HEADERS: not allowed; allowed: name=value,name=value with percent-encoded values',
  );
  const headers = text.split(',').map((pair) => {
    const [, name, value] = /^\s*([\w!#$%&'*+.^`|~-]+)=(.*?)\s*$/.exec(pair) ?? [];
    if (name === undefined || value === undefined) throw wrong;
    try {
      return [name, decodeURIComponent(value)] as const;
    } catch {
      throw wrong;
    }
  });
  return Object.fromEntries(headers);
}
