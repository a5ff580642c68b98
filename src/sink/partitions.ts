import { createLowWatermarks, OperatorError } from '../common';
import type { AssignedPartition, LogRecord } from '../log';
import type { Note } from '../store';
import type { Batch } from './buffer';
import { recover, type Beginning, type RecoveryOptions } from './recovery';

export interface SinkPartitionsOptions extends RecoveryOptions {
  readonly group: string;
  /** How long a tombstone stays, in ms (`CLEANUP_GRACE_MS`). A row is sent at the latest half of it after it was read. */
  readonly graceMs: number;
  /** Of the low watermark. */
  readonly stage: 'store' | 'visits';
}

interface Replay {
  readonly end: number;
  readonly notAfterMs: number;
  readonly isReread: boolean;
  /** The tombstones below it are stored and stay until `notAfterMs`. At most `end`. */
  readonly tombstonesBelow: number;
}

/**
 * The partitions of this sink: where each began, how far it is stored, and until when its rows may be sent. Reports
 * this as lag and low watermark.
 */
export class SinkPartitions {
  readonly #options: SinkPartitionsOptions;
  /** An object per assignment: only its identity counts. */
  readonly #assignments = new Map<number, object>();
  /** Up to which offset records may have been stored before, and until when their tombstones surely exist. */
  readonly #replays = new Map<number, Replay>();
  /** The ends that were found last. */
  readonly #ends = new Map<number, number>();
  readonly #stored = new Map<number, number>();
  readonly #watermarks = createLowWatermarks();

  constructor(options: SinkPartitionsOptions) {
    this.#options = options;
  }

  /**
   * Prepares the tables for the partitions and returns the offsets at which to go on reading.
   * @param onBegun called for each partition that was not taken away meanwhile, with its beginning
   */
  async assign(
    partitions: readonly AssignedPartition[],
    onBegun: (partition: number, beginning: Beginning) => void,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, number>> {
    const assignment = {};
    for (const { partition } of partitions) this.#assignments.set(partition, assignment);
    const beginnings = await recover(this.#options, partitions, signal);
    for (const [partition, beginning] of beginnings) {
      if (this.#assignments.get(partition) !== assignment) continue; // The partition was taken away meanwhile.
      this.#begin(partition, beginning);
      onBegun(partition, beginning);
    }
    return new Map(
      [...beginnings].map(([partition, { offset, tombstones }]) => [partition, tombstones.keptTo ?? offset]),
    );
  }

  revoke(partition: number): void {
    const { group, topic, stage, metrics } = this.#options;
    this.#assignments.delete(partition);
    this.#watermarks.forget(partition);
    this.#replays.delete(partition);
    this.#stored.delete(partition);
    metrics.consumerLag.remove({ group, topic, partition });
    metrics.lowWatermark.remove({ stage, partition });
  }

  #begin(partition: number, beginning: Beginning): void {
    const { offset, watermark, knownEnd, tombstonesAtMs, isReread, tombstones } = beginning;
    this.#watermarks.begin(partition, { watermark, storedTo: offset });
    if (offset > 0) this.#stored.set(partition, offset);
    const notAfterMs = tombstonesAtMs + this.#options.graceMs / 2;
    // The clean-up may remove the tombstone of a later record before the rows in front of it are sent, because they
    // have a later limit.
    const tombstonesBelow = Math.min(tombstones.below, knownEnd);
    this.#replays.set(partition, { end: knownEnd, notAfterMs, isReread, tombstonesBelow });
    this.#ends.set(partition, knownEnd);
    this.#report(partition);
  }

  // ------------------------------------------------------------------------------------------------------- the records

  /** Until when its rows may be sent, epoch ms. Later, the clean-up may have removed the tombstones that hide them. */
  notAfter({ readAt, records }: Batch): number {
    let limit = readAt + this.#options.graceMs / 2;
    for (const { partition, offset } of records) {
      const replay = this.#replays.get(partition);
      if (replay !== undefined && offset < replay.end) limit = Math.min(limit, replay.notAfterMs);
    }
    return limit;
  }

  /** The sink reads the partition from the beginning, and the record was there before that. */
  isReread({ partition, offset }: LogRecord): boolean {
    const replay = this.#replays.get(partition);
    return replay?.isReread === true && offset < replay.end;
  }

  /** A tombstone that was stored when the partition began. */
  isStored({ partition, offset, value }: LogRecord): boolean {
    return value === null && offset < (this.#replays.get(partition)?.tombstonesBelow ?? 0);
  }

  // ------------------------------------------------------------------------------------------------------ the progress

  /** Every record below `offset` is stored, or in the dead letters. */
  advance(partition: number, offset: number): void {
    this.#stored.set(partition, offset);
    this.#watermarks.stored(partition, offset);
    this.#report(partition);
  }

  stored(): ReadonlyMap<number, number> {
    return this.#stored;
  }

  notes(): ReadonlyMap<number, Note> {
    return new Map(
      [...this.#stored].flatMap(([partition, offset]) => {
        const watermark = this.#watermarks.of(partition);
        return watermark === null ? [] : [[partition, { offset, watermark }] as const];
      }),
    );
  }

  /** The topic's ends as they were at `at`. */
  sample(ends: ReadonlyMap<number, number>, at: number): void {
    this.#watermarks.sample(ends, at);
    for (const [partition, end] of ends) {
      this.#ends.set(partition, end);
      this.#report(partition);
    }
  }

  #report(partition: number): void {
    const { group, topic, stage, metrics } = this.#options;
    const watermark = this.#watermarks.of(partition);
    if (watermark === null) return;
    const lag = Math.max(0, (this.#ends.get(partition) ?? 0) - (this.#stored.get(partition) ?? 0));
    metrics.consumerLag.set({ group, topic, partition }, lag);
    metrics.lowWatermark.set({ stage, partition }, watermark / 1000);
  }

  /** Throws an OperatorError for a partition that is so far behind that Kafka may have dropped tombstones. */
  assertCurrent(partition: number): void {
    const { topic, staleAfterMs } = this.#options;
    const watermark = this.#watermarks.of(partition);
    if (watermark === null || Date.now() - watermark <= staleAfterMs) return;
    throw new OperatorError(
      `${topic}/${partition}: the sink was behind for ${Math.round((Date.now() - watermark) / 1000)} s, and Kafka may have ` +
        'dropped tombstones meanwhile (delete.retention.ms). Start the sink again: it then reads the partition from its beginning.',
    );
  }

  /** Kafka deleted these records before the sink read them. Throws an OperatorError if tombstones may be among them. */
  assertNoTombstoneIn(partition: number, from: number, to: number): void {
    const { topic, tombstones } = this.#options;
    if (tombstones === null) return;
    throw new OperatorError(
      `${topic}/${partition}: somebody deleted the records from offset ${from} on and below ${to} before the sink read them ` +
        '(kafka-delete-records, or cleanup.policy=delete), and tombstones may be among them. Start the sink again: it ' +
        'then reads the partition from its beginning, and removes rows that the topic lacks.',
    );
  }

  assertAllCurrent(): void {
    for (const partition of this.#replays.keys()) this.assertCurrent(partition);
  }
}
