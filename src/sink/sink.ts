import { messageOf } from '../common';
import {
  createProgress,
  createWriter,
  describeStoreError,
  type Erasure,
  type Progress,
  type WriterState,
} from '../store';
import { createBatchLoop } from './batch-loop';
import { createBatchStore } from './batch-store';
import { createSinkBuffer, type Batch } from './buffer';
import { createCleanup } from './cleanup';
import { createEraser } from './eraser';
import type { SinkOptions } from './options';
import { createSinkPartitions } from './partitions';
import { createTopicGuard } from './topic-guard';

export interface RunningSink {
  /** Resolves after `stop()`; rejects with what ended the sink. */
  readonly done: Promise<void>;
  /** True when this member has joined its group and ClickHouse takes rows. */
  ready(): boolean;
  state(): WriterState;
  /** @see RunningSubscription.turns */
  turns(): number | null;
  /** Per partition the offset below which every record is stored or in the dead letters, as far as this process did it. */
  stored(): ReadonlyMap<number, number>;
  /** Stores and commits what was read (within `stopTimeoutMs`) and leaves the group. Safe twice. */
  stop(): Promise<void>;
}

const STOP_TIMEOUT_MS = 10_000;
const PROGRESS_EVERY_MS = 5_000;
/** How often is looked where the topic ends, see `AsOf`: the watermark is as exact. For short retentions more often. */
const SAMPLE_EVERY_MS = 5_000;
/** The retention is the broker's number, and may be 0. */
const SAMPLE_AT_MOST_EVERY_MS = 100;
/** Who has this partition cleans up: one at a time is enough, two do no harm. */
const CLEANER = 0;
const NOTHING_NOTED: Pick<Progress, 'read'> = { read: () => Promise.resolve(new Map()) };

/**
 * Kafka → ClickHouse, at least once; versions make it exact. DO NOT BREAK: an offset is committed only when every record
 * below it is stored (or in the dead letters), and nothing is committed for a partition that was taken away.
 */
