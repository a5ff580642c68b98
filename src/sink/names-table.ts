import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Name, nameKey, readNameKey } from '../common';
import { type Log, type LogRecord, partitionOf } from '../log';
import type { Metrics } from '../ops';
import {
  claimEpoch,
  codeOf,
  describeStoreError,
  identifier,
  offsetOf,
  type Store,
  TableWriter,
  type TableWriterOptions,
  text,
  versionOf,
  type Writer,
} from '../store';

/** The content of a record of the names topic. */
export type DecodedName =
  { readonly kind: 'name'; readonly name: Name } | { readonly kind: 'invalid'; readonly message: string };

export interface NamesCodec {
  /** Before `decode` of these values: null, or resolves when their schemas are known. */
  prepare(values: Iterable<Buffer | null>): Promise<void> | null;
  decode(value: Buffer): DecodedName;
}

export interface NamesOptions {
  readonly store: Store;
  readonly log: Pick<Log, 'read' | 'endOffsets' | 'topicId'>;
  readonly topic: string;
  readonly codec: () => Promise<NamesCodec>;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly backOff?: TableWriterOptions<NameRow>['backOff'];
  /** Between two attempts to begin. Default 30,000. */
  readonly retryMs?: number;
}

export interface RunningNames {
  /**
   * Resolves when the table has everything that the topic had at the start, or after the first attempt failed (others
   * follow).
   */
  readonly tried: Promise<void>;
  stop(): Promise<void>;
}

/** A row of the table `names`. `goneSince` in epoch ms. */
type Place = Pick<LogRecord, 'partition' | 'offset'>;

interface NameRow extends Name, Place {
  readonly deleted: 0 | 1;
}

const COLUMNS = ['kind', 'id', 'name', 'gone_since', 'version', 'deleted'];
const RETRY_MS = 30_000;
const STOP_WITHIN_MS = 3_000;

/**
 * Keeps the table `names` equal to the names topic. The topic is small, so each sink reads all of it, without a group.
 * Several sinks write the same rows with the same versions. An error here never ends a sink: without names the tables
 * show ids.
 */
export function followNames(options: NamesOptions): RunningNames {
  const { logger, retryMs = RETRY_MS } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const isOver = (): boolean => signal.aborted;
  let isTried: () => void = () => undefined;
  const tried = new Promise<void>((resolve) => (isTried = resolve));

  const run = async (): Promise<void> => {
    while (!isOver()) {
      try {
        await followTopic(options, signal, isTried);
      } catch (error) {
        if (isOver()) return;
        isTried();
        logger.warn({ error: describeStoreError(error) }, 'names do not reach ClickHouse: the sink tries again');
        await sleep(retryMs, undefined, { signal }).catch(() => undefined);
      }
    }
  };
  const running = run();

  return {
    tried,
    async stop() {
      stopping.abort();
      await Promise.race([running, sleep(STOP_WITHIN_MS, undefined, { ref: false })]);
    },
  };
}

/** Returns when the topic was recreated, because all its records are new then. */
async function followTopic(options: NamesOptions, signal: AbortSignal, onCaughtUp: () => void): Promise<void> {
  const { store, log, topic } = options;
  const codec = await options.codec();
  const topicId = await log.topicId(topic);
  const epoch = await claimEpoch(store, { topic, id: topicId });
  const writer = writerOf(options, epoch);
  const ends = await log.endOffsets(topic);
  const inbox = createInbox(signal);
  const reading = await log.read({ topics: [topic], follow: true, onRecord: inbox.put });
  const stop = () => void reading.stop();
  signal.addEventListener('abort', stop, { once: true });
  const ended = reading.done.then(() => Promise.reject(new Error('Kafka ended the reading of the names topic')));
  ended.catch(() => undefined); // raced below
  try {
    await reading.caughtUp;
    signal.throwIfAborted();
    const rows = await rowsOf(options, codec, inbox.take());
    await put(options, writer, changesOf(rows, await readTable(store), { ...options, ends, epoch }), signal);
    onCaughtUp();
    for (;;) {
      const records = await Promise.race([inbox.next(), ended]);
      if ((await log.topicId(topic)) !== topicId) return;
      await put(options, writer, [...(await rowsOf(options, codec, records)).values()], signal);
    }
  } finally {
    signal.removeEventListener('abort', stop);
    await reading.stop();
  }
}

/**
 * The rows that the table lacks, and the ends of names that the topic no longer has. Kafka may have compacted their
 * tombstones away.
 */
