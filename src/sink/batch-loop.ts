import type { Metrics } from '../ops';
import type { Batch, SinkBuffer } from './buffer';
import type { FlushLimits } from './options';

export interface BatchLoopOptions {
  readonly buffer: SinkBuffer;
  readonly flush: FlushLimits;
  /** Several batches at once. */
  readonly store: (batch: Batch) => Promise<void>;
  /** In the order in which the batches were taken, each after it was stored. */
  readonly commit: (batch: Batch) => Promise<void>;
  /** The buffer is full, or has room again. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** The first error of `store` or `commit`, unless `drain` was called: that rejects with it. */
  readonly onError: (error: unknown) => void;
  readonly metrics: Metrics;
}

/** From the buffer, in batches, into the tables. */
export interface BatchLoop {
  /** To call when there may be a reason to begin a batch: records, time, or a lost partition. */
  pump(): void;
  /** From now on every record is a reason to begin a batch. Resolves when nothing is left. */
  drain(): Promise<void>;
  /** Begins no more batches. */
  end(): void;
}

/**
 * Inserts under way at once: while ClickHouse works on one, the next is decoded and written as text. Their order does
 * not matter to the tables (versions), and offsets are committed in the order of the batches. Fewer and greater ones are
 * slower: ClickHouse reads each with one thread (measured: two of 40,000 rows have 0.8 times the throughput).
 */
const CONCURRENCY = 3;
/** Reading pauses when this many full batches wait, and continues at half of it. */
const BUFFERED_BATCHES = 4;

export function createBatchLoop(options: BatchLoopOptions): BatchLoop {
  const { buffer, flush, metrics } = options;
  let phase: 'running' | 'draining' | 'ended' = 'running';
  let underWay = 0;
  let rowsUnderWay = 0;
  let toldRows = 0;
  let paused = false;
  let timer: NodeJS.Timeout | undefined;
  /** The end of every batch that was begun: stored and committed, one after the other. */
  let tail: Promise<void> = Promise.resolve();

  /** The only place that begins batches. */
  const pump = (): void => {
    if (phase === 'ended') return;
    while (underWay < CONCURRENCY) {
      const trigger = triggerOf();
      const batch = trigger === null ? null : buffer.take(flush.rows);
      if (trigger === null || batch === null) break;
      metrics.sinkBatches.inc({ trigger });
      begin(batch);
    }
    tell();
    throttle();
    arm();
  };

  /** Of all loops of the process together. */
  const tell = (): void => {
    const rows = buffer.rows() + rowsUnderWay;
    metrics.sinkBufferRows.inc(rows - toldRows);
    toldRows = rows;
  };

  const begin = (batch: Batch): void => {
    underWay += 1;
    rowsUnderWay += batch.records.length;
    const storing = options.store(batch);
    storing.catch(() => undefined); // `tail` reports it in its turn
    tail = tail
      .then(() => storing)
      .then(() => options.commit(batch))
      .then(() => {
        underWay -= 1;
        rowsUnderWay -= batch.records.length;
      });
    tail.then(pump, (error: unknown) => {
      if (phase === 'running') options.onError(error);
    });
  };

  const triggerOf = (): 'rows' | 'bytes' | 'time' | 'stop' | null => {
    const waitedMs = buffer.waitedMs();
    if (waitedMs === null) return null;
    if (buffer.rows() >= flush.rows) return 'rows';
    if (buffer.bytes() >= flush.bytes) return 'bytes';
    if (waitedMs >= flush.ms) return 'time';
    return phase === 'draining' ? 'stop' : null;
  };

  const arm = (): void => {
    clearTimeout(timer);
    const waitedMs = buffer.waitedMs();
    if (waitedMs !== null && underWay < CONCURRENCY) {
      timer = setTimeout(pump, Math.max(1, flush.ms - waitedMs));
    }
  };

  /** A slow ClickHouse slows the reading, not the memory; heartbeats go on. */
  const throttle = (): void => {
    const fill = Math.max(buffer.rows() / flush.rows, buffer.bytes() / flush.bytes);
    if (!paused && fill >= BUFFERED_BATCHES) {
      paused = true;
      options.pause();
    } else if (paused && fill <= BUFFERED_BATCHES / 2 && phase === 'running') {
      paused = false;
      options.resume();
    }
  };

  return {
    pump,
    drain: async () => {
      if (phase === 'running') phase = 'draining';
      pump();
      // Each batch that ends begins the next one.
      while (underWay > 0) await tail;
    },
    end: () => {
      phase = 'ended';
      clearTimeout(timer);
      metrics.sinkBufferRows.dec(toldRows);
      toldRows = 0;
    },
  };
}
