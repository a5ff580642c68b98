/** A log within this process: for replays and tests. */
export { createMemoryCluster, createMemoryLog, type MemoryCluster } from './cluster';
