import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { OperatorError, messageOf } from '../common/errors';
import type { QueueConversation } from '../conversation/row';
import type { Metrics } from '../ops/metrics';
import { createAsOf } from './as-of';
import { createCleanup } from './cleanup';
import type { Store } from './client';
import type { StoreRow } from './encode';
import { describeStoreError } from './errors';
import { createProgress, type Note, type Progress } from './progress';
import type { RecordSource, SourcePartition, SourceRecord } from './record-source';
import { recover } from './recovery';
import { createSinkBuffer, type Batch } from './sink-buffer';
import { createWriter, type WriterOptions, type WriterState } from './writer';

/** What a record of the state topic says. */
export type DecodedRecord =
  | { readonly kind: 'row'; readonly row: QueueConversation }
  | { readonly kind: 'tombstone'; readonly conversationId: string }
  | { readonly kind: 'invalid'; readonly reason: string; readonly message: string };

export interface SinkOptions<R extends SourceRecord> {
  readonly store: Store;
  readonly log: RecordSource<R>;
  readonly group: string;
  readonly topic: string;
  /** Before `decode` of these values: null, or resolves when their schemas are known. */
  readonly prepare?: (values: Iterable<Buffer | null>) => Promise<void> | null;
  readonly decode: (record: R) => DecodedRecord;
  /** Whichever comes first. `bytes` counts keys and values as they are in Kafka. */
  readonly flush: { readonly rows: number; readonly bytes: number; readonly ms: number };
  /** A record that cannot be decoded, or that ClickHouse refuses. Its offset is committed when this resolves. */
  readonly onInvalid: (record: R, reason: string, message: string) => Promise<void>;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Of the state topic, see `claimEpoch`. */
  readonly epoch: number;
  /** The id of the topic that has this epoch; null: the log tells none. */
  readonly topicId: string | null;
  /** How long the topic keeps tombstones; null: until they are read. */
  readonly tombstoneRetentionMs: number | null;
  /** Where a key of the topic is, among so many partitions. */
  readonly partitionOf: (key: string, partitions: number) => number;
  /** `anew`: every partition from its beginning, whatever the store has noted. Default `noted`. */
  readonly begin?: 'noted' | 'anew';
  readonly cleanup: { readonly intervalMs: number; readonly graceMs: number };
  readonly backOff?: WriterOptions['backOff'];
  /** How long a stop waits for what was read to be stored; then it is dropped, uncommitted. Default 10,000. */
  readonly stopTimeoutMs?: number;
}

export interface RunningSink {
  /** Resolves after `stop()`; rejects with what ended the sink. */
  readonly done: Promise<void>;
  /** True when this member has joined its group and ClickHouse takes rows. */
  ready(): boolean;
  state(): WriterState;
  /** Per partition the offset below which every record is stored or in the dead letters, as far as this process did it. */
  stored(): ReadonlyMap<number, number>;
  /** Stores and commits what was read (within `stopTimeoutMs`) and leaves the group. Safe twice. */
  stop(): Promise<void>;
}

/**
 * Inserts under way at once: while ClickHouse works on one, the next is decoded and written as text. Their order does
 * not matter to the tables (versions), and offsets are committed in the order of the batches.
 */
const CONCURRENCY = 3;
/** Reading pauses at so many full batches, and goes on at half of it. */
const BUFFERED_BATCHES = 4;
const PROGRESS_EVERY_MS = 5_000;
const STOP_TIMEOUT_MS = 10_000;
const RETRY_MS = 500;
/** How often is looked where the topic ends, see `AsOf`; for short retentions more often. */
const SAMPLE_EVERY_MS = 30_000;
/** Who has this partition cleans up: one at a time is enough, two do no harm. */
const CLEANER = 0;
const NOTHING_NOTED: Pick<Progress, 'read'> = { read: () => Promise.resolve(new Map()) };

