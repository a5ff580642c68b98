import type { LogRecord } from '../log';
import {
  createProgress,
  createVisitWriter,
  createWriter,
  type Progress,
  type StoreRow,
  versionOf,
  type Erasure,
  type VisitRow,
  VISITS,
  type Writer,
  type WriterOptions,
} from '../store';
import type { DecodedRecord, SinkOptions } from './options';

/** What a record means for the tables: a row, an erasure, or both. */
export interface Stored<R> {
  readonly row: R | null;
  readonly erasure: Erasure | null;
}

/** The table to which the records of a topic go, and what its tombstones mean there. */
export interface Destination<R> {
  readonly writer: Writer<R>;
  readonly progress: Progress;
  readonly storedOf: (decoded: ReadableRecord, record: LogRecord) => Stored<R>;
  /** The row of a record that was transcoded; null: the record has no row. */
  readonly transcodedOf: ((values: Uint8Array, record: LogRecord) => R) | null;
  /** @see RecoveryOptions.tombstones */
  readonly tombstones: Pick<Writer, 'insert'> | null;
  /** How old a note may be, ms. */
  readonly staleAfterMs: number;
  /** How long a tombstone stays, in ms (`CLEANUP_GRACE_MS`). Infinity: nothing is cleaned up. */
  readonly graceMs: number;
  /** For the low watermark. */
  readonly stage: 'store' | 'visits';
}

export type ReadableRecord = Exclude<DecodedRecord, { kind: 'invalid' }>;

/** Rows of the state topic. A tombstone removes a row, and stays until nothing older can come. */
export function conversations(options: SinkOptions): Destination<StoreRow> {
  const { store, topic, epoch, tombstoneRetentionMs } = options;
  const writer = createWriter(writerOptions(options));
  return {
    writer,
    progress: createProgress(store, topic, epoch),
    tombstones: writer,
    staleAfterMs: tombstoneRetentionMs === null ? Infinity : tombstoneRetentionMs / 2,
    graceMs: options.cleanup.graceMs,
    stage: 'store',
    transcodedOf: (values, { partition, offset }) => ({ kind: 'values', values, partition, offset }),
    storedOf: (decoded, { partition, offset, timestamp }) => {
      if (decoded.kind === 'visit') return { row: null, erasure: null };
      // Written out, because a spread took more than half as long as the decoding of the record.
      if (decoded.kind === 'row') return { row: { kind: 'row', row: decoded.row, partition, offset }, erasure: null };
      const { conversationId } = decoded;
      const erasure = { conversationId, version: versionOf(epoch, offset), erasedAt: timestamp };
      return {
        row: { kind: 'tombstone', conversationId, timestamp, partition, offset },
        erasure: decoded.erased === true ? erasure : null,
      };
    },
  };
}

/**
 * Visits. Only an erasure removes a visit. The table keeps visits longer than the topic, so visits that the topic no
 * longer has stay. Neither a recreated topic nor a sink that was away for long makes the sink remove visits.
 */
export function visits(options: SinkOptions): Destination<VisitRow> {
  const { store, topic, epoch } = options;
  return {
    writer: createVisitWriter(writerOptions(options)),
    progress: createProgress(store, topic, epoch, VISITS),
    tombstones: null,
    transcodedOf: null,
    ...{ staleAfterMs: Infinity, graceMs: Infinity, stage: 'visits' },
    storedOf: (decoded, { partition, offset, timestamp }) => {
      if (decoded.kind === 'visit') return { row: { visit: decoded.visit, partition, offset }, erasure: null };
      if (decoded.kind === 'row') return { row: null, erasure: null };
      // The versions of the rows of this conversation are unknown here. None is below 0.
      return { row: null, erasure: { conversationId: decoded.conversationId, version: '0', erasedAt: timestamp } };
    },
  };
}

function writerOptions({ store, metrics, logger, epoch, backOff }: SinkOptions): WriterOptions {
  return { store, metrics, logger, epoch, ...(backOff === undefined ? {} : { backOff }) };
}
