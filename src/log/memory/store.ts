import type { Logger } from 'pino';
import type { Metrics } from '../../ops';
import type { OutRecord } from '../port';
import type { TaskHooks } from '../runtime/backend';
import type { Groups } from './groups';
import type { PartitionLog } from './partition-log';

export interface ClientOptions {
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  readonly hooks?: TaskHooks;
}

/** The operations of clients on the cluster. */
export interface MemoryStore {
  readonly identity: string | null;
  readonly groups: Groups;
  readonly maxAhead: number;
  topic(name: string): readonly PartitionLog[];
  /** Unique for each created topic, also if an earlier topic had the same name. */
  topicId(name: string): string;
  append(record: OutRecord, partition?: number): PartitionLog;
  /** Begins a new epoch of the id and answers the epoch. */
  openEpoch(transactionalId: string): number;
  isCurrentEpoch(transactionalId: string, epoch: number): boolean;
  /** Applies the topic's retention after a commit. */
  clean(topic: string, partition: number): void;
  /** Waits for room for producers; null for topics that drop nothing. */
  room(topic: string, partition: number): Promise<void> | null;
  compacts(topic: string): boolean;
  dropsConsumed(topic: string): boolean;
  largestRecordBytes(topic: string): number | null;
}
