import { messageOf, OperatorError } from '../common';
import type { RunningSubscription } from '../log';
import { describeStoreError, type Progress, type WriterState } from '../store';
import { BatchLoop, mostBuffered } from './batch-loop';
import { createBatchStore, type StoredBatch } from './batch-store';
import { createSinkBuffer, type Batch } from './buffer';
import { createCleanup } from './cleanup';
import { conversations, type Destination, visits } from './destination';
import { createEraser } from './eraser';
import { createNotes, type Notes } from './notes';
import { createOnce } from './once';
import { NOTING, type SinkOptions } from './options';
import { SinkPartitions } from './partitions';
import type { Beginning } from './recovery';
import { createTopicCheck, type TopicCheck } from './topic-check';
import { createTopicGuard } from './topic-guard';

export interface RunningSink {
  /** Resolves after `stop()`. Rejects with the error that ended the sink. */
  readonly done: Promise<void>;
  /** True when this member has joined its group and ClickHouse takes rows. */
  ready(): boolean;
  state(): WriterState;
  /** @see RunningSubscription.turns */
  turns(): number | null;
  /** Per partition the offset below which every record is stored or in the dead letters, as far as this process did it. */
  stored(): ReadonlyMap<number, number>;
  /**
   * Stores and commits the records that were read (within `stopTimeoutMs`) and leaves the group. It may be called
   * twice.
   */
  stop(): Promise<void>;
}

const STOP_TIMEOUT_MS = 10_000;
/** Of HISTORY_RETENTION. */
const SHORTEST_RETENTION_MS = 60 * 60_000;
/**
 * How often the sink asks for the end of the topic, see `LowWatermarks`. The watermark is as exact as this. For short
 * retentions it asks more often.
 */
const SAMPLE_EVERY_MS = 5_000;
/** The retention comes from the broker and may be 0. */
const SAMPLE_AT_MOST_EVERY_MS = 100;
/** How often the sink reads some stored records again. */
const COMPARE_EVERY_MS = 60_000;
/** The sink with this partition cleans up. One at a time is enough, and two do no harm. */
const CLEANER = 0;
const NOTHING_NOTED: Pick<Progress, 'read' | 'anchorsBelow'> = {
  read: () => Promise.resolve(new Map()),
  anchorsBelow: () => Promise.resolve([]),
};

/**
 * Kafka → ClickHouse, at least once; versions make it exact. DO NOT BREAK: an offset is committed only when every record
 * below it is stored (or in the dead letters), and nothing is committed for a partition that was taken away.
 */
export async function createSink(options: SinkOptions): Promise<RunningSink> {
  const sink =
    options.about === 'visits' ? new Sink(options, visits(options)) : new Sink(options, conversations(options));
  await sink.begin();
  return sink;
}

class Sink<R> implements RunningSink {
  readonly done: Promise<void>;
  readonly #options: SinkOptions;
  readonly #destination: Destination<R>;
  readonly #buffer = createSinkBuffer();
  readonly #notes: Notes;
  readonly #noting: ReturnType<typeof createOnce>;
  readonly #eraser: ReturnType<typeof createEraser>;
  readonly #storedBatches = new WeakMap<Batch, StoredBatch>();
  readonly #cleanup: ReturnType<typeof createCleanup> | null;
  readonly #partitions: SinkPartitions;
  readonly #check: TopicCheck;
  readonly #loop: BatchLoop;
  readonly #sampler: NodeJS.Timeout;
  readonly #aborted = new AbortController();
  readonly #cancelled: Promise<never>;
  #settle: { resolve(): void; reject(error: unknown): void } | null = null;
  /** In the time of `performance.now()`. */
  #comparedAt = performance.now();
  #phase: 'running' | 'draining' | 'ended' = 'running';
  #subscribing: Promise<RunningSubscription> | null = null;
  /** Null until the group is joined for the first time. */
  #source: RunningSubscription | null = null;
  #stopping: Promise<void> | null = null;

