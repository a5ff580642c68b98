import type { Log } from '../port';
import { type ClientOptions, createMemoryClient } from './client';
import { type MemoryLogOptions, type MemoryTopicOptions, TopicStore } from './topic-store';

/** The "brokers": topics, groups and fencing that several clients (`connect`) share, in one process. */
export interface MemoryCluster {
  connect(options?: ClientOptions): Log;
  /** Creates a topic with its own number of partitions. */
  createTopic(name: string, partitions: number, options?: Pick<MemoryTopicOptions, 'largestRecordBytes'>): void;
  /** Deletes the topic with its records. The next use creates a topic with another id. For tests. */
  deleteTopic(name: string): void;
  /** Deletes the records below `offset`. For tests. */
  deleteRecords(name: string, partition: number, offset: number): void;
  /** Keeps the topic's records. For tests. */
  addPartitions(name: string, count: number): void;
  /** Opens the transactional id as another owner would, so that the present owner is fenced. For tests. */
  fence(transactionalId: string): void;
  /** Like Kafka after `offsets.retention.minutes`. For tests. */
  expireOffsets(group: string): void;
  /** Null: none. For tests. */
  committedOffset(group: string, topic: string, partition: number): number | null;
}

export function createMemoryCluster(options: MemoryLogOptions): MemoryCluster {
  const store = new TopicStore(options);
  return {
    connect: (client = {}) => createMemoryClient(store, client),
    createTopic: (name, partitions, { largestRecordBytes } = {}) =>
      void store.create(name, partitions, largestRecordBytes),
    deleteTopic: (name) => store.delete(name),
    deleteRecords: (name, partition, offset) => store.topic(name)[partition]?.trim(offset),
    addPartitions: (name, count) => store.grow(name, count),
    fence: (transactionalId) => void store.openEpoch(transactionalId),
    expireOffsets: store.groups.expire,
    committedOffset: (group, name, partition) => store.groups.committed(group, name, partition)?.offset ?? null,
  };
}

/** A log within this process, for replays and tests; with the same contract and the same task runtime as Kafka's. */
export function createMemoryLog(options: MemoryLogOptions & ClientOptions): Log {
  return createMemoryCluster(options).connect(options);
}
