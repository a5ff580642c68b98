/** The way in, shared by bridge, replay and record: text in any shape → records of the events topic and dead letters. */
export { createIngest, type Ingest, type Ingested } from './ingest';
export { type Line, linesOf } from './lines';
export { ingestLine, type OriginatedLine } from './originated-line';
