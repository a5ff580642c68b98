/** Recordings through ingest and fold, on any log. */
export { checkRecordings, recordedLines } from './recordings';
export { replay, type ReplaySummary } from './replay';
