/**
 * Helpers without a domain, which every module may use: errors for people, findings of the doctor, waiting, text,
 * streams, TLS, proxies and watermarks. Nothing here knows of Kafka topics, Genesys or ClickHouse tables.
 */
export { type Age, createAge } from './age';
export {
  atMost,
  backoffMs,
  createDeferred,
  createSignal,
  type Deferred,
  jittered,
  LONGEST_TIMER_MS,
  type Signal,
} from './async';
export {
  createDeadLetterLimit,
  type DeadLetterLimit,
  type DeadLetterLimits,
  deadLetterLimits,
  tooManyDeadLetters,
} from './dead-letter-limit';
export { AwayError, messageOf, MissingError, OperatorError, UsageError } from './errors';
export { type Fetch, fetchWith } from './fetch';
export { check, failed, type Finding, type Findings, ok, type Outcome, skipped, warning } from './finding';
export { type Io, type OutputStream, processIo, write } from './io';
export { type Name, NAME_KINDS, type Named, nameKey, type NameKind, readNameKey } from './organisation-names';
export { packageRoot } from './package-root';
export { type Peer, peerOf } from './peer-certificate';
export { type Proxies, type Proxy, PROXY_VARIABLES, proxyAuthorization, proxySecrets, readProxies } from './proxies';
export { explainTls, tlsCodeOf, type TlsMaterial, type TlsProblem, type TlsSettings } from './tls';
export { inSpan, isSampled, newSpanId, newTraceparent, sampled, spanIdOf, traceIdOf } from './traceparent';
export { createLowWatermarks } from './watermark';
