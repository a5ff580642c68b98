/**
 * The log as this project needs it: partitioned topics of keyed records, transactions, consumer groups. Two adapters
 * implement it and pass one conformance suite (test/support/log/log-conformance.ts): kafkajs/ and memory/.
 * All readers see committed records only. Offsets are numbers (exact to 2^53).
 */
export interface Log {
  /** Runs a stateful stream processor, exactly once, as one member of a group. */
  runTasks(topology: Topology, createTask: (partition: number) => Task): Promise<RunningTasks>;
  /** Reads a topic as one member of a group, at least once. The reader decides what is committed. */
  subscribe(subscription: Subscription): Promise<RunningSubscription>;
  /** Writes records one by one or many at once, idempotent, acks=all. */
  createProducer(): Promise<LogProducer>;
  /**
   * Reads topics without a group, by default from the beginning. It reads to the end as of the call, or forever with
   * `follow`.
   */
  read(request: ReadRequest): Promise<Reading>;
  /** The partitions' ends (offset after the last committed record, the LSO). */
  endOffsets(topic: string): Promise<ReadonlyMap<number, number>>;
  /**
   * The partitions' ends with open transactions. (After a commit has been acknowledged its records may for a moment still
   * count as open: the LSO lags behind.)
   */
  writtenOffsets(topic: string): Promise<ReadonlyMap<number, number>>;
  /**
   * The id that distinguishes a topic from a later one of the same name. Null: the log has no ids (memory, Kafka before
   * 2.8).
   */
  topicId(topic: string): Promise<string | null>;
  /** How long the topic keeps a tombstone at least (`delete.retention.ms`). Null: until every group has read it. */
  tombstoneRetentionMs(topic: string): Promise<number | null>;
  /**
   * The largest record that the topic accepts, in bytes of a batch that holds it alone (`max.message.bytes`). Null:
   * any.
   */
  largestRecordBytes(topic: string): Promise<number | null>;
  /**
   * Explains to people why a method of this log failed, and what to do about a refused certificate or refused
   * credentials.
   */
  explain(error: unknown): Promise<string>;
  /**
   * Checks that the log answers and has these topics. Users of the log call it first.
   * @throws AwayError if nobody answers, UsageError if a setting is wrong, MissingError if a topic does not exist
   */
  reach(topics: readonly string[]): Promise<void>;
  /** Whether an error of this log may pass without help: brokers are down, start, or choose a leader. */
  isTransient(error: unknown): boolean;
  /**
   * To call after a loss that `runTasks` refuses. It makes a state that fits the remaining records, and begins there.
   * Returns a sentence for each partition concerned. If nothing was lost, it returns none and changes nothing.
   * @throws OperatorError if that is not possible, or if a member of the group works at the same time
   */
  adopt(topology: Topology, createTask: (partition: number) => Task): Promise<readonly string[]>;
  /** Ends everything that began here, within a few seconds even if the log does not answer. */
  close(): Promise<void>;
}

export type Headers = Readonly<Record<string, string>>;

export interface LogRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: Buffer | null;
  /** Null: a tombstone. */
  readonly value: Buffer | null;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly headers: Headers;
  /** One header, for logs that can read it without the others. See `headerOf`. */
  header?(name: string): string | undefined;
}

export interface OutRecord {
  readonly topic: string;
  readonly key: string | Buffer | null;
  readonly value: Buffer | null;
  /** Epoch milliseconds; absent: the time of producing. */
  readonly timestamp?: number;
  readonly headers?: Headers;
  /** Absent: by the key (murmur2, like the Java client). A task's outputs always take the task's partition. */
  readonly partition?: number;
}

// ---------------------------------------------------------------------------------------------- exactly-once tasks

/** The inputs and outputs of a stream processor. All topics have the same number of partitions, checked at start. */
export interface Topology {
  /** The consumer group; also the prefix of the transactional ids `<group>-<input>-<partition>`. */
  readonly group: string;
  readonly input: string;
  /** Compacted; restored before a task runs. */
  readonly changelog: string;
  readonly outputs: readonly string[];
  /** Outputs that nobody else writes: their records follow only from the changelog. */
  readonly tables: readonly string[];
  /**
   * Outputs whose records expire (`retention.ms`). If such a topic was recreated or went back, the task writes again
   * what its state still knows. Records that were deleted from the topic's beginning are no loss. Absent: none.
   */
  readonly expiring?: readonly string[];
  /** Wall-clock timers (`Task.nextTimer`) run: true in a live system, false in a replay. */
  readonly timers: boolean;
  /**
   * The process of this member: it keeps standby copies of partitions that members in other processes own. Absent: it
   * keeps none.
   */
  readonly standbyIn?: string | undefined;
}

