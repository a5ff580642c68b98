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

/**
 * Inserts under way at once: while ClickHouse works on one, the next is decoded and written as text. Their order does
 * not matter to the tables (versions), and offsets are committed in the order of the batches. Fewer and greater ones are
 * slower: ClickHouse reads each with one thread (measured: two of 40,000 rows have 0.8 times the throughput).
 */
const CONCURRENCY = 3;
/** Reading pauses when this many full batches wait, and continues at half of it. */
const BUFFERED_BATCHES = 4;

/** Reading pauses with more than this. */
export function mostBuffered({ rows, bytes }: FlushLimits): Pick<FlushLimits, 'rows' | 'bytes'> {
  return { rows: BUFFERED_BATCHES * rows, bytes: BUFFERED_BATCHES * bytes };
}

/** From the buffer, in batches, into the tables. */
export class BatchLoop {
  readonly #options: BatchLoopOptions;
  #phase: 'running' | 'draining' | 'ended' = 'running';
  #underWay = 0;
  #rowsUnderWay = 0;
  #toldRows = 0;
  #paused = false;
  #timer: NodeJS.Timeout | undefined;
  /** The end of every batch that was begun: stored and committed, one after the other. */
  #tail: Promise<void> = Promise.resolve();

  constructor(options: BatchLoopOptions) {
    this.#options = options;
  }

  /**
   * To call when there may be a reason to begin a batch: records, time, or a lost partition. The only place that begins
   * batches.
   */
  pump(): void {
    if (this.#phase === 'ended') return;
    const { buffer, flush, metrics } = this.#options;
    while (this.#underWay < CONCURRENCY) {
      const trigger = this.#trigger();
      const batch = trigger === null ? null : buffer.take(flush.rows);
      if (trigger === null || batch === null) break;
      metrics.sinkBatches.inc({ trigger });
      this.#begin(batch);
    }
    this.#tell();
    this.#throttle();
    this.#arm();
  }

  /** From now on every record is a reason to begin a batch. Resolves when nothing is left. */
  async drain(): Promise<void> {
    if (this.#phase === 'running') this.#phase = 'draining';
    this.pump();
    // Each batch that ends begins the next one.
    while (this.#underWay > 0) await this.#tail;
  }

  /** Begins no more batches. */
  end(): void {
    this.#phase = 'ended';
    clearTimeout(this.#timer);
    this.#options.metrics.sinkBufferRows.dec(this.#toldRows);
    this.#toldRows = 0;
  }

  #trigger(): 'rows' | 'bytes' | 'time' | 'stop' | null {
    const { buffer, flush } = this.#options;
    const waitedMs = buffer.waitedMs();
    if (waitedMs === null) return null;
    if (buffer.rows() >= flush.rows) return 'rows';
    if (buffer.bytes() >= flush.bytes) return 'bytes';
    if (waitedMs >= flush.ms) return 'time';
    return this.#phase === 'draining' ? 'stop' : null;
  }

  #begin(batch: Batch): void {
    const { store, commit, onError } = this.#options;
    this.#underWay += 1;
    this.#rowsUnderWay += batch.records.length;
    const storing = store(batch);
    storing.catch(() => undefined); // the tail reports it in its turn
    this.#tail = this.#tail
      .then(() => storing)
      .then(() => commit(batch))
      .then(() => {
        this.#underWay -= 1;
        this.#rowsUnderWay -= batch.records.length;
      });
    this.#tail.then(
      () => this.pump(),
      (error: unknown) => {
        if (this.#phase === 'running') onError(error);
      },
    );
  }

  /** Of all loops of the process together. */
  #tell(): void {
    const { buffer, metrics } = this.#options;
    const rows = buffer.rows() + this.#rowsUnderWay;
    metrics.sinkBufferRows.inc(rows - this.#toldRows);
    this.#toldRows = rows;
  }

  /** A slow ClickHouse slows the reading, not the memory; heartbeats go on. */
  #throttle(): void {
    const { buffer, flush, pause, resume } = this.#options;
    const fill = Math.max(buffer.rows() / flush.rows, buffer.bytes() / flush.bytes);
    if (!this.#paused && fill >= BUFFERED_BATCHES) {
      this.#paused = true;
      pause();
    } else if (this.#paused && fill <= BUFFERED_BATCHES / 2 && this.#phase === 'running') {
      this.#paused = false;
      resume();
    }
  }

  #arm(): void {
    const { buffer, flush } = this.#options;
    clearTimeout(this.#timer);
    const waitedMs = buffer.waitedMs();
    if (waitedMs !== null && this.#underWay < CONCURRENCY) {
      this.#timer = setTimeout(() => this.pump(), Math.max(1, flush.ms - waitedMs));
    }
  }
}
