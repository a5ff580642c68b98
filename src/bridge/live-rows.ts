import { createHash } from 'node:crypto';
import { type QueueConversation, STATE_COLUMNS } from '../conversation';
import { createDeferred, followTable, type Log, type UnreadableRecord, type ValueReader } from '../log';
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
  /** It is again what it had been before. */
  readonly isBack: boolean;
}

/** A row that has become again what it was before. */
export interface RowBack extends KnownRow {
  /** What it was in between. */
  readonly before: QueueConversation;
}

export interface LiveRowsOptions {
  readonly log: Pick<Log, 'read' | 'topicId' | 'tombstoneRetentionMs'>;
  readonly topic: string;
  readonly reader: ValueReader<QueueConversation>;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Not told of what was in the topic at the start. */
  readonly onBack?: (back: RowBack) => void;
  /** Between two attempts to read. Default 5,000. */
  readonly retryMs?: number;
}

const RETRY_MS = 5_000;
/** Between two questions whether the topic is still the same one: what a reader of it compares is minutes old. */
const CHECK_MS = 5_000;
/** So many unreadable records are named; all are counted. */
const MOST_NAMED = 10;
/** Of each conversation so many earlier versions are known. */
const VERSIONS = 8;

interface Entry extends KnownRow {
  /** Of the row; null: nobody has compared it yet. */
  readonly digest: number | null;
  /** Digests of earlier versions, the latest last. */
  readonly versions: readonly number[];
}

/**
 * Reads the table back for as long as it takes. A record that cannot be read is counted, named and left out; a reading
 * that ends is begun again: nothing here ends its owner, which needs the table only to compare.
 */
export function followLiveRows(options: LiveRowsOptions): LiveRows {
  const { log, topic, reader, metrics, logger, onBack, retryMs = RETRY_MS } = options;
  const table = new Map<string, Entry>();
  const caughtUp = createDeferred<undefined>();
  const onUnreadable = createUnreadableReport(metrics, logger);
  /** Of the first reading: what the rows had been before, as far as the topic still says it. */
  const earlier = new Map<string, readonly number[]>();
  let isLive = false;

  const put = (id: string, row: QueueConversation): void => {
    const known = table.get(id);
    const next = known === undefined ? firstEntry(row, earlier.get(id)) : nextEntry(known, row);
    table.set(id, next);
    if (isLive && next.isBack && known !== undefined && next.versions !== known.versions)
      onBack?.({ ...next, before: known.row });
  };
  metrics.tableRead.set(0);
  const followed = followTable<QueueConversation>({
    ...{ log, topic, reader, logger, retryMs, checkMs: CHECK_MS },
    listener: {
      onRow: put,
      onEarlier: (id, row) => {
        if (!isLive) earlier.set(id, versionsWith(earlier.get(id) ?? [], digestOf(row)));
      },
      onDelete: (id) => void table.delete(id),
      onReset: () => table.clear(),
      onUnreadable,
      onReading: (problem) => {
        metrics.tableRead.set(problem === null ? 1 : 0);
        if (problem !== null) return;
        isLive = true;
        earlier.clear();
        caughtUp.resolve(undefined);
      },
    },
  });
  // What fails at first is tried again: `caughtUp` waits for it.
  followed.loaded.catch(() => undefined);

  return {
    rows: function* () {
      for (const { row } of table.values()) yield row;
    },
    entries: () => table.values(),
    entry: (conversationId) => table.get(conversationId) ?? null,
    caughtUp: caughtUp.promise,
    problem: () => followed.picture().problem,
    stop: followed.stop,
  };
}

function firstEntry(row: QueueConversation, versions: readonly number[] = []): Entry {
  const digest = versions.length === 0 ? null : digestOf(row);
  const isBack = digest !== null && digest !== versions.at(-1) && versions.includes(digest);
  return { row, readAt: Date.now(), isBack, digest, versions };
}

/** `versions` stays the same list where the row says what it said: a fold may write a row again. */
function nextEntry(known: Entry, row: QueueConversation): Entry {
  const readAt = Date.now();
  const digest = digestOf(row);
  const before = known.digest ?? digestOf(known.row);
  if (digest === before) return { ...known, row, readAt, digest };
  const versions = versionsWith(known.versions, before);
  return { row, readAt, digest, isBack: known.versions.includes(digest), versions };
}

function versionsWith(versions: readonly number[], digest: number): readonly number[] {
  return versions.at(-1) === digest ? versions : [...versions, digest].slice(-VERSIONS);
}

/** Counts unreadable records, and names the first of them. */
function createUnreadableReport(metrics: Metrics, logger: Logger): (record: UnreadableRecord) => void {
  let unreadable = 0;
  return (record) => {
    metrics.unreadableRows.inc({ reason: record.reason });
    unreadable += 1;
    if (unreadable > MOST_NAMED) return;
    const more = unreadable === MOST_NAMED ? '; it only counts further ones' : '';
    logger.warn({ ...record }, `the bridge cannot read a state record and leaves it out${more}`);
  };
}

const COMPARED = STATE_COLUMNS.filter((column) => column !== 'db_last_updated');

/** 48 bits of what a row says: enough to tell eight versions of one conversation apart. */
function digestOf(row: QueueConversation): number {
  const text = JSON.stringify(COMPARED.map((column) => row[column]));
  return createHash('sha1').update(text).digest().readUIntBE(0, 6);
}
