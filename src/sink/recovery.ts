import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { OperatorError } from '../common';
import { partitionOf, type AssignedPartition, type Log } from '../log';
import type { Metrics } from '../ops';
import {
  describeStoreError,
  type LiveKeys,
  type Progress,
  readLiveKeys,
  type Store,
  type StoreRow,
  type Writer,
} from '../store';

export interface RecoveryOptions {
  readonly store: Store;
  readonly log: Pick<Log, 'read' | 'endOffsets'>;
  readonly topic: string;
  readonly epoch: number;
  readonly progress: Pick<Progress, 'read'>;
  /** Of tombstones; null: the topic has none that would hide a row. */
  readonly tombstones: Pick<Writer, 'insert'> | null;
  /** A note that is older may have missed a tombstone, ms. */
  readonly staleAfterMs: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** How a partition is begun. */
export interface Beginning {
  readonly offset: number;
  readonly asOfMs: number;
  /** Records below it may have been stored before; their tombstones were stored at `asOfTombstonesMs`. */
  readonly knownEnd: number;
  readonly tombstonesAtMs: number;
  /** It is read from its beginning, although most of it may have been stored before. */
  readonly isReread: boolean;
}

const TOMBSTONES_A_BATCH = 10_000;
const RETRY_MS = 500;

/**
 * Where to go on with partitions, and what must be in the tables before:
 * 1. The partition is read from the store's own note; from its beginning when there is none (new or emptied tables, a
 *    new epoch), or when the note is so old that a tombstone behind it may have been compacted away.
 * 2. Tombstones first: all tombstones from there to the end H are stored before any row is. The clean-up may have
 *    removed them from the table, and a row that is sent again before its tombstone would be live for a moment.
 * 3. From the beginning, also: what is live in the table and has no record in [0, H) has ended, its tombstone is gone;
 *    it gets one of version H − 1. That is above all that the topic ever had of it and below all that is to come. Rows
 *    of an older epoch get one below every record of this epoch, so that it can never hide one.
 * All of it can be done again, and by several at once: every tombstone is true whoever writes it.
 */
export async function recover(
  options: RecoveryOptions,
  partitions: readonly AssignedPartition[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Beginning>> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await attempt(options, partitions, signal);
    } catch (error) {
      if (error instanceof OperatorError || signal.aborted) throw error;
      options.logger.warn({ error: describeStoreError(error) }, 'the start of partitions failed; trying again');
    }
    await sleep(RETRY_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

async function attempt(
  options: RecoveryOptions,
  partitions: readonly AssignedPartition[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Beginning>> {
  const { log, topic, metrics, logger, tombstones: writer } = options;
  const notes = await options.progress.read();
  const now = Date.now();
  const ends = await log.endOffsets(topic);
  const endOf = (partition: number): number => ends.get(partition) ?? 0;

  const anew: AssignedPartition[] = [];
  const beginnings = new Map<number, Beginning>();
  for (const one of partitions) {
    const { partition } = one;
    const note = notes.get(partition);
    const isCurrent = note !== undefined && now - note.asOfMs <= options.staleAfterMs;
    if (isCurrent) assertWithin(options, partition, note.offset, endOf(partition));
    else anew.push(one);
    beginnings.set(partition, {
      offset: isCurrent ? Math.max(note.offset, one.beginningOffset) : one.beginningOffset,
      asOfMs: isCurrent ? note.asOfMs : now,
      knownEnd: endOf(partition),
      tombstonesAtMs: now,
      isReread: !isCurrent,
    });
    if (!isCurrent && one.beginningOffset < endOf(partition)) {
      const reason = note === undefined ? 'unknown' : 'outdated';
      metrics.sinkRereads.inc({ reason });
      logger.info({ topic, partition, reason, end: endOf(partition) }, 'the partition is read from its beginning');
    }
  }

  if (writer === null) return beginnings;
  const live = anew.length === 0 ? null : await liveOf(options, anew, ends);
  const from = new Map(
    [...beginnings].flatMap(([partition, { offset, knownEnd }]) =>
      offset < knownEnd ? [[partition, offset] as const] : [],
    ),
  );
  await storeTombstones({ ...options, writer }, from, live, signal);
  const swept = live?.tombstones(ends, now) ?? [];
  for (let at = 0; at < swept.length; at += TOMBSTONES_A_BATCH) {
    await writer.insert(swept.slice(at, at + TOMBSTONES_A_BATCH), signal);
  }
  if (swept.length > 0) {
    metrics.sinkSweptRows.inc(swept.length);
    logger.info({ rows: swept.length }, 'conversations that ended unseen were removed from the table');
  }
  return beginnings;
}

/** Reads the ranges for their keys alone. */
async function storeTombstones(
  { log, topic, writer }: RecoveryOptions & { readonly writer: Pick<Writer, 'insert'> },
  from: ReadonlyMap<number, number>,
  live: LiveKeys | null,
  signal: AbortSignal,
): Promise<void> {
  if (from.size === 0) return;
  let waiting: StoreRow[] = [];
  let storing = Promise.resolve();
  const flush = (): void => {
    const rows = waiting;
    waiting = [];
    storing = storing.then(() => writer.insert(rows, signal)).then(() => undefined);
    storing.catch(() => undefined); // awaited below
  };
  const reading = await log.read({
    topics: [topic],
    from,
    follow: false,
    onRecord: ({ key, value, partition, offset, timestamp }) => {
      if (key === null) return;
      const conversationId = key.toString();
      live?.seen(conversationId, partition);
      if (value !== null) return;
      waiting.push({ kind: 'tombstone', conversationId, timestamp, partition, offset });
      if (waiting.length >= TOMBSTONES_A_BATCH) flush();
    },
  });
  const stop = () => void reading.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await reading.caughtUp;
  } finally {
    signal.removeEventListener('abort', stop);
    await reading.stop();
  }
  signal.throwIfAborted();
  flush();
  await storing;
}

function liveOf(
  { store, epoch }: RecoveryOptions,
  partitions: readonly AssignedPartition[],
  ends: ReadonlyMap<number, number>,
): Promise<LiveKeys> {
  return readLiveKeys(store, {
    epoch,
    partitions: new Set(partitions.map(({ partition }) => partition)),
    partitionOf: (key) => partitionOf(key, ends.size),
  });
}

/** Only a log without ids comes here: with them a topic made anew has another epoch, and no note. */
function assertWithin({ topic, store }: RecoveryOptions, partition: number, noted: number, end: number): void {
  if (noted <= end) return;
  throw new OperatorError(
    `${topic}/${partition} ends at ${end}, but ClickHouse database ${store.database} has it up to ${noted}: records were ` +
      'lost, or the topic was made anew on a Kafka without topic ids (before 2.8). Choose another CLICKHOUSE_DATABASE, ' +
      'or drop this one, and run queuefold setup.',
  );
}
