/** The way in, shared by bridge, replay and record: text in any shape → records of the events topic and dead letters. */
export { documentsIn, documentsOf } from './documents';
export { createIngest, type Ingest, type Ingested, type IngestOptions } from './ingest';
export type { Line } from './lines';
export { inputsOf, type OriginatedLine, readInput } from './originated-line';