  constructor(options: SinkOptions, destination: Destination<R>) {
    const { store, metrics, logger } = options;
    this.#options = options;
    this.#destination = destination;
    const { noting = NOTING, keptMs = SHORTEST_RETENTION_MS, topic } = options;
    const { progress } = destination;
    this.#notes = createNotes({ progress, topic, database: store.database, keptMs, logger, ...noting });
    this.#noting = createOnce(() => this.#noteProgress(), noting.everyMs);
    this.#eraser = createEraser({ store, logger });
    const isCleaned = options.about !== 'visits';
    this.#cleanup = isCleaned
      ? createCleanup({ store, eraser: this.#eraser, metrics, logger, ...options.cleanup })
      : null;
    this.#check = createTopicCheck(options);
    this.#partitions = new SinkPartitions({
      ...options,
      ...destination,
      check: this.#check,
      keep: mostBuffered(options.flush),
      progress: options.begin === 'beginning' ? NOTHING_NOTED : destination.progress,
    });
    this.#cancelled = new Promise<never>((_, reject) => {
      const { signal } = this.#aborted;
      signal.addEventListener('abort', () => reject(signal.reason));
    });
    this.#cancelled.catch(() => undefined);
    this.done = new Promise<void>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#loop = this.#createLoop();
    const everyMs = Math.max(SAMPLE_AT_MOST_EVERY_MS, Math.min(SAMPLE_EVERY_MS, destination.staleAfterMs / 8));
    this.#sampler = setInterval(() => void this.#sample(), everyMs);
  }

  /** Joins the group. Call it once. */
  async begin(): Promise<void> {
    const { log, group, topic } = this.#options;
    this.#subscribing = log.subscribe({
      group,
      topic,
      onAssigned: (assigned) =>
        this.#partitions.assign(assigned, (...begun) => this.#begun(...begun), this.#aborted.signal),
      onRevoked: (revoked) => this.#revoked(revoked),
      onRecords: (partition, records, nextOffset) => {
        if (this.#phase !== 'running') return;
        this.#partitions.assertCurrent(partition);
        this.#buffer.add(partition, records, nextOffset);
        this.#loop.pump();
      },
      onSkipped: (...gap) => this.#partitions.assertNoTombstoneIn(...gap),
    });
    const source = await this.#subscribing;
    this.#source = source;
    source.done.then(
      () => {
        if (this.#phase === 'running') this.#end(new Error('the subscription to Kafka ended unexpectedly'));
      },
      async (error: unknown) => {
        // The subscription also ends if the topic ends before the sink's offset. The check then finds a better reason.
        await this.#check.reaches(this.stored(), this.#aborted.signal).catch((better: unknown) => {
          if (better instanceof OperatorError) this.#end(better);
        });
        this.#end(error);
      },
    );
  }

  ready(): boolean {
    return this.#phase === 'running' && this.#source?.ready() === true && this.state().available;
  }

  state(): WriterState {
    return this.#destination.writer.state();
  }

  turns(): number | null {
    return this.#source?.turns() ?? null;
  }

  stored(): ReadonlyMap<number, number> {
    return this.#partitions.stored();
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  #createLoop(): BatchLoop {
    const { flush, metrics } = this.#options;
    const storeBatch = createBatchStore({
      ...this.#options,
      destination: this.#destination,
      assertSameTopic: createTopicGuard(this.#options),
      isReread: (record) => this.#partitions.isReread(record),
      isStored: (record) => this.#partitions.isStored(record),
    });
    return new BatchLoop({
      buffer: this.#buffer,
      flush,
      metrics,
      store: async (batch) => {
        this.#storedBatches.set(batch, await storeBatch(batch, this.#aborted.signal, this.#partitions.notAfter(batch)));
      },
      commit: (batch) => this.#commit(batch),
      pause: () => void this.#subscribing?.then((source) => source.pause()),
      resume: () => void this.#subscribing?.then((source) => source.resume()),
      onError: (error) => this.#end(error),
    });
  }

  #begun(partition: number, { noted, tombstones: { anchors, kept, keptTo } }: Beginning): void {
    if (this.#phase !== 'running') return;
    this.#notes.begin(partition, noted);
    this.#notes.stored(anchors);
    if (partition === CLEANER) this.#cleanup?.start();
    this.#buffer.assign(partition);
    if (keptTo === null) return;
    this.#buffer.add(partition, kept, keptTo);
    this.#loop.pump();
  }

  #revoked(partitions: readonly number[]): void {
    for (const partition of partitions) {
      this.#partitions.revoke(partition);
      this.#notes.forget(partition);
      this.#buffer.revoke(partition);
      if (partition === CLEANER) this.#cleanup?.stop();
    }
    this.#loop.pump();
  }

  async #commit(batch: Batch): Promise<void> {
    const { epoch, logger } = this.#options;
    this.#aborted.signal.throwIfAborted();
    const { erasures = [], anchors = [] } = this.#storedBatches.get(batch) ?? {};
    // Not before: everything older is stored now.
    await this.#eraser.erase(erasures, this.#aborted.signal);
    const current = batch.ends.filter(({ partition, assignment }) => this.#buffer.isCurrent(partition, assignment));
    for (const { partition, offset } of current) this.#partitions.advance(partition, offset);
    this.#notes.stored(anchors.filter((anchor) => current.some(({ partition }) => partition === anchor.partition)));
    const metadata = JSON.stringify({ committedAt: Date.now(), epoch });
    const offsets = current.map(({ partition, offset }) => ({ partition, offset, metadata }));
    if (offsets.length > 0) {
      const source = await this.#subscribing;
      await source?.commit(offsets).catch(
        // An uncommitted record is sent again. The next commit or a restart makes up for it.
        (error: unknown) =>
          logger.warn({ error: messageOf(error) }, 'the sink could not commit its offsets and tries again'),
      );
    }
    this.#armNoting();
  }

  #armNoting(): void {
    if (this.#phase === 'running') this.#noting.arm();
  }

  /** An ended sink writes none: somebody else may own the tables by then. */
  async #noteProgress(): Promise<void> {
    this.#noting.clear();
    if (this.#phase === 'ended') return;
    try {
      const notes = this.#partitions.notes();
      if (this.#phase !== 'running') await this.#notes.writeLast(notes);
      else if (!(await this.#notes.write(notes))) this.#armNoting();
    } catch (error) {
      if (error instanceof OperatorError) this.#end(error);
      else this.#options.logger.debug({ error: describeStoreError(error) }, 'the sink could not note its progress');
    }
  }

  async #sample(): Promise<void> {
    const { logger, compareEveryMs = COMPARE_EVERY_MS } = this.#options;
    const { signal } = this.#aborted;
    try {
      this.#partitions.assertAllCurrent();
      const at = Date.now();
      this.#partitions.sample(await this.#check.reaches(this.stored(), signal), at);
      this.#armNoting();
      if (performance.now() - this.#comparedAt < compareEveryMs) return;
      this.#comparedAt = performance.now();
      await this.#check.hasSame(this.#notes.anchors(), signal);
      await this.#check.hasEpoch();
    } catch (error) {
      if (error instanceof OperatorError) this.#end(error);
      else logger.debug({ error: messageOf(error) }, 'the sink cannot look at the topic now');
    }
  }

  async #stop(): Promise<void> {
    if (this.#phase === 'ended') return this.#source?.stop();
    this.#phase = 'draining';
    this.#source?.pause();
    const { stopTimeoutMs = STOP_TIMEOUT_MS, logger } = this.#options;
    const deadline = setTimeout(() => this.#aborted.abort(new Error('the sink was stopped')), stopTimeoutMs);
    try {
      await Promise.race([this.#loop.drain(), this.#cancelled]);
      await Promise.race([this.#noteProgress(), this.#cancelled]);
    } catch (error) {
      logger.warn(
        { error: messageOf(error), rows: this.#buffer.rows() },
        'the sink stopped before it stored all rows: its next start reads them again',
      );
    } finally {
      clearTimeout(deadline);
      await this.#source?.stop();
      this.#end();
    }
  }

  #end(error?: unknown): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    this.#loop.end();
    clearInterval(this.#sampler);
    this.#cleanup?.stop();
    this.#noting.clear();
    this.#aborted.abort(error ?? new Error('the sink has stopped'));
    if (error === undefined) this.#settle?.resolve();
    else this.#settle?.reject(error);
  }
}
