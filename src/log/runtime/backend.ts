import type { AssignedPartition, LogRecord, TaskOutput, Topology } from '../port';
import type { StandbyClaim } from './assign';

/**
 * The part that an adapter gives to the shared runtime (tasks.ts, subscription.ts). The runtime does everything that
 * both adapters must do alike.
 */
export interface Backend {
  /** A member, not yet joined, of a group that reads one topic. */
  member(request: MemberRequest): Member;
  /**
   * Opens the exclusive right to write for one input partition. This ends the transactions of every older owner
   * (fencing).
   */
  openFencedProducer(topology: Topology, partition: number, hooks: TaskHooks): Promise<FencedProducer>;
  /** The offsets that the group has committed, and the partitions' bounds now (`endOffset`: the LSO). */
  groupOffsets(group: string, topic: string, partitions: readonly number[]): Promise<readonly PartitionOffsets[]>;
  /** The end of one partition (the LSO), fetched at the call. */
  endOffset(topic: string, partition: number): Promise<number>;
  /** The topics as they are now. Rejects if one does not exist. */
  topics(names: readonly string[]): Promise<ReadonlyMap<string, TopicFacts>>;
  /** The bounds of one partition now (`end`: the LSO). */
  bounds(topic: string, partition: number): Promise<{ readonly beginning: number; readonly end: number }>;
  /**
   * Whether all replicas of a partition of these topics are in sync now. While they are not, the partition may show too
   * early an end: a new leader knows how far its records count only when enough replicas follow it (KIP-966).
   */
  inSync(topics: readonly string[], partition: number): Promise<boolean>;
  /** `cleanup.policy` of the topic; null: not known. */
  cleanupPolicy(topic: string): Promise<string | null>;
  /**
   * How long the topic keeps a tombstone at least (`delete.retention.ms`), ms. Rejects if the log does not answer it.
   */
  tombstoneRetentionMs(topic: string): Promise<number>;
  /** Reads committed records of a partition from an offset up to (not including) another. Resolves early when `until()` is true. */
  readRange(range: Range, onRecord: (record: LogRecord) => void, until: () => boolean): Promise<void>;
}

export interface TopicFacts {
  /** Null: the log has no topic ids. */
  readonly id: string | null;
  readonly partitions: number;
}

export interface Range {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

export type PartitionOffsets = AssignedPartition;

export interface MemberRequest {
  readonly group: string;
  readonly topic: string;
  readonly listener: MemberListener;
  /** Called at each join. Absent, or undefined: it keeps no standby copies. */
  readonly standby?: (() => StandbyClaim | undefined) | undefined;
}

export interface MemberListener {
  /**
   * All partitions that this member owns from now on; called before any record of the new assignment. New partitions
   * stay silent until `Member.start`; the others continue where they were.
   * @param standby the partitions of which it keeps copies from now on
   */
  onAssignment(partitions: readonly number[], standby: readonly number[]): void;
  /** Contiguous per partition since `Member.start`. There may be no records, if the log held only markers. */
  onRecords(partition: number, records: readonly LogRecord[], nextOffset: number, endOffset: number): void;
  /**
   * The log has no record at this offset: it was deleted before it was read, or the topic was recreated. The partition
   * is paused.
   */
  onOutOfRange(partition: number, offset: number): void;
  /** The membership has ended for good. */
  onFailed(error: unknown): void;
}

export interface Member {
  /** Begins the membership; assignments follow. Rejects if the log cannot be reached. */
  join(): Promise<void>;
  joined(): boolean;
  /** @see RunningTasks.turns */
  turns(): number | null;
  /** Delivers an assigned partition's records from this offset on. Ignored for other partitions. */
  start(partition: number, offset: number): void;
  pause(partition: number): void;
  resume(partition: number): void;
  commit(offsets: readonly { partition: number; offset: number; metadata?: string }[]): Promise<void>;
  /** Joins the group again, without a claim to these partitions, so that a new generation decides the owners. */
  rejoin(lost: readonly number[]): void;
  leave(): Promise<void>;
}

/** One owner's writes for one input partition. After an error of any method the caller may only call `close`. */
export interface FencedProducer {
  /**
   * Reads the changelog partition to an end that the call fixes. Resolves early when `until()` is true.
   * @param from default: its beginning
   */
  restore(onRecord: (record: LogRecord) => void, until: () => boolean, from?: number): Promise<void>;
  /**
   * Writes one transaction. The group's offset may follow in a later one (`offsetDueAt`). Rejects with `FencedError` if
   * a newer owner exists, with `RefusedError` if the log will never take it, and with `OperatorError` if nothing can be
   * written before somebody acts. After any other error the outcome is unknown.
   */
  commit(output: TaskOutput, nextOffset: number): Promise<void>;
  /** The group lacks the offset of the last transaction, which an earlier owner has committed. */
  owes(nextOffset: number): void;
  /**
   * When to call `commitOffset`, in the time of `performance.now()`; null: the group has the offset of the last
   * transaction.
   */
  offsetDueAt(): number | null;
  /** Commits the offset of the last transaction for the group, in a transaction of its own. Rejects as `commit` does. */
  commitOffset(): Promise<void>;
  close(): Promise<void>;
}

/** Another owner of the partition has written since, so this one may never write again. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/**
 * A narrow seam for tests: faults in a task's transactions. An error from `beforeCommit` is one between the sends and
 * the commit; an error from `afterCommit` is a commit whose answer was lost.
 */
export interface TaskHooks {
  beforeCommit?(partition: number): Promise<void> | void;
  afterCommit?(partition: number): Promise<void> | void;
  /** The number of records that the reader has handed over and the task has not taken. */
  onWaiting?(partition: number, records: number): void;
}