/** A checkpoint's record of a topic of the topology. A restore compares it with the topic to find losses. */
export interface TopicMark {
  readonly topic: string;
  /** Null: the log has no ids. */
  readonly id: string | null;
  readonly partitions: number;
  /** The first offset of the task's partition. */
  readonly beginning: number;
  /** An offset that the end of the task's partition has reached. */
  readonly end: number;
}

/** Shows that the record at an offset is still the same record. */
export interface RecordMark {
  readonly offset: number;
  /** @see digestOf */
  readonly digest: Buffer;
}

/** How far a partition is folded: a record of its changelog, rewritten with every transaction. */
export interface Checkpoint {
  readonly nextOffset: number;
  /** Empty: the checkpoint is older than this field. */
  readonly topics: readonly TopicMark[];
  /** The last folded record of the input; null: none, or unknown. */
  readonly last: RecordMark | null;
}

/**
 * One partition's work. All calls of one task come from one loop, never two at once, in this order: `restore`* →
 * `restored` → `begin` → `rewrite`? → (`prepare` → `process` | `onTimer`)* → `close`. An error thrown from `process`,
 * `onTimer`, `restore`, `restored` or `rewrite` is fatal: the runtime aborts, closes every task and rejects
 * `RunningTasks.done` with it. After a failed commit the runtime closes the task, then creates and restores a new one.
 */
export interface Task {
  /**
   * Called with records before `process` gets them, for work that must be awaited (an unknown schema id). Null, the
   * usual case: nothing to wait for.
   */
  prepare?(records: readonly LogRecord[]): Promise<void> | null;
  /**
   * A record of the changelog partition, oldest first. A standby copy gets them while another member owns the
   * partition.
   */
  restore(record: LogRecord): void;
  /** Called at the end of the restore. Returns the changelog's checkpoint, or null if it has none. */
  restored(): Checkpoint | null | Promise<Checkpoint | null>;
  /** Every later checkpoint carries these marks of the topics; and `last`, until `process` gets records. */
  begin(marks: Pick<Checkpoint, 'topics' | 'last'>): void;
  /**
   * Called if these outputs lost records. Returns all records that they should hold, as far as the state knows, in
   * transactions of a bounded size. Only the last of them has a checkpoint, with `nextOffset`; there is at least that
   * one.
   */
  rewrite(topics: ReadonlySet<string>, nextOffset: number): Iterable<TaskOutput>;
  /**
   * Called if the changelog lost records. Takes a table's records, the last of each key, as state of the keys that the
   * task does not know. The next `rewrite` puts that state into the changelog.
   */
  reclaim(records: Iterable<LogRecord>): Promise<number>;
  /**
   * Folds records (never empty) into outputs, committed together in one transaction. `nextOffset` follows the last.
   * @param mostBytes once the outputs reach this size, it stops before the next record (`TaskOutput.taken`); the
   * outputs of one record may exceed it. Absent: no bound
   */
  process(records: readonly LogRecord[], nextOffset: number, mostBytes?: number): TaskOutput;
  /**
   * Called if the log refuses for good what the task makes of this record. Returns the outputs to write instead. The
   * record changes nothing. Absent: such a record ends the tasks.
   * @param answer the log's error, e.g. MESSAGE_TOO_LARGE
   */
  refuse?(record: LogRecord, nextOffset: number, answer: string): TaskOutput;
  /** When to call `onTimer` although no record comes, epoch ms. Null: never. */
  nextTimer(): number | null;
  /**
   * The partition has been read up to an end offset that was fetched at `at` (epoch ms, ≥ `nextTimer()`).
   * @param mostBytes as in `process`; the rest is due at the next call
   */
  onTimer(at: number, nextOffset: number, mostBytes?: number): TaskOutput;
  /** Called after the commit of the task's transaction, for counters. */
  committed(): void;
  close(): void;
}

/** One transaction: all of it becomes visible, or nothing does. The group's offset of the input may follow later. */
export interface TaskOutput {
  /** To `Topology.changelog`; includes a checkpoint from which `restored()` can name the next offset. */
  readonly changelog: readonly Omit<OutRecord, 'topic' | 'partition'>[];
  /** To topics of `Topology.outputs`, in this order. */
  readonly outputs: readonly Omit<OutRecord, 'partition'>[];
  /**
   * How many of the records it contains, possibly none (only work that was due before the first). The next call gets
   * the others again, and the checkpoint names the first of them. Absent: all.
   */
  readonly taken?: number;
}

export type TaskState = 'ASSIGNED' | 'FENCING' | 'RESTORING' | 'RUNNING' | 'CLOSED';

export interface TaskStatus {
  readonly partition: number;
  readonly state: TaskState;
  /** The next input offset to commit; null before it is known. */
  readonly nextOffset: number | null;
  /** Records of the input not yet committed, as far as known; null before it is known. */
  readonly lag: number | null;
}

