/** ClickHouse alone: client, migrations, encoding, inserts, notes of progress, grants. */
export { checkStore, connectStore, explainStoreError, identifier, type ServerOptions, type Store } from './client';
export { checkClickHouse } from './doctor';
export { offsetOf, type StoreRow, text, versionOf } from './encode';
export { claimEpoch } from './epochs';
export { countErasable, findByAddress, noteErasures, sweepErasures, type Erasure } from './erasure';
export { codeOf, describeRefusal, describeStoreError } from './errors';
export { type LiveKeys, readLiveKeys } from './live-keys';
export { dropDatabase, migrate } from './migrations';
export { createProgress, type Note, type Progress } from './progress';
export {
  createTableWriter,
  createWriter,
  HISTORY_TABLE,
  type TableWriterOptions,
  type Writer,
  type WriterOptions,
  type WriterState,
} from './writer';
