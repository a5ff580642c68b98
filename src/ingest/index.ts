/**
 * The way in, for bridge, replay and record: text of any shape becomes records of the events topic, or dead letters.
 */
export { documentsIn, documentsOf } from './documents';
export { createIngest, type Ingest, type Ingested, type IngestOptions } from './ingest';
export type { Line } from './lines';
export { inputsOf, type OriginatedLine, readInput } from './originated-line';
