/**
 * Replay: it sends recorded events through ingest and fold, on a log in memory or on Kafka, and hands over the result.
 */
export { checkRecordings, recordedLines } from './recordings';
export { replay, type ReplaySummary } from './replay';
