import { createDeadLetterLimit, type DeadLetterLimit, tooManyDeadLetters } from '../common';
import type { LogRecord } from '../log';
import { observeLatency, type SinkDeadLetterReason } from '../ops';
import { describeRefusal, type Erasure } from '../store';
import type { Batch } from './buffer';
import type { Destination } from './destination';
import type { SinkOptions } from './options';

export interface BatchStoreOptions<R> extends Pick<
  SinkOptions,
  'topic' | 'prepare' | 'decode' | 'receivedOf' | 'onInvalid' | 'onStored' | 'deadLetterLimits' | 'metrics'
> {
  readonly destination: Pick<Destination<R>, 'writer' | 'storedOf'>;
  /** See `createTopicGuard`. */
  readonly assertSameTopic: (signal: AbortSignal) => Promise<void>;
  /** It was read once more: that says nothing of how fast events come through. */
  readonly isReread: (record: LogRecord) => boolean;
}

interface Problem {
  readonly reason: SinkDeadLetterReason;
  readonly message: string;
}

/**
 * Answers what stores one batch: it resolves when every record is in the tables or was given to `onInvalid`, with the
 * conversations that are to be erased, and rejects with an OperatorError when so many are wrong that something else must be.
 */
export function createBatchStore<R>(options: BatchStoreOptions<R>) {
  const { topic, prepare, decode, receivedOf, onInvalid, deadLetterLimits, destination, metrics } = options;
  const { assertSameTopic, isReread } = options;
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

  return async (batch: Batch, signal: AbortSignal, notAfterMs: number): Promise<readonly Erasure[]> => {
    const { records } = batch;
    await prepare?.(records.map(({ value }) => value));
    /** The record of each row. */
    const sources: LogRecord[] = [];
    const problems = new Map<LogRecord, Problem>();
    const erasures: Erasure[] = [];
    /** One by one, see `Writer.insert`. */
    function* rows(): Generator<R> {
      for (const record of records) {
        const decoded = decode(record);
        if (decoded.kind === 'invalid') {
          problems.set(record, decoded);
          continue;
        }
        const { row, erasure } = destination.storedOf(decoded, record);
        if (erasure !== null) erasures.push(erasure);
        if (row === null) continue;
        sources.push(record);
        yield row;
      }
    }
    await assertSameTopic(signal);
    const startedAt = Date.now();
    for (const { index, error } of await destination.writer.insert(rows(), signal, notAfterMs)) {
      const record = sources[index];
      if (record !== undefined) {
        problems.set(record, { reason: 'refused-by-store', message: describeRefusal(error) });
      }
    }
    await handOver(records, problems);
    const received = records.flatMap((record) => (isReread(record) ? [] : (receivedOf?.(record) ?? [])));
    observeLatency(metrics, 'store', received);
    options.onStored?.({ records: records.filter((record) => !isReread(record)), readAt: batch.readAt, startedAt });
    return erasures;
  };
}