function changesOf(
  rows: ReadonlyMap<string, NameRow>,
  table: ReadonlyMap<string, string>,
  { ends, epoch }: Ends,
): readonly NameRow[] {
  const changed = [...rows].filter(([key, { deleted, offset }]) => {
    const version = table.get(key);
    return version === undefined ? deleted === 0 : version !== versionOf(epoch, offset);
  });
  const left = [...table].flatMap(([key, version]): readonly NameRow[] => {
    const parts = rows.has(key) ? null : readNameKey(key);
    const partition = partitionOf(key, ends.size);
    const end = ends.get(partition) ?? 0;
    // An empty topic says nothing yet. Rows behind the ends come from another sink.
    if (parts === null || end === 0 || (offsetOf(epoch, version) ?? -1) >= end) return [];
    return [forgotten(parts, { partition, offset: end - 1 })];
  });
  return [...changed.map(([, row]) => row), ...left];
}

interface Ends {
  /** The rows were read up to these offsets. */
  readonly ends: ReadonlyMap<number, number>;
  readonly epoch: number;
}

/** The newest record of each key. */
async function rowsOf(
  { topic, logger }: NamesOptions,
  { prepare, decode }: NamesCodec,
  records: readonly LogRecord[],
): Promise<ReadonlyMap<string, NameRow>> {
  await prepare(records.map(({ value }) => value));
  const rows = new Map<string, NameRow>();
  for (const { partition, offset, key: bytes, value } of records) {
    const key = bytes?.toString() ?? '';
    const parts = readNameKey(key);
    const decoded = value === null ? null : decode(value);
    if (parts === null || decoded?.kind === 'invalid') {
      const message = decoded?.kind === 'invalid' ? decoded.message : 'its key is not the key of a name';
      logger.error(
        { topic, partition, offset, reason: message },
        'the sink cannot read a record of the names topic and leaves it out',
      );
    } else {
      const record = { partition, offset };
      rows.set(key, decoded === null ? forgotten(parts, record) : { ...decoded.name, ...parts, ...record, deleted: 0 });
    }
  }
  return rows;
}

const forgotten = (parts: Pick<Name, 'kind' | 'id'>, record: Place): NameRow => ({
  ...{ ...parts, ...record },
  ...{ name: '', goneSince: null, deleted: 1 },
});

/** The versions of the names that the table shows, by the keys of their records. */
async function readTable({ client, database }: Store): Promise<ReadonlyMap<string, string>> {
  const result = await client.query({
    query: `SELECT kind, id, toString(version) AS version FROM ${identifier(database)}.names FINAL`,
    format: 'JSONEachRow',
  });
  const rows = await result.json<{ kind: string; id: string; version: string }>();
  return new Map(rows.map((row) => [nameKey(row), row.version]));
}

function writerOf({ store, metrics, logger, backOff }: NamesOptions, epoch: number): Writer<NameRow> {
  return new TableWriter<NameRow>({
    ...{ store, metrics, logger, table: 'names', columns: COLUMNS },
    write: ({ kind, id, name, goneSince, offset, deleted }, lines) =>
      lines.text(`[${text(kind)},${text(id)},${text(name)},${goneSince},"${versionOf(epoch, offset)}",${deleted}]\n`),
    isSound: ({ deleted }) => deleted === 1,
    ...(backOff === undefined ? {} : { backOff }),
  });
}

async function put(
  { store, logger }: NamesOptions,
  writer: Writer<NameRow>,
  rows: readonly NameRow[],
  signal: AbortSignal,
): Promise<void> {
  for (const { index, error } of await writer.insert(rows, signal)) {
    logger.error(
      { offset: rows[index]?.offset, code: codeOf(error) },
      'ClickHouse refuses a name, so tables show its id',
    );
  }
  if (!rows.some(({ deleted }) => deleted === 1)) return;
  // A forgotten name must not stay on disk until ClickHouse happens to merge its part.
  await store.client
    .command({ query: `OPTIMIZE TABLE ${identifier(store.database)}.names FINAL` })
    .catch((error: unknown) =>
      logger.warn({ error: describeStoreError(error) }, 'forgotten names stay on disk until ClickHouse merges them'),
    );
}

interface Inbox {
  put(record: LogRecord): void;
  take(): readonly LogRecord[];
  /** Resolves with all records as soon as there is one. @throws the signal's reason */
  next(): Promise<readonly LogRecord[]>;
}

function createInbox(signal: AbortSignal): Inbox {
  let records: LogRecord[] = [];
  let wake: () => void = () => undefined;
  signal.addEventListener('abort', () => wake(), { once: true });
  const take = (): readonly LogRecord[] => {
    const taken = records;
    records = [];
    return taken;
  };
  return {
    put(record) {
      records.push(record);
      wake();
    },
    take,
    async next() {
      while (records.length === 0) {
        signal.throwIfAborted();
        await new Promise<void>((resolve) => (wake = resolve));
      }
      return take();
    },
  };
}
