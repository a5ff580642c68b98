import type { AssignedPartition, LogRecord, TaskOutput, Topology } from '../port';
import type { StandbyClaim } from './assign';

/** What an adapter gives to the shared runtime (tasks.ts, subscription.ts), which holds all that both adapters must do alike. */
export interface Backend {
  /** A member-to-be of a group that reads one topic. */
  member(request: MemberRequest): Member;
  /** Opens the exclusive right to write for one input partition: every older owner's transactions end here (fencing). */
  openFencedProducer(topology: Topology, partition: number, hooks: TaskHooks): Promise<FencedProducer>;
  /** What the group has committed, and the partitions' bounds now (`endOffset`: the LSO). */
  groupOffsets(group: string, topic: string, partitions: readonly number[]): Promise<readonly PartitionOffsets[]>;
  /** The end of one partition (the LSO), fetched now. */
  endOffset(topic: string, partition: number): Promise<number>;
  /** The topics as they are now. Rejects where one does not exist. */
  topics(names: readonly string[]): Promise<ReadonlyMap<string, TopicFacts>>;
  /** Of one partition, now (`end`: the LSO). */
  bounds(topic: string, partition: number): Promise<{ readonly beginning: number; readonly end: number }>;
  /** `cleanup.policy` of the topic; null: it is not told. */
  cleanupPolicy(topic: string): Promise<string | null>;
  /** How long the topic keeps a tombstone at least (`delete.retention.ms`), ms. Rejects where it is not told. */
  tombstoneRetentionMs(topic: string): Promise<number>;
  /** Reads committed records of a partition from an offset up to (not including) another. Resolves early when `until()` is true. */
  readRange(range: Range, onRecord: (record: LogRecord) => void, until: () => boolean): Promise<void>;
}

export interface TopicFacts {
  /** Null: the log tells none. */
  readonly id: string | null;
  readonly partitions: number;
}

export interface Range {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

export interface PartitionOffsets extends AssignedPartition {
  readonly endOffset: number;
}

export interface MemberRequest {
  readonly group: string;
  readonly topic: string;
  readonly listener: MemberListener;
  /** Asked whenever it joins. Absent, or undefined: it keeps no standby copies. */
  readonly standby?: (() => StandbyClaim | undefined) | undefined;
}

export interface MemberListener {
  /**
   * Everything this member owns from now on; called before any record of the new assignment. Partitions that are new
   * stay silent until `Member.start`; those that stay go on where they were.
   * @param standby the partitions of which it keeps copies from now on
   */
  onAssignment(partitions: readonly number[], standby: readonly number[]): void;
  /** Contiguous per partition since `Member.start`; possibly no records, when only markers were read. */
  onRecords(partition: number, records: readonly LogRecord[], nextOffset: number, endOffset: number): void;
  /** The log has nothing at this offset: deleted before it was read, or the topic was recreated. The partition is paused. */
  onOutOfRange(partition: number, offset: number): void;
  /** The membership has ended for good. */
  onFailed(error: unknown): void;
}

export interface Member {
  /** Begins the membership; assignments follow. Rejects when the log cannot be reached. */
  join(): Promise<void>;
  joined(): boolean;
  /** @see RunningTasks.turns */
  turns(): number | null;
  /** Delivers an assigned partition's records from this offset on. Ignored for partitions not assigned. */
  start(partition: number, offset: number): void;
  pause(partition: number): void;
  resume(partition: number): void;
  commit(offsets: readonly { partition: number; offset: number; metadata?: string }[]): Promise<void>;
  /** Joins the group again, so that a new generation decides who owns what; without a claim to these partitions. */
  rejoin(lost: readonly number[]): void;
  leave(): Promise<void>;
}

/** One owner's writes for one input partition. After an error of any method only `close` may be called. */
export interface FencedProducer {
  /**
   * Reads the changelog partition to an end fixed at the call. Resolves early when `until()` is true.
   * @param from default: its beginning
   */
  restore(onRecord: (record: LogRecord) => void, until: () => boolean, from?: number): Promise<void>;
  /**
   * One transaction. Rejects with `FencedError` when a newer owner exists, with `RefusedError` when the log will never take
   * it, with `OperatorError` when nothing can be written before somebody does something about it; after any other error the
   * outcome is unknown.
   */
  commit(output: TaskOutput, nextOffset: number): Promise<void>;
  close(): Promise<void>;
}

/** Another owner of the partition has written since: this one may never write again. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/**
 * A narrow seam for tests: what may happen to a task's transactions. An error thrown from `beforeCommit` is one between
 * the sends and the commit; from `afterCommit`, a commit whose answer was lost.
 */
export interface TaskHooks {
  beforeCommit?(partition: number): Promise<void> | void;
  afterCommit?(partition: number): Promise<void> | void;
  /** Records handed over by the reader and not yet taken by the task. */
  onWaiting?(partition: number, records: number): void;
}
