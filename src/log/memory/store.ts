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

/** What clients do with the cluster. */
export interface MemoryStore {
  readonly identity: string | null;
  readonly groups: Groups;
  readonly maxAhead: number;
  topic(name: string): readonly PartitionLog[];
  /** Another one for each topic that was made, also under a name that was there before. */
  topicId(name: string): string;
  append(record: OutRecord, partition?: number): PartitionLog;
  /** Begins a new epoch of the id and answers it. */
  openEpoch(transactionalId: string): number;
  isCurrentEpoch(transactionalId: string, epoch: number): boolean;
  /** Applies the topic's retention after a commit. */
  clean(topic: string, partition: number): void;
  /** Room for producers; resolves at once for topics of which nothing is dropped. */
  room(topic: string, partition: number): Promise<void> | null;
  compacts(topic: string): boolean;
  dropsConsumed(topic: string): boolean;
  largestRecordBytes(topic: string): number | null;
}
