import { randomUUID } from 'node:crypto';
import { partitionOf } from '../partitioner';
import type { Headers, OutRecord } from '../port';
import { createGroups } from './groups';
import { createPartitionLog, type PartitionLog } from './partition-log';

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

const NO_HEADERS: Headers = Object.freeze({});
const DEFAULT_MAX_AHEAD = 20_000;

/** The topics of a cluster, with their retention, and the epochs of its transactional ids. */
export class TopicStore {
  readonly identity: string | null;
  readonly groups = createGroups((name) => this.topic(name).length);
  readonly #options: MemoryLogOptions;
  readonly #topics = new Map<string, readonly PartitionLog[]>();
  readonly #ids = new Map<string, string>();
  readonly #epochs = new Map<string, number>();
  readonly #limits = new Map<string, number>();
  /** Producers that wait for room. */
  readonly #waiting = new Set<() => void>();
  #roundRobin = 0;

  constructor(options: MemoryLogOptions) {
    this.#options = options;
    this.identity = options.identity ?? null;
  }

  // ------------------------------------------------------------------------------------------------------- the topics

  topic(name: string): readonly PartitionLog[] {
    const { topics, partitions } = this.#options;
    return this.#topics.get(name) ?? this.create(name, topics?.[name]?.partitions ?? partitions);
  }

  /** Unique for each created topic, also if an earlier topic had the same name. */
  topicId(name: string): string {
    this.topic(name);
    return this.#ids.get(name) ?? '';
  }

  create(name: string, length: number, largestRecordBytes?: number): readonly PartitionLog[] {
    const created = Array.from({ length }, (_, partition) => createPartitionLog(name, partition));
    this.#topics.set(name, created);
    this.#ids.set(name, randomUUID());
    if (largestRecordBytes !== undefined) this.#limits.set(name, largestRecordBytes);
    return created;
  }

  delete(name: string): void {
    this.#topics.delete(name);
  }

  grow(name: string, count: number): void {
    const old = this.topic(name);
    const added = Array.from({ length: count - old.length }, (_, i) => createPartitionLog(name, old.length + i));
    this.#topics.set(name, [...old, ...added]);
    this.groups.grown(name);
  }

  append(record: OutRecord, partition?: number): PartitionLog {
    const logs = this.topic(record.topic);
    const key = typeof record.key === 'string' ? Buffer.from(record.key) : record.key;
    const chosen = partition ?? record.partition ?? this.#partitionFor(key, logs.length);
    const log = logs[chosen];
    if (log === undefined) throw new Error(`${record.topic}: no partition ${chosen}, it has ${logs.length}`);
    const { value, timestamp = Date.now(), headers = NO_HEADERS } = record;
    log.append({ key, value, timestamp, headers });
    return log;
  }

  #partitionFor(key: Buffer | null, count: number): number {
    return key === null ? this.#roundRobin++ % count : partitionOf(key, count);
  }

  // ------------------------------------------------------------------------------------------------- the transactions

  /** Begins a new epoch of the id and answers the epoch. */
  openEpoch(transactionalId: string): number {
    const epoch = (this.#epochs.get(transactionalId) ?? 0) + 1;
    this.#epochs.set(transactionalId, epoch);
    return epoch;
  }

  isCurrentEpoch(transactionalId: string, epoch: number): boolean {
    return this.#epochs.get(transactionalId) === epoch;
  }

  // ----------------------------------------------------------------------------------------------------- the retention

  /** Applies the topic's retention after a commit. */
  clean(name: string, partition: number): void {
    const retention = this.#retentionOf(name);
    const log = this.topic(name)[partition];
    if (retention === 'all' || log === undefined) return;
    const committed = this.groups.committedByAll(name, partition);
    if (retention === 'latest') {
      log.compact(committed ?? log.end());
      return;
    }
    log.trim(committed ?? 0);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Waits for room for producers; null for topics that drop nothing. */
  room(name: string, partition: number): Promise<void> | null {
    const log = this.topic(name)[partition];
    const { maxAhead = DEFAULT_MAX_AHEAD } = this.#options;
    if (log === undefined || log.end() - log.beginning() < maxAhead) return null;
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  compacts(name: string): boolean {
    return this.#retentionOf(name) === 'latest';
  }

  dropsConsumed(name: string): boolean {
    return this.#retentionOf(name) === 'consumed';
  }

  largestRecordBytes(name: string): number | null {
    return this.#limits.get(name) ?? this.#options.topics?.[name]?.largestRecordBytes ?? null;
  }

  #retentionOf(name: string): NonNullable<MemoryTopicOptions['retention']> {
    return this.#options.topics?.[name]?.retention ?? 'all';
  }
}
