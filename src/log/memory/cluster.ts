import { randomUUID } from 'node:crypto';
import { partitionOf } from '../partitioner';
import type { Headers, Log } from '../port';
import { createMemoryClient } from './client';
import { createGroups } from './groups';
import { createPartitionLog, type PartitionLog } from './partition-log';
import type { ClientOptions, MemoryStore } from './store';

export interface MemoryLogOptions {
  /** Partitions of every topic that `topics` does not name. Topics come into being when they are first used. */
  readonly partitions: number;
  readonly topics?: Readonly<Record<string, MemoryTopicOptions>>;
  /**
   * For topics of which consumed records are dropped: how far (records a partition) a producer may be ahead of the
   * slowest group; `send` then waits. Without any group nothing is consumed. Default 20,000.
   */
  readonly maxAhead?: number;
  /** The log's own name, different from all others': then its topics have ids, as Kafka's have. Default: they have none. */
  readonly identity?: string;
}

export interface MemoryTopicOptions {
  readonly partitions?: number;
  /**
   * `all` (default): nothing is dropped. `consumed`: a record is dropped once every group that reads the topic has
   * committed past it. `latest`: as a compacted topic, below what every group has committed.
   */
  readonly retention?: 'all' | 'consumed' | 'latest';
  /** @see Log.largestRecordBytes */
  readonly largestRecordBytes?: number;
}

/** The "brokers": topics, groups and fencing that several clients (`connect`) share, in one process. */
export interface MemoryCluster {
  connect(options?: ClientOptions): Log;
  /** With another number of partitions than the rest. */
  createTopic(name: string, partitions: number, options?: Pick<MemoryTopicOptions, 'largestRecordBytes'>): void;
  /** With it goes what it held; the next use makes another one, with another id. For tests. */
  deleteTopic(name: string): void;
  /** What lies below `offset`. For tests. */
  deleteRecords(name: string, partition: number, offset: number): void;
  /** It keeps what it holds. For tests. */
  addPartitions(name: string, count: number): void;
  /** Opens the transactional id as another owner would: whoever has it is fenced. For tests. */
  fence(transactionalId: string): void;
  /** As Kafka does after `offsets.retention.minutes`. For tests. */
  expireOffsets(group: string): void;
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
  };
}

/** A log in this process alone, for replays and tests; the same contract and the same task runtime as Kafka's. */
export function createMemoryLog(options: MemoryLogOptions & ClientOptions): Log {
  return createMemoryCluster(options).connect(options);
}
