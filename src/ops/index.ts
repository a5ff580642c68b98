/** What every process needs to run: logging, metrics, health, their HTTP server, tracing and an orderly stop. */
export { checkHttpPort, checkProcess, processFacts } from './process-doctor';
export { collectProcessMetrics, renderMetrics } from './exposition';
export { checkHealth, type CheckResult, type Checks, livenessOf } from './health';
export { readBody } from './http-body';
export { type Answer, type OpsHttp, type Route, type Routes, startOpsHttp } from './http';
export { observeLatency, type Received } from './latency';
export { createLogging, type Logger, type Logging, type LogLevel } from './logging';
export { localUrl } from './listen';
export { foreignRequest, isLoopback } from './loopback';
export {
  createMetrics,
  type FoldDeadLetterReason,
  type Metrics,
  type ReconciliationOutcome,
  type SinkDeadLetterReason,
  type SinkTable,
} from './metrics';
export type { MetricDefinition } from './metric-builder';
export { mergedWith, type MetricValues, valuesOf } from './merged-metrics';
export { createRateLimit } from './rate-limit';
export { createScrubber } from './scrub';
export { secretCheck } from './secret-check';
export { createShutdown, exitCodeOf, exitOnUncaught, type Shutdown, type ShutdownCause } from './shutdown';
export { startTracing } from './tracing/otlp';
export type { Attributes, Span, Tracing } from './tracing/port';