/**
 * Kafka → ClickHouse, at least once; versions make it exact. DO NOT BREAK: an offset is committed only when every record
 * below it is stored (or in the dead letters), and nothing is committed for a partition that was taken away.
 */
export async function createSink<R extends SourceRecord>(options: SinkOptions<R>): Promise<RunningSink> {
  const { store, flush, metrics, logger, epoch, begin = 'noted', stopTimeoutMs = STOP_TIMEOUT_MS } = options;
  const { graceMs } = options.cleanup;
  const staleAfterMs = options.tombstoneRetentionMs === null ? Infinity : options.tombstoneRetentionMs / 2;
  const buffer = createSinkBuffer<R>();
  const progress = createProgress(store, options.topic, epoch);
  const stored = new Map<number, number>();
  const asOf = createAsOf();
  /** An object per assignment: only its identity counts. */
  const assignments = new Map<number, object>();
  /** Up to where records may have been stored before, and until when their tombstones are sure to be there. */
  const replays = new Map<number, { readonly end: number; readonly notAfterMs: number }>();
  const progressTimer = createProgressTimer(() => noteProgress());
  const cleanup = createCleanup({ store, metrics, logger, ...options.cleanup });
  const underWay = new Set<Batch<R>>();
  const aborted = new AbortController();
  const cancelled = new Promise<never>((_, reject) => {
    aborted.signal.addEventListener('abort', () => reject(aborted.signal.reason));
  });
  cancelled.catch(() => undefined);
  const latency = metrics.endToEndLatency.labels('sink');
  let settle: { resolve(): void; reject(error: unknown): void } | null = null;
  const done = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  let phase: 'running' | 'draining' | 'ended' = 'running';
  let paused = false;
  let timer: NodeJS.Timeout | undefined;
  /** The end of every batch that was begun: stored and committed, one after the other. */
  let tail: Promise<void> = Promise.resolve();

  const writer = createWriter({
    store,
    metrics,
    logger,
    epoch,
    ...(options.backOff === undefined ? {} : { backOff: options.backOff }),
    onRejected: async ({ partition, offset }, error) => {
      const record = [...underWay]
        .flatMap(({ records }) => records)
        .find((candidate) => candidate.partition === partition && candidate.offset === offset);
      if (record === undefined) throw new Error(`refused row ${partition}/${offset} belongs to no batch under way`);
      await options.onInvalid(record, 'refused-by-store', describeStoreError(error));
    },
  });

  const end = (error?: unknown): void => {
    if (phase === 'ended') return;
    phase = 'ended';
    clearTimeout(timer);
    clearInterval(sampler);
    cleanup.stop();
    progressTimer.clear();
    aborted.abort(error ?? new Error('the sink has stopped'));
    if (error === undefined) settle?.resolve();
    else settle?.reject(error);
  };

  const beginAt = async (partitions: readonly SourcePartition[]): Promise<ReadonlyMap<number, number>> => {
    const assignment = {};
    for (const { partition } of partitions) assignments.set(partition, assignment);
    const recovery = { ...options, progress: begin === 'anew' ? NOTHING_NOTED : progress, writer, staleAfterMs };
    const beginnings = await recover(recovery, partitions, aborted.signal);
    for (const [partition, { offset, asOfMs, knownEnd, tombstonesAtMs }] of beginnings) {
      if (assignments.get(partition) !== assignment) continue; // taken away in the meantime
      if (partition === CLEANER) cleanup.start();
      buffer.assign(partition);
      asOf.begin(partition, { asOfMs, storedTo: offset });
      if (offset > 0) stored.set(partition, offset);
      replays.set(partition, { end: knownEnd, notAfterMs: tombstonesAtMs + graceMs / 2 });
    }
    return new Map([...beginnings].map(([partition, { offset }]) => [partition, offset]));
  };

  /** Its rows may be sent so long; later the tombstones that hide them may have been cleaned up. */
  const notAfter = ({ readAt, records }: Batch<R>): number => {
    let limit = readAt + graceMs / 2;
    for (const { partition, offset } of records) {
      const replay = replays.get(partition);
      if (replay !== undefined && offset < replay.end) limit = Math.min(limit, replay.notAfterMs);
    }
    return limit;
  };

  /** Records that were read before the answer are of this topic if it still has its id: ids do not come back. */
  const assertSameTopic = async (): Promise<void> => {
    if (options.topicId === null) return;
    for (;;) {
      aborted.signal.throwIfAborted();
      try {
        if ((await options.log.topicId(options.topic)) === options.topicId) return;
      } catch (error) {
        logger.warn({ error: messageOf(error) }, 'Kafka does not tell the id of the topic; asking again');
        await sleep(RETRY_MS, undefined, { signal: aborted.signal });
        continue;
      }
      throw new OperatorError(
        `${options.topic} was deleted and made anew while the sink read it. Start again: the sink then begins at its beginning.`,
      );
    }
  };

  /** A compacted topic may have dropped tombstones behind which this sink has not come in time. */
  const assertCurrent = (partition: number): void => {
    const asOfMs = asOf.of(partition);
    if (asOfMs === null || Date.now() - asOfMs <= staleAfterMs) return;
    throw new OperatorError(
      `${options.topic}/${partition}: the sink was behind for ${Math.round((Date.now() - asOfMs) / 1000)} s, and the topic may have ` +
        'dropped tombstones (delete.retention.ms). Start again: the partition is then read from its beginning.',
    );
  };

  const storeBatch = async (batch: Batch<R>): Promise<void> => {
    const { records } = batch;
    const prepared = options.prepare?.(records.map(({ value }) => value)) ?? null;
    if (prepared !== null) await prepared;
    const rows: StoreRow[] = [];
    for (const record of records) {
      const decoded = options.decode(record);
      if (decoded.kind === 'invalid') await options.onInvalid(record, decoded.reason, decoded.message);
      else rows.push(storeRow(decoded, record));
    }
    await assertSameTopic();
    await writer.insert(rows, aborted.signal, notAfter(batch));
    const now = Date.now();
    for (const { timestamp } of records) latency.observe(Math.max(0, now - timestamp) / 1000);
  };

  const commit = async ({ records, ends }: Batch<R>): Promise<void> => {
    aborted.signal.throwIfAborted();
    const current = ends.filter(({ partition, assignment }) => buffer.isCurrent(partition, assignment));
    for (const { partition, offset } of current) {
      stored.set(partition, offset);
      asOf.stored(partition, offset);
    }
    for (const [partition, timestamp] of new Map(records.map((record) => [record.partition, record.timestamp]))) {
      metrics.lowWatermark.set({ stage: 'sink', partition: String(partition) }, timestamp / 1000);
    }
    const metadata = JSON.stringify({ committedAt: Date.now(), epoch });
    if (current.length > 0) {
      const source = await subscribing;
      await source.commit(current.map(({ partition, offset }) => ({ partition, offset, metadata }))).catch(
        // What is not committed is sent again: the next commit, or a restart, makes up for it.
        (error: unknown) => logger.warn({ error: messageOf(error) }, 'offsets were not committed'),
      );
    }
    progressTimer.arm();
  };

  const notes = (): ReadonlyMap<number, Note> =>
    new Map(
      [...stored].flatMap(([partition, offset]) => {
        const asOfMs = asOf.of(partition);
        return asOfMs === null ? [] : [[partition, { offset, asOfMs }] as const];
      }),
    );

  const noteProgress = async (): Promise<void> => {
    progressTimer.clear();
    await progress.write(notes()).catch((error: unknown) => {
      logger.debug({ error: describeStoreError(error) }, 'progress was not noted');
    });
  };

  const sample = async (): Promise<void> => {
    try {
      for (const partition of replays.keys()) assertCurrent(partition);
    } catch (error) {
      end(error);
      return;
    }
    const at = Date.now();
    try {
      asOf.sample(await options.log.endOffsets(options.topic), at);
      progressTimer.arm();
    } catch (error) {
      logger.debug({ error: messageOf(error) }, 'the ends of the topic are not to be had');
    }
  };

  /** The only place that begins batches: called when records, an end of a batch, time or a stop may be a reason to. */
  const pump = (): void => {
    if (phase === 'ended') return;
    while (underWay.size < CONCURRENCY) {
      const trigger = triggerOf();
      const batch = trigger === null ? null : buffer.take(flush.rows);
      if (trigger === null || batch === null) break;
      metrics.sinkBatches.inc({ trigger });
      underWay.add(batch);
      const storing = storeBatch(batch);
      storing.catch(() => undefined); // `tail` reports it in its turn
      tail = tail
        .then(() => storing)
        .then(() => commit(batch))
        .then(() => {
          underWay.delete(batch);
        });
      tail.then(pump, (error: unknown) => {
        if (phase === 'running') end(error); // a stop says itself what it could not finish
      });
    }
    metrics.sinkBufferRows.set(buffer.rows());
    throttle();
    arm();
  };

  const triggerOf = (): 'rows' | 'bytes' | 'time' | 'stop' | null => {
    const since = buffer.since();
    if (since === null) return null;
    if (buffer.rows() >= flush.rows) return 'rows';
    if (buffer.bytes() >= flush.bytes) return 'bytes';
    if (Date.now() - since >= flush.ms) return 'time';
    return phase === 'draining' ? 'stop' : null;
  };

  const arm = (): void => {
    clearTimeout(timer);
    const since = buffer.since();
    if (since !== null && underWay.size < CONCURRENCY) {
      timer = setTimeout(pump, Math.max(1, since + flush.ms - Date.now()));
    }
  };

  /** A slow ClickHouse slows the reading, not the memory; heartbeats go on. */
  const throttle = (): void => {
    const fill = Math.max(buffer.rows() / flush.rows, buffer.bytes() / flush.bytes);
    if (!paused && fill >= BUFFERED_BATCHES) {
      paused = true;
      void subscribing.then((source) => source.pause());
    } else if (paused && fill <= BUFFERED_BATCHES / 2 && phase === 'running') {
      paused = false;
      void subscribing.then((source) => source.resume());
    }
  };

  const sampler = setInterval(() => void sample(), Math.min(SAMPLE_EVERY_MS, staleAfterMs / 8));

  const subscribing = options.log.subscribe({
    group: options.group,
    topic: options.topic,
    onAssigned: beginAt,
    onRevoked: (partitions) => {
      for (const partition of partitions) {
        assignments.delete(partition);
        buffer.revoke(partition);
        asOf.forget(partition);
        replays.delete(partition);
        stored.delete(partition);
        if (partition === CLEANER) cleanup.stop();
      }
      pump();
    },
    onRecords: (partition, records, nextOffset) => {
      if (phase !== 'running') return;
      assertCurrent(partition);
      buffer.add(partition, records, nextOffset);
      pump();
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
      pump();
      // Each batch that ends begins the next one.
      while (underWay.size > 0) await Promise.race([tail, cancelled]);
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
    state: writer.state,
    stored: () => stored,
    stop: () => (stopping ??= stop()),
  };
}

/** Calls once, some time after the first `arm` since the last call. */
function createProgressTimer(note: () => Promise<void>) {
  let timer: NodeJS.Timeout | undefined;
  return {
    arm: (): void => {
      timer ??= setTimeout(() => void note(), PROGRESS_EVERY_MS);
    },
    clear: (): void => {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

function storeRow(decoded: Exclude<DecodedRecord, { kind: 'invalid' }>, record: SourceRecord): StoreRow {
  const { partition, offset, timestamp } = record;
  return decoded.kind === 'row'
    ? { kind: 'row', row: decoded.row, partition, offset }
    : { kind: 'tombstone', conversationId: decoded.conversationId, timestamp, partition, offset };
}
