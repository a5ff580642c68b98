import { randomUUID } from 'node:crypto';
import { partitionOf } from '../partitioner';
import type { Headers, Log } from '../port';
import { createMemoryClient } from './client';
import { createGroups } from './groups';
import { createPartitionLog, type PartitionLog } from './partition-log';
import type { ClientOptions, MemoryStore } from './store';

export interface MemoryLogOptions {
  /** The number of partitions of a topic that `topics` does not name. A topic is created at its first use. */
  readonly partitions: number;
  readonly topics?: Readonly<Record<string, MemoryTopicOptions>>;
  /**
   * For topics that drop consumed records: how far (records a partition) a producer may be ahead of the slowest group;
   * `send` then waits. Without any group nothing is consumed. Default 20,000.
   */
  readonly maxAhead?: number;
  /** The log's own, unique name: it gives topics ids, as Kafka does. Default: topics have no ids. */
  readonly identity?: string;
}

export interface MemoryTopicOptions {
  readonly partitions?: number;
  /**
   * `all` (default): nothing is dropped. `consumed`: a record is dropped once every group that reads the topic has
   * committed past it. `latest`: like a compacted topic, below the offset that every group has committed.
   */
  readonly retention?: 'all' | 'consumed' | 'latest';
  /** @see Log.largestRecordBytes */
  readonly largestRecordBytes?: number;
}

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

const NO_HEADERS: Headers = Object.freeze({});
const DEFAULT_MAX_AHEAD = 20_000;

export function createMemoryCluster(options: MemoryLogOptions): MemoryCluster {
  const topics = new Map<string, readonly PartitionLog[]>();
  const ids = new Map<string, string>();
  const epochs = new Map<string, number>();
  const waiting = new Set<() => void>();
  const limits = new Map<string, number>();
  const maxAhead = options.maxAhead ?? DEFAULT_MAX_AHEAD;
  let roundRobin = 0;

  const createTopic = (name: string, length: number): readonly PartitionLog[] => {
    const created = Array.from({ length }, (_, partition) => createPartitionLog(name, partition));
    topics.set(name, created);
    ids.set(name, randomUUID());
    return created;
  };
  const topic = (name: string): readonly PartitionLog[] =>
    topics.get(name) ?? createTopic(name, options.topics?.[name]?.partitions ?? options.partitions);
  const retentionOf = (name: string) => options.topics?.[name]?.retention ?? 'all';
  const groups = createGroups((name) => topic(name).length);

  const store: MemoryStore = {
    identity: options.identity ?? null,
    groups,
    maxAhead,
    topic,
    topicId(name) {
      topic(name);
      return ids.get(name) ?? '';
    },
    append(record, partition) {
      const logs = topic(record.topic);
      const key = typeof record.key === 'string' ? Buffer.from(record.key) : record.key;
      const chosen =
        partition ?? record.partition ?? (key === null ? roundRobin++ % logs.length : partitionOf(key, logs.length));
      const log = logs[chosen];
      if (log === undefined) throw new Error(`${record.topic}: no partition ${chosen}, it has ${logs.length}`);
      const { value, timestamp = Date.now(), headers = NO_HEADERS } = record;
      log.append({ key, value, timestamp, headers });
      return log;
    },
    openEpoch(transactionalId) {
      const epoch = (epochs.get(transactionalId) ?? 0) + 1;
      epochs.set(transactionalId, epoch);
      return epoch;
    },
    isCurrentEpoch: (transactionalId, epoch) => epochs.get(transactionalId) === epoch,
    clean(name, partition) {
      const retention = retentionOf(name);
      if (retention === 'all') return;
      const log = topic(name)[partition];
      if (log === undefined) return;
      if (retention === 'latest') {
        log.compact(groups.committedByAll(name, partition) ?? log.end());
        return;
      }
      log.trim(groups.committedByAll(name, partition) ?? 0);
      for (const wake of waiting) wake();
      waiting.clear();
    },
    room(name, partition) {
      const log = topic(name)[partition];
      if (log === undefined || log.end() - log.beginning() < maxAhead) return null;
      return new Promise((resolve) => waiting.add(resolve));
    },
    compacts: (name) => retentionOf(name) === 'latest',
    dropsConsumed: (name) => retentionOf(name) === 'consumed',
    largestRecordBytes: (name) => limits.get(name) ?? options.topics?.[name]?.largestRecordBytes ?? null,
  };

  return {
    connect: (client = {}) => createMemoryClient(store, client),
    createTopic: (name, partitions, { largestRecordBytes } = {}) => {
      createTopic(name, partitions);
      if (largestRecordBytes !== undefined) limits.set(name, largestRecordBytes);
    },
    deleteTopic: (name) => void topics.delete(name),
    deleteRecords: (name, partition, offset) => topic(name)[partition]?.trim(offset),
    addPartitions: (name, count) => {
      const old = topic(name);
      const added = Array.from({ length: count - old.length }, (_, i) => createPartitionLog(name, old.length + i));
      topics.set(name, [...old, ...added]);
      groups.grown(name);
    },
    fence: (transactionalId) => void store.openEpoch(transactionalId),
    expireOffsets: groups.expire,
    committedOffset: (group, name, partition) => groups.committed(group, name, partition)?.offset ?? null,
  };
}

/** A log within this process, for replays and tests; with the same contract and the same task runtime as Kafka's. */
export function createMemoryLog(options: MemoryLogOptions & ClientOptions): Log {
  return createMemoryCluster(options).connect(options);
}
