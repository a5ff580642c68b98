import { createHash } from 'node:crypto';
import { createDeferred } from '../common';
import { type QueueConversation, STATE_COLUMNS } from '../conversation';
import { followTable, type Log, type UnreadableRecord, type ValueReader } from '../log';
import type { Logger, Metrics } from '../ops';

/** The table of the compacted topic, kept up to date in memory. */
export interface LiveRows {
  rows(): Iterable<QueueConversation>;
  entries(): Iterable<KnownRow>;
  entry(conversationId: string): KnownRow | null;
  /** Resolves when the topic has been read to its end once. */
  readonly caughtUp: Promise<void>;
  /** Null: the topic is being read; else why not. The rows stay as they were. */
  problem(): string | null;
  stop(): Promise<void>;
}

export interface KnownRow {
  readonly row: QueueConversation;
  /** When this process read it, by its own clock, epoch ms. */
  readonly readAt: number;
  /** The row equals an earlier version of itself. */
  readonly isBack: boolean;
}

/** A row that equals an earlier version of itself again. */
export interface RowBack extends KnownRow {
  /** The version in between. */
  readonly before: QueueConversation;
}

export interface LiveRowsOptions {
  readonly log: Pick<Log, 'read' | 'topicId' | 'tombstoneRetentionMs'>;
  readonly topic: string;
  readonly reader: ValueReader<QueueConversation>;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Not called for records that were in the topic at the start. */
  readonly onBack?: (back: RowBack) => void;
  /** Between two attempts to read. Default 5,000. */
  readonly retryMs?: number;
}

const RETRY_MS = 5_000;
/** How often to check that the topic is still the same one: readers compare with rows that are minutes old. */
const CHECK_MS = 5_000;
/** The log names this many unreadable records; the metric counts all. */
const MOST_NAMED = 10;
/** How many earlier versions of each conversation are kept. */
const VERSIONS = 8;

interface Entry extends KnownRow {
  /** The row's digest; null: nobody has compared the row yet. */
  readonly digest: number | null;
  /** Digests of earlier versions, the latest last. */
  readonly versions: readonly number[];
}

/**
 * Keeps reading the table. A record that cannot be read is counted, logged and left out. A reading that ends begins
 * again. Nothing here ends the owner, which needs the table only to compare.
 */
export function followLiveRows(options: LiveRowsOptions): LiveRows {
  const { log, topic, reader, metrics, logger, onBack, retryMs = RETRY_MS } = options;
  const table = new Map<string, Entry>();
  const caughtUp = createDeferred<undefined>();
  const onUnreadable = createUnreadableReport(metrics, logger);
  /** For the first reading: earlier versions of the rows, as far as the topic still has them. */
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
  // A failure at the start leads to another attempt; `caughtUp` waits for it.
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

/** `versions` stays the same list if the row did not change: a fold may write a row again. */
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

/** Counts unreadable records, and logs the first of them. */
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

/** 48 bits of a row's digest: enough to tell eight versions of one conversation apart. */
function digestOf(row: QueueConversation): number {
  const text = JSON.stringify(COMPARED.map((column) => row[column]));
  return createHash('sha1').update(text).digest().readUIntBE(0, 6);
}
