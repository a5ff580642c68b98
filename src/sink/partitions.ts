import { createLowWatermarks, OperatorError } from '../common';
import type { AssignedPartition, LogRecord } from '../log';
import type { Anchor, Note } from '../store';
import type { Batch } from './buffer';
import { recover, type Beginning, type RecoveryOptions } from './recovery';

export interface SinkPartitionsOptions extends RecoveryOptions {
  readonly group: string;
  /** How long a tombstone stays, in ms (`CLEANUP_GRACE_MS`). A row is sent at the latest half of it after it was read. */
  readonly graceMs: number;
  /** Of the low watermark. */
  readonly stage: 'store' | 'visits';
}

/**
 * The partitions of this sink: where each began, how far it is stored, and until when its rows may be sent. Reports
 * this as lag and low watermark.
 */
export interface SinkPartitions {
  /**
   * Prepares the tables for the partitions and returns their first offsets.
   * @param onBegun of each that was not taken away in the meantime, with the note at which it goes on and the last
   * tombstones that were stored
   */
  assign(
    partitions: readonly AssignedPartition[],
    onBegun: (partition: number, noted: number | null, tombstones: readonly Anchor[]) => void,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, number>>;
  revoke(partition: number): void;
  /** Until when its rows may be sent, epoch ms. Later, the clean-up may have removed the tombstones that hide them. */
  notAfter(batch: Batch): number;
  /** The sink reads the partition from the beginning, and the record was there before that. */
  isReread(record: LogRecord): boolean;
  /** A tombstone that was stored when the partition began. */
  isStored(record: LogRecord): boolean;
  /** Every record below `offset` is stored, or in the dead letters. */
  advance(partition: number, offset: number): void;
  stored(): ReadonlyMap<number, number>;
  notes(): ReadonlyMap<number, Note>;
  /** The topic's ends as they were at `at`. */
  sample(ends: ReadonlyMap<number, number>, at: number): void;
  /** Throws an OperatorError for a partition that is so far behind that Kafka may have dropped tombstones. */
  assertCurrent(partition: number): void;
  assertAllCurrent(): void;
}

interface Replay {
  readonly end: number;
  readonly notAfterMs: number;
  readonly isReread: boolean;
  /** The tombstones below it are stored and stay until `notAfterMs`. At most `end`. */
  readonly tombstonesBelow: number;
}

export function createSinkPartitions(options: SinkPartitionsOptions): SinkPartitions {
  const { group, topic, staleAfterMs, graceMs, stage, metrics } = options;
  /** An object per assignment: only its identity counts. */
  const assignments = new Map<number, object>();
  /** Up to which offset records may have been stored before, and until when their tombstones surely exist. */
  const replays = new Map<number, Replay>();
  /** As they were found last. */
  const ends = new Map<number, number>();
  const stored = new Map<number, number>();
  const watermarks = createLowWatermarks();

  const tell = (partition: number): void => {
    const asOfMs = watermarks.of(partition);
    if (asOfMs === null) return;
    const lag = Math.max(0, (ends.get(partition) ?? 0) - (stored.get(partition) ?? 0));
    metrics.consumerLag.set({ group, topic, partition }, lag);
    metrics.lowWatermark.set({ stage, partition }, asOfMs / 1000);
  };

  const begin = (partition: number, beginning: Beginning): void => {
    const { offset, asOfMs, knownEnd, tombstonesAtMs, isReread, tombstones } = beginning;
    watermarks.begin(partition, { asOfMs, storedTo: offset });
    if (offset > 0) stored.set(partition, offset);
    const notAfterMs = tombstonesAtMs + graceMs / 2;
    // The clean-up may remove one of a later record before the rows in front of it are sent: they have a later limit.
    const tombstonesBelow = Math.min(tombstones.below, knownEnd);
    replays.set(partition, { end: knownEnd, notAfterMs, isReread, tombstonesBelow });
    ends.set(partition, knownEnd);
    tell(partition);
  };

  const assertCurrent = (partition: number): void => {
    const asOfMs = watermarks.of(partition);
    if (asOfMs === null || Date.now() - asOfMs <= staleAfterMs) return;
    throw new OperatorError(
      `${topic}/${partition}: the sink was behind for ${Math.round((Date.now() - asOfMs) / 1000)} s, and Kafka may have ` +
        'dropped tombstones meanwhile (delete.retention.ms). Start the sink again: it then reads the partition from its beginning.',
    );
  };

  return {
    assign: async (partitions, onBegun, signal) => {
      const assignment = {};
      for (const { partition } of partitions) assignments.set(partition, assignment);
      const beginnings = await recover(options, partitions, signal);
      for (const [partition, beginning] of beginnings) {
        if (assignments.get(partition) !== assignment) continue; // taken away in the meantime
        begin(partition, beginning);
        onBegun(partition, beginning.noted, beginning.tombstones.anchors);
      }
      return new Map([...beginnings].map(([partition, { offset }]) => [partition, offset]));
    },
    revoke: (partition) => {
      assignments.delete(partition);
      watermarks.forget(partition);
      replays.delete(partition);
      stored.delete(partition);
      metrics.consumerLag.remove({ group, topic, partition });
      metrics.lowWatermark.remove({ stage, partition });
    },
    isReread: ({ partition, offset }) => {
      const replay = replays.get(partition);
      return replay?.isReread === true && offset < replay.end;
    },
    isStored: ({ partition, offset, value }) =>
      value === null && offset < (replays.get(partition)?.tombstonesBelow ?? 0),
    notAfter: ({ readAt, records }) => {
      let limit = readAt + graceMs / 2;
      for (const { partition, offset } of records) {
        const replay = replays.get(partition);
        if (replay !== undefined && offset < replay.end) limit = Math.min(limit, replay.notAfterMs);
      }
      return limit;
    },
    advance: (partition, offset) => {
      stored.set(partition, offset);
      watermarks.stored(partition, offset);
      tell(partition);
    },
    stored: () => stored,
    notes: () =>
      new Map(
        [...stored].flatMap(([partition, offset]) => {
          const asOfMs = watermarks.of(partition);
          return asOfMs === null ? [] : [[partition, { offset, asOfMs }] as const];
        }),
      ),
    sample: (found, at) => {
      watermarks.sample(found, at);
      for (const [partition, end] of found) {
        ends.set(partition, end);
        tell(partition);
      }
    },
    assertCurrent,
    assertAllCurrent: () => {
      for (const partition of replays.keys()) assertCurrent(partition);
    },
  };
}
