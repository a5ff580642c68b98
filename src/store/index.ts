/**
 * ClickHouse alone: the client, migrations, encoding of rows, inserts, notes of progress, erasure and grants. It knows
 * tables, not topics; the sink brings the two together.
 */
export type { WriterState } from './attempts';
export { checkStore, connectStore, explainStoreError, identifier, type ServerOptions, type Store } from './client';
export { checkClickHouse } from './clickhouse-doctor';
export { offsetOf, type StoreRow, text, versionOf, type VisitRow } from './encode';
export { claimEpoch, currentEpoch, renewEpoch } from './epochs';
export { countErasable, ERASABLE_TABLES, findByAddress, noteErasures, sweepErasures, type Erasure } from './erasure';
export { codeOf, describeRefusal, describeStoreError } from './errors';
export { type Grant, grantText, SETUP_GRANTS, SINK_GRANTS } from './grants';
export { type LiveKeys, readLiveKeys } from './live-keys';
export { dropDatabase, migrate } from './migrations';
export { type Anchor, createProgress, type Note, type Progress, VISITS } from './progress';
export { createTranscoder, type Transcode } from './transcode';
export { createVisitWriter, VISIT_TABLE } from './visit-writer';
export {
  createWriter,
  HISTORY_TABLE,
  type Refusal,
  TableWriter,
  type TableWriterOptions,
  type Writer,
  type WriterOptions,
} from './writer';