export async function createSink(options: SinkOptions): Promise<RunningSink> {
  const { store, log, topic, flush, metrics, logger, epoch, backOff, stopTimeoutMs = STOP_TIMEOUT_MS } = options;
  const staleAfterMs = options.tombstoneRetentionMs === null ? Infinity : options.tombstoneRetentionMs / 2;
  const buffer = createSinkBuffer();
  const progress = createProgress(store, topic, epoch);
  const noting = createOnce(() => noteProgress(), PROGRESS_EVERY_MS);
  const eraser = createEraser({ store, logger });
  const erasures = new WeakMap<Batch, readonly Erasure[]>();
  const cleanup = createCleanup({ store, eraser, metrics, logger, ...options.cleanup });
  const writer = createWriter({ store, metrics, logger, epoch, ...(backOff === undefined ? {} : { backOff }) });
  const partitions = createSinkPartitions({
    ...options,
    writer,
    progress: options.begin === 'anew' ? NOTHING_NOTED : progress,
    staleAfterMs,
    graceMs: options.cleanup.graceMs,
  });
  const storeBatch = createBatchStore({
    ...options,
    writer,
    assertSameTopic: createTopicGuard(options),
    isReread: partitions.isReread,
  });

  const aborted = new AbortController();
  const cancelled = new Promise<never>((_, reject) => {
    aborted.signal.addEventListener('abort', () => reject(aborted.signal.reason));
  });
  cancelled.catch(() => undefined);
  let settle: { resolve(): void; reject(error: unknown): void } | null = null;
  const done = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  let phase: 'running' | 'draining' | 'ended' = 'running';

  const end = (error?: unknown): void => {
    if (phase === 'ended') return;
    phase = 'ended';
    loop.end();
    clearInterval(sampler);
    cleanup.stop();
    noting.clear();
    aborted.abort(error ?? new Error('the sink has stopped'));
    if (error === undefined) settle?.resolve();
    else settle?.reject(error);
  };

  const commit = async (batch: Batch): Promise<void> => {
    const { ends } = batch;
    aborted.signal.throwIfAborted();
    // Not before: everything older is stored now.
    await eraser.erase(erasures.get(batch) ?? [], aborted.signal);
    const current = ends.filter(({ partition, assignment }) => buffer.isCurrent(partition, assignment));
    for (const { partition, offset } of current) partitions.advance(partition, offset);
    const metadata = JSON.stringify({ committedAt: Date.now(), epoch });
    if (current.length > 0) {
      const source = await subscribing;
      await source.commit(current.map(({ partition, offset }) => ({ partition, offset, metadata }))).catch(
        // What is not committed is sent again: the next commit, or a restart, makes up for it.
        (error: unknown) => logger.warn({ error: messageOf(error) }, 'offsets were not committed'),
      );
    }
    noting.arm();
  };

  const noteProgress = async (): Promise<void> => {
    noting.clear();
    await progress.write(partitions.notes()).catch((error: unknown) => {
      logger.debug({ error: describeStoreError(error) }, 'progress was not noted');
    });
  };

  const sample = async (): Promise<void> => {
    try {
      partitions.assertAllCurrent();
    } catch (error) {
      end(error);
      return;
    }
    const at = Date.now();
    try {
      partitions.sample(await log.endOffsets(topic), at);
      if (phase === 'running') noting.arm();
    } catch (error) {
      logger.debug({ error: messageOf(error) }, 'the ends of the topic are not to be had');
    }
  };

  const loop = createBatchLoop({
    buffer,
    flush,
    metrics,
    store: async (batch) => {
      erasures.set(batch, await storeBatch(batch, aborted.signal, partitions.notAfter(batch)));
    },
    commit,
    pause: () => void subscribing.then((source) => source.pause()),
    resume: () => void subscribing.then((source) => source.resume()),
    onError: end,
  });
  const sampler = setInterval(
    () => void sample(),
    Math.max(SAMPLE_AT_MOST_EVERY_MS, Math.min(SAMPLE_EVERY_MS, staleAfterMs / 8)),
  );

  const subscribing = log.subscribe({
    group: options.group,
    topic,
    onAssigned: (assigned) => {
      const onBegun = (partition: number): void => {
        if (phase !== 'running') return;
        if (partition === CLEANER) cleanup.start();
        buffer.assign(partition);
      };
      return partitions.assign(assigned, onBegun, aborted.signal);
    },
    onRevoked: (revoked) => {
      for (const partition of revoked) {
        partitions.revoke(partition);
        buffer.revoke(partition);
        if (partition === CLEANER) cleanup.stop();
      }
      loop.pump();
    },
    onRecords: (partition, records, nextOffset) => {
      if (phase !== 'running') return;
      partitions.assertCurrent(partition);
      buffer.add(partition, records, nextOffset);
      loop.pump();
    },
  });
  const source = await subscribing;
  source.done.then(() => {
    if (phase === 'running') end(new Error('the subscription ended by itself'));
  }, end);

  const stop = async (): Promise<void> => {
    if (phase === 'ended') return source.stop();
    phase = 'draining';
    source.pause();
    const deadline = setTimeout(() => aborted.abort(new Error('the sink was stopped')), stopTimeoutMs);
    try {
      await Promise.race([loop.drain(), cancelled]);
      await Promise.race([noteProgress(), cancelled]);
    } catch (error) {
      logger.warn(
        { error: messageOf(error), rows: buffer.rows() },
        'stopped before all was stored; it will be read again',
      );
    } finally {
      clearTimeout(deadline);
      await source.stop();
      end();
    }
  };
  let stopping: Promise<void> | null = null;

  return {
    done,
    ready: () => phase === 'running' && source.ready() && writer.state().available,
    state: () => writer.state(),
    turns: source.turns,
    stored: partitions.stored,
    stop: () => (stopping ??= stop()),
  };
}

/** Calls once, so long after the first `arm` since the last call. */
function createOnce(call: () => Promise<void>, afterMs: number) {
  let timer: NodeJS.Timeout | undefined;
  return {
    arm: (): void => {
      timer ??= setTimeout(() => void call(), afterMs);
    },
    clear: (): void => {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
