import { createDeadLetterLimit, type DeadLetterLimit, tooManyDeadLetters } from '../common';
import type { LogRecord } from '../log';
import { observeLatency, type SinkDeadLetterReason } from '../ops';
import { type Anchor, describeRefusal, type Erasure } from '../store';
import type { Batch } from './buffer';
import type { Destination } from './destination';
import { ANCHORS_A_PARTITION } from './notes';
import { conversationOf, type DecodedRecord, type SinkOptions } from './options';

export interface BatchStoreOptions<R> extends Pick<
  SinkOptions,
  | 'topic'
  | 'prepare'
  | 'decode'
  | 'transcode'
  | 'receivedOf'
  | 'onInvalid'
  | 'onStored'
  | 'deadLetterLimits'
  | 'metrics'
> {
  readonly destination: Pick<Destination<R>, 'writer' | 'storedOf' | 'transcodedOf'>;
  /** See `createTopicGuard`. */
  readonly assertSameTopic: (signal: AbortSignal) => Promise<void>;
  /** The record was read again, so it says nothing about latency. */
  readonly isReread: (record: LogRecord) => boolean;
  /** A tombstone that this sink stored before it began the partition. */
  readonly isStored: (record: LogRecord) => boolean;
}

/** The outcome of a batch. */
export interface StoredBatch {
  /** Erased conversations, whose older rows must go. */
  readonly erasures: readonly Erasure[];
  /** Rows that are in the tables now, a few of each partition. */
  readonly anchors: readonly Anchor[];
}

interface Problem {
  readonly reason: SinkDeadLetterReason;
  readonly message: string;
}

/**
 * Returns a function that stores one batch. It resolves when every record is in the tables or was given to `onInvalid`.
 * It rejects with an OperatorError if so many records are wrong that the cause must lie elsewhere.
 */
export function createBatchStore<R>(options: BatchStoreOptions<R>) {
  const { topic, prepare, decode, receivedOf, onInvalid, deadLetterLimits, destination, metrics } = options;
  const { assertSameTopic, isReread, isStored, transcode = () => null } = options;
  const { storedOf, transcodedOf, writer } = destination;
  const limits = new Map<number, DeadLetterLimit>();
  const limitOf = (partition: number): DeadLetterLimit => {
    const limit = limits.get(partition) ?? createDeadLetterLimit(deadLetterLimits);
    limits.set(partition, limit);
    return limit;
  };

  const handOver = async (records: readonly LogRecord[], problems: ReadonlyMap<LogRecord, Problem>): Promise<void> => {
    for (const record of records) {
      const { partition, offset } = record;
      const problem = problems.get(record);
      const limit = limitOf(partition);
      if (problem === undefined) {
        limit.readable();
        continue;
      }
      const stop = limit.unreadable(offset);
      if (stop !== null) {
        throw tooManyDeadLetters({ topic, partition }, stop, { ...problem, cannot: 'be read or stored' });
      }
      await onInvalid(record, problem.reason, problem.message);
    }
  };

  return async (batch: Batch, signal: AbortSignal, notAfterMs: number): Promise<StoredBatch> => {
    const { records } = batch;
    await prepare?.(records.map(({ value }) => value));
    /** The record of each row. */
    const sources: LogRecord[] = [];
    const problems = new Map<LogRecord, Problem>();
    const erasures: Erasure[] = [];
    /** One by one, see `Writer.insert`. */
    function* rows(): Generator<R> {
      for (const record of records) {
        const values = transcodedOf === null ? null : transcode(record);
        if (transcodedOf !== null && values !== null) {
          sources.push(record);
          yield transcodedOf(values, record);
          continue;
        }
        const decoded = decode(record);
        if (decoded.kind === 'invalid') {
          problems.set(record, decoded);
          continue;
        }
        const { row, erasure } = storedOf(decoded, record);
        if (erasure !== null) erasures.push(erasure);
        if (row === null || isStored(record)) continue;
        sources.push(record);
        yield row;
      }
    }
    await assertSameTopic(signal);
    const startedAt = Date.now();
    for (const { index, error } of await writer.insert(rows(), signal, notAfterMs)) {
      const record = sources[index];
      if (record !== undefined) {
        problems.set(record, { reason: 'refused-by-store', message: describeRefusal(error) });
      }
    }
    await handOver(records, problems);
    const received = records.flatMap((record) => (isReread(record) ? [] : (receivedOf?.(record) ?? [])));
    observeLatency(metrics, 'store', received);
    options.onStored?.({ records: records.filter((record) => !isReread(record)), readAt: batch.readAt, startedAt });
    const last = lastOfEach(sources.filter((record) => !problems.has(record)));
    return { erasures, anchors: last.flatMap((record) => anchorOf(decode(record), record) ?? []) };
  };
}

function anchorOf(decoded: DecodedRecord, { partition, offset }: LogRecord): Anchor | null {
  if (decoded.kind === 'invalid') return null;
  const enteredMs = decoded.kind === 'visit' ? decoded.visit.entered_time : null;
  return { conversationId: conversationOf(decoded), partition, offset, enteredMs };
}

/** The last records of each partition. */
function lastOfEach(records: readonly LogRecord[]): readonly LogRecord[] {
  const counts = new Map<number, number>();
  return records.toReversed().filter(({ partition }) => {
    const count = (counts.get(partition) ?? 0) + 1;
    counts.set(partition, count);
    return count <= ANCHORS_A_PARTITION;
  });
}
