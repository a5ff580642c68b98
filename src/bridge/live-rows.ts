import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../common';
import { type QueueConversation, STATE_COLUMNS } from '../conversation';
import { createDeferred, type Log, type LogRecord, type Reading, type ValueCodec } from '../log';
import type { Logger, Metrics } from '../ops';

/** The table as the compacted topic says it, kept up to date in memory. */
export interface LiveRows {
  rows(): Iterable<QueueConversation>;
  entries(): Iterable<KnownRow>;
  entry(conversationId: string): KnownRow | null;
  /** The topic has been read to its end once. */
  readonly caughtUp: Promise<void>;
  /** Null: it is read; else why it is not at the moment. What is known stays as it was. */
  problem(): string | null;
  stop(): Promise<void>;
}

export interface KnownRow {
  readonly row: QueueConversation;
  /** When this process read it, by its own clock, epoch ms. */
  readonly readAt: number;
}

/** A row that has become again what it was before. */
export interface RowBack extends KnownRow {
  /** What it was in between. */
  readonly before: QueueConversation;
}

export interface LiveRowsOptions {
  readonly log: Pick<Log, 'read'>;
  readonly topic: string;
  readonly codec: () => Promise<ValueCodec<QueueConversation>>;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Not told of what was in the topic at the start. */
  readonly onBack?: (back: RowBack) => void;
  /** Between two attempts to read. Default 5,000. */
  readonly retryMs?: number;
}

const RETRY_MS = 5_000;
/** Records behind one whose schema the registry does not tell: beyond that the topic is read again later. */
const MOST_WAITING = 50_000;
/** Of unreadable records so many are named for each reading; all are counted. */
const MOST_NAMED = 10;
/** Of each conversation so many earlier versions are known. */
const VERSIONS = 8;

type Table = Map<string, Entry>;
interface Entry extends KnownRow {
  /** Digests of earlier versions, the latest last. */
  readonly versions: readonly number[];
}

/**
 * Reads the table back for as long as it takes. A record that cannot be read is counted, named and left out; a reading
 * that ends is begun anew: nothing here ends its owner, which needs the table only to compare.
 */
export function followLiveRows(options: LiveRowsOptions): LiveRows {
  const { log, topic, metrics, logger, retryMs = RETRY_MS } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const isStopped = (): boolean => signal.aborted;
  const caughtUp = createDeferred<undefined>();
  let table: Table = new Map();
  let codec: ValueCodec<QueueConversation> | null = null;
  let reading: Reading | null = null;
  let problem: string | null = 'not read yet';

  const tell = (next: string | null): void => {
    problem = next;
    metrics.tableRead.set(next === null ? 1 : 0);
  };

  /** Resolves, or rejects with why, when the reading has ended. */
  const readOnce = async (rows: ValueCodec<QueueConversation>): Promise<void> => {
    const next: Table = new Map();
    const state = { isCaughtUp: false };
    const take = createTaker({ ...options, rows, table: next, isLive: () => state.isCaughtUp });
    const inOrder = createOrder(rows, take);
    const overflow = createDeferred<undefined>();
    const onRecord = (record: LogRecord): void => {
      if (inOrder.add(record) > MOST_WAITING) overflow.reject(new Error('the registry does not tell a schema'));
    };
    reading = await log.read({ topics: [topic], follow: true, onRecord });
    if (isStopped()) return;
    try {
      await Promise.race([reading.caughtUp, reading.done, overflow.promise]);
      await Promise.race([inOrder.done(), overflow.promise]);
      if (isStopped()) return;
      state.isCaughtUp = true;
      table = next;
      tell(null);
      caughtUp.resolve(undefined);
      await Promise.race([reading.done, overflow.promise]);
    } finally {
      await reading.stop();
    }
    if (!isStopped()) throw new Error('the reading ended');
  };

  const run = async (): Promise<void> => {
    while (!isStopped()) {
      try {
        codec ??= await options.codec();
        await readOnce(codec);
      } catch (error) {
        if (isStopped()) return;
        tell(messageOf(error));
        logger.warn(
          { topic, reason: messageOf(error) },
          'the table is not read back: reconciliation works with what was known; trying again',
        );
      }
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
    }
  };
  tell(problem);
  void run();

  return {
    rows: function* () {
      for (const { row } of table.values()) yield row;
    },
    entries: () => table.values(),
    entry: (conversationId) => table.get(conversationId) ?? null,
    caughtUp: caughtUp.promise,
    problem: () => problem,
    stop: async () => {
      stopping.abort();
      await reading?.stop();
    },
  };
}

/** Records one after the other, behind those whose schema is being asked for. */
function createOrder(rows: ValueCodec<QueueConversation>, take: (record: LogRecord) => void) {
  let tail: Promise<void> | null = null;
  let waiting = 0;
  return {
    /** @returns how many wait */
    add(record: LogRecord): number {
      const preparing = rows.prepare([record.value]);
      if (preparing === null && tail === null) {
        take(record);
        return 0;
      }
      waiting += 1;
      const mine: Promise<void> = Promise.all([tail, preparing]).then(() => {
        waiting -= 1;
        take(record);
        if (tail === mine) tail = null;
      });
      tail = mine;
      return waiting;
    },
    done: async (): Promise<void> => {
      while (tail !== null) await tail;
    },
  };
}

interface TakerOptions extends LiveRowsOptions {
  readonly rows: ValueCodec<QueueConversation>;
  readonly table: Table;
  readonly isLive: () => boolean;
}

/** One record into the table. Does not throw. */
function createTaker({ rows, table, isLive, metrics, logger, onBack }: TakerOptions): (record: LogRecord) => void {
  let unreadable = 0;
  const leaveOut = (
    { topic, partition, offset }: LogRecord,
    reason: 'no-key' | 'not-avro' | 'unknown-schema',
  ): void => {
    metrics.unreadableRows.inc({ reason });
    unreadable += 1;
    if (unreadable > MOST_NAMED) return;
    const more = unreadable === MOST_NAMED ? '; further ones are only counted' : '';
    logger.warn({ topic, partition, offset, reason }, `a state record cannot be read and is left out${more}`);
  };

  return (record) => {
    if (record.key === null) {
      leaveOut(record, 'no-key');
      return;
    }
    const id = record.key.toString();
    if (record.value === null) {
      table.delete(id);
      return;
    }
    const decoded = rows.decode(record.value);
    if (!decoded.ok) {
      leaveOut(record, decoded.reason);
      return;
    }
    const row = decoded.value;
    const known = table.get(id);
    const readAt = Date.now();
    if (!isLive() || known === undefined) {
      table.set(id, { row, readAt, versions: [] });
      return;
    }
    const isBack = known.versions.includes(digestOf(row));
    table.set(id, { row, readAt, versions: [...known.versions, digestOf(known.row)].slice(-VERSIONS) });
    if (isBack) onBack?.({ row, readAt, before: known.row });
  };
}

const COMPARED = STATE_COLUMNS.filter((column) => column !== 'db_last_updated');

/** 48 bits of what a row says: enough to tell eight versions of one conversation apart. */
function digestOf(row: QueueConversation): number {
  const text = JSON.stringify(COMPARED.map((column) => row[column]));
  return createHash('sha1').update(text).digest().readUIntBE(0, 6);
}
