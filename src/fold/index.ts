/**
 * The fold: it turns the events topic into the compacted state topic and the visits topic, exactly once. A task for each
 * partition applies `conversation` to the events, within one Kafka transaction for each batch.
 */
export { usableCpus } from './cpus';
export { startFoldRole } from './role';
export { adoptFold, startFold } from './start';
export { answerMain } from './thread';
export { type FoldThread, startFoldThreads } from './threads';