export interface RunningTasks {
  /** Resolves after `stop()`. Rejects with the fatal error that ended the tasks. */
  readonly done: Promise<void>;
  status(): readonly TaskStatus[];
  /** True when this member has joined its group and every assigned task is RUNNING. */
  ready(): boolean;
  /**
   * A counter of the loop that reads. It rises at least once a minute, also if a read fails or finds nothing. If it
   * does not rise, the loop hangs. Null: there is no such loop.
   */
  turns(): number | null;
  /** Stops reading and finishes the transactions under way. Heartbeats continue. */
  pause(): void;
  resume(): void;
  /**
   * Finishes the transactions under way, closes the tasks and leaves the group. It may be called in every state, and
   * twice.
   */
  stop(): Promise<void>;
}

// ------------------------------------------------------------------------------------------- at-least-once reading

export interface Subscription {
  readonly group: string;
  readonly topic: string;
  /**
   * Partitions were assigned; none of their records is delivered before this resolves. Returns where to start per
   * partition (absent: at the committed offset, else at the beginning).
   */
  onAssigned(partitions: readonly AssignedPartition[]): Promise<ReadonlyMap<number, number>>;
  /** Called when partitions were lost: forget their buffered records, and commit nothing more of them. */
  onRevoked(partitions: readonly number[]): void;
  /** Gets records (possibly none, if only markers were read). `nextOffset` follows the last. Must not block. */
  onRecords(partition: number, records: readonly LogRecord[], nextOffset: number): void;
  /**
   * Called when the log has deleted the records from `from` on and below `to` before they were read. If it throws, the
   * subscription ends with that error. Otherwise the reading continues at `to`. Absent: it continues.
   */
  onSkipped?(partition: number, from: number, to: number): void;
}

export interface AssignedPartition {
  readonly partition: number;
  /** Null: the group has committed none. */
  readonly committedOffset: number | null;
  /** The metadata of that commit. */
  readonly committedMetadata: string | null;
  /** The first offset the partition still has. */
  readonly beginningOffset: number;
  /** The end of its committed records when it was assigned. The first offset must not be greater. */
  readonly endOffset: number;
}

export interface RunningSubscription {
  readonly done: Promise<void>;
  status(): readonly { partition: number; nextOffset: number; lag: number | null }[];
  ready(): boolean;
  /** @see RunningTasks.turns */
  turns(): number | null;
  /** Stops reading. The membership stays alive. */
  pause(): void;
  resume(): void;
  /** Commits offsets in one call. Ignored for partitions no longer assigned. */
  commit(offsets: readonly { partition: number; offset: number; metadata?: string }[]): Promise<void>;
  stop(): Promise<void>;
}

// -------------------------------------------------------------------------------------- producing and plain reading

export interface LogProducer {
  /**
   * Resolves when all in-sync replicas have the records. Across calls of one producer, records of a key keep their
   * order. Rejects with `RefusedRecordsError` if the log will never take some of them; the others are then stored.
   * Rejects with any other error if the log could not take them within its retries: the outcome is then unknown.
   */
  send(records: readonly OutRecord[]): Promise<void>;
  close(): Promise<void>;
}

export interface ReadRequest {
  readonly topics: readonly string[];
  /** For a single topic: only these partitions, each from this offset on. Absent: all, from their beginnings. */
  readonly from?: ReadonlyMap<number, number>;
  /** For each partition: from the first record of this time on, by the records' timestamps, epoch ms. */
  readonly since?: number;
  readonly follow: boolean;
  /**
   * If the topic no longer has an offset (it was recreated, or records were deleted): `skip` (default) continues at the
   * beginning; `end` rejects `done`, for readers that must not miss a tombstone.
   */
  readonly onGap?: 'skip' | 'end';
  /** Called in the order of each partition. Must not block. */
  onRecord(record: LogRecord): void;
}

export interface Reading {
  /** Resolves when the end that the call fixed has been read (with `follow`, reading continues after that). */
  readonly caughtUp: Promise<void>;
  /**
   * Resolves when the reading has ended: by `stop`, or without `follow` at its end. Rejects with the error that ended
   * it earlier: a receiver that threw, or a log that no longer answers. No record is handed over after that. A
   * rejection without a listener is no error.
   */
  readonly done: Promise<void>;
  /** The progress of the reading. */
  progress(): ReadProgress;
  stop(): Promise<void>;
}

export interface ReadProgress {
  /** Everything that was committed by this time has been handed over, in every partition. Epoch ms. Null: not yet. */
  readonly watermark: number | null;
  /** When the log last answered, epoch ms. */
  readonly answeredAt: number;
  /** Why the last attempt to read failed. Null: it did not fail. */
  readonly problem: string | null;
}
