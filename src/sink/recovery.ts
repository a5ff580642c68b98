import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { OperatorError } from '../common';
import { type AssignedPartition, type Log, type LogRecord, partitionOf } from '../log';
import type { Metrics } from '../ops';
import {
  type Anchor,
  describeStoreError,
  type LiveKeys,
  type Progress,
  readLiveKeys,
  type Store,
  type StoreRow,
  type Writer,
} from '../store';
import { ANCHORS_A_PARTITION } from './notes';
import type { TopicCheck } from './topic-check';

export interface RecoveryOptions {
  readonly store: Store;
  readonly log: Pick<Log, 'read' | 'endOffsets' | 'topicId'>;
  readonly topic: string;
  readonly epoch: number;
  readonly progress: Pick<Progress, 'read' | 'anchorsBelow'>;
  readonly check: TopicCheck;
  /** Of tombstones; null: the topic has none that would hide a row. */
  readonly tombstones: Pick<Writer, 'insert'> | null;
  /** A note that is older may have missed a tombstone, ms. */
  readonly staleAfterMs: number;
  /** So many records of the reading for tombstones, of all partitions, need not be read again. */
  readonly keep: { readonly rows: number; readonly bytes: number };
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** How the sink begins a partition. */
export interface Beginning {
  readonly offset: number;
  readonly watermark: number;
  /** Records below it may have been stored before. Their tombstones were stored at `tombstonesAtMs`. */
  readonly knownEnd: number;
  readonly tombstonesAtMs: number;
  /** The note at which it continues. Null: the sink reads the partition from its beginning. */
  readonly noted: number | null;
  /** The sink reads it from its beginning, although most of it may have been stored before. */
  readonly isReread: boolean;
  readonly tombstones: StoredTombstones;
}

/** Tombstones of a partition that this sink stored before it began. */
export interface StoredTombstones {
  /** All that the topic has from the beginning's offset on and below this one. */
  readonly below: number;
  /** The last of them. */
  readonly anchors: readonly Anchor[];
  /** What was read from the beginning's offset on, as much of it as is kept. */
  readonly kept: readonly LogRecord[];
  /** The offset after it; null: nothing is kept. */
  readonly keptTo: number | null;
}

const NONE_STORED: StoredTombstones = { below: 0, anchors: [], kept: [], keptTo: null };

const TOMBSTONES_A_BATCH = 10_000;
const RETRY_MS = 500;

/**
 * Where partitions continue, and what the tables must have before that:
 * 1. The sink reads a partition from the store's note. It reads the partition from its beginning if there is no note
 *    (new or emptied tables, a new epoch), or if Kafka may have deleted a tombstone behind the note: because the note is
 *    old, or because somebody deleted the records there.
 * 2. Tombstones first: before any row, the sink stores all tombstones from there to the end H. The clean-up may have
 *    removed them from the table, and a row that is sent again before its tombstone would be live for a moment. The
 *    sink does not send them again with the rows. `Notes` checks that they are still there before it notes an offset.
 *    It keeps what it reads here, up to a limit, and reads only the rest again.
 * 3. If it reads from the beginning: a conversation that is live in the table and has no record in [0, H) has ended,
 *    and its tombstone is gone. The sink gives it a tombstone of version H − 1. That is above all that the topic ever
 *    had of it, and below all that is to come. Rows of an older epoch get a tombstone below every record of this epoch,
 *    so that it can never hide one.
 * The sink may repeat all of it, and several sinks may do it at once: each writes the same true tombstones.
 */
export async function recover(
  options: RecoveryOptions,
  partitions: readonly AssignedPartition[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Beginning>> {
  const patiently = <T>(what: () => Promise<T>): Promise<T> => untilItWorks(what, options.logger, signal);
  return patiently(() => attempt(options, partitions, patiently, signal));
}

/** Repeats a failed question, without those before it. */
async function untilItWorks<T>(what: () => Promise<T>, logger: Logger, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await what();
    } catch (error) {
      if (error instanceof OperatorError || signal.aborted) throw error;
      logger.warn({ error: describeStoreError(error) }, 'the sink could not start its partitions and tries again');
    }
    await sleep(RETRY_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

async function attempt(
  options: RecoveryOptions,
  partitions: readonly AssignedPartition[],
  patiently: <T>(what: () => Promise<T>) => Promise<T>,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Beginning>> {
  const { check, progress, topic, metrics, logger, tombstones: writer } = options;
  const [notes] = await Promise.all([patiently(() => progress.read()), patiently(() => check.hasEpoch())]);
  const noted = new Map(
    partitions.flatMap(({ partition }) => {
      const note = notes.get(partition);
      return note === undefined ? [] : [[partition, note.offset] as const];
    }),
  );
  const anchors = await patiently(() => progress.anchorsBelow(noted));
  // After a failure all that follows begins again, because a note may no longer be current.
  const now = Date.now();
  const ends = await check.reaches(noted, signal);
  await check.hasSame(anchors, signal);
  const endOf = (partition: number): number => ends.get(partition) ?? 0;

  const reread: AssignedPartition[] = [];
  const beginnings = new Map<number, Omit<Beginning, 'tombstonesAtMs' | 'tombstones'>>();
  for (const one of partitions) {
    const { partition } = one;
    const note = notes.get(partition);
    // Kafka may have deleted tombstones behind the note: by compaction, or with all records of that time.
    const isCurrent =
      note !== undefined &&
      now - note.watermark <= options.staleAfterMs &&
      (writer === null || note.offset >= one.beginningOffset);
    if (!isCurrent) reread.push(one);
    beginnings.set(partition, {
      offset: isCurrent ? Math.max(note.offset, one.beginningOffset) : one.beginningOffset,
      watermark: isCurrent ? note.watermark : now,
      knownEnd: endOf(partition),
      noted: isCurrent ? note.offset : null,
      isReread: !isCurrent,
    });
    if (!isCurrent && one.beginningOffset < endOf(partition)) {
      const reason = note === undefined ? 'unknown' : 'outdated';
      metrics.sinkRereads.inc({ reason });
      logger.info(
        { topic, partition, reason, end: endOf(partition) },
        'the sink reads the partition from its beginning',
      );
    }
  }
  const at = (tombstonesAtMs: number, stored: ReadonlyMap<number, StoredTombstones>) =>
    new Map(
      [...beginnings].map(([partition, beginning]) => {
        const tombstones = stored.get(partition) ?? NONE_STORED;
        return [partition, { ...beginning, tombstonesAtMs, tombstones }] as const;
      }),
    );
  if (writer === null) return at(now, new Map());
  const live = reread.length === 0 ? null : await liveOf(options, reread, ends);
  const ranges = new Map(
    partitions.flatMap(({ partition, endOffset }) => {
      const { offset = 0, knownEnd = 0 } = beginnings.get(partition) ?? {};
      return offset < knownEnd ? [[partition, { offset, keepBelow: Math.min(knownEnd, endOffset) }] as const] : [];
    }),
  );
  const tombstonesAtMs = Date.now();
  const stored = await storeTombstones({ ...options, writer }, ranges, live, signal);
  await sweep({ ...options, writer }, live?.tombstones(ends, now) ?? [], signal);
  return at(tombstonesAtMs, stored);
}

async function sweep(
  { metrics, logger, writer }: RecoveryOptions & { readonly writer: Pick<Writer, 'insert'> },
  swept: readonly StoreRow[],
  signal: AbortSignal,
): Promise<void> {
  for (let at = 0; at < swept.length; at += TOMBSTONES_A_BATCH) {
    await writer.insert(swept.slice(at, at + TOMBSTONES_A_BATCH), signal);
  }
  if (swept.length === 0) return;
  metrics.sinkSweptRows.inc(swept.length);
  logger.info({ rows: swept.length }, 'the sink removed conversations from the table that ended while it did not read');
}

/** Where the reading for tombstones begins, and below which offset its records may be kept. */
interface ReadRange {
  readonly offset: number;
  readonly keepBelow: number;
}

/** A partition's part of the reading. */
class RangeReading {
  readonly kept: LogRecord[] = [];
  below = 0;
  anchors: readonly Anchor[] = [];
  /** The first record that is not kept. */
  #missed: number | null = null;

  constructor(private readonly keepBelow: number) {}

  /** Answers whether it keeps the record. */
  add(record: LogRecord, isRoom: boolean): boolean {
    this.below = record.offset + 1;
    if (this.#missed === null && isRoom && record.offset < this.keepBelow) {
      this.kept.push(record);
      return true;
    }
    this.#missed ??= record.offset;
    return false;
  }

  stored(): StoredTombstones {
    const { below, anchors, kept } = this;
    return { below, anchors, kept, keptTo: kept.length === 0 ? null : (this.#missed ?? below) };
  }
}

/** Reads the ranges. Returns for each partition what it stored. */
async function storeTombstones(
  { log, topic, writer, keep }: RecoveryOptions & { readonly writer: Pick<Writer, 'insert'> },
  ranges: ReadonlyMap<number, ReadRange>,
  live: LiveKeys | null,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, StoredTombstones>> {
  const readings = new Map([...ranges].map(([partition, { keepBelow }]) => [partition, new RangeReading(keepBelow)]));
  if (ranges.size === 0) return new Map();
  const sought = live !== null && live.size() > 0 ? live : null;
  const room = { ...keep };
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
    from: new Map([...ranges].map(([partition, { offset }]) => [partition, offset])),
    follow: false,
    onRecord: (record) => {
      const { key, value, partition, offset, timestamp } = record;
      const known = readings.get(partition);
      if (known === undefined) return;
      if (known.add(record, room.rows > 0 && room.bytes > 0)) {
        room.rows -= 1;
        room.bytes -= (key?.length ?? 0) + (value?.length ?? 0);
      }
      if (key === null || (value !== null && sought === null)) return;
      const conversationId = key.toString();
      sought?.seen(conversationId, partition);
      if (value !== null) return;
      waiting.push({ kind: 'tombstone', conversationId, timestamp, partition, offset });
      known.anchors = [...known.anchors, { conversationId, partition, offset, enteredMs: null }].slice(
        -ANCHORS_A_PARTITION,
      );
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
  return new Map([...readings].map(([partition, known]) => [partition, known.stored()]));
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
