import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { OperatorError } from '../common';
import type { Metrics, SinkTable } from '../ops';
import { explainStoreError, identifier, type Store } from './client';
import { INSERT_COLUMNS, encodeLines, encodeRow, part, type EncodedRows, type StoreRow } from './encode';
import { codeOf, isDataError, reasonOf } from './errors';

export interface TableWriterOptions<R> {
  readonly store: Store;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly table: SinkTable;
  /** In the order in which `lineOf` writes them. */
  readonly columns: readonly string[];
  /** A row as a line of JSONCompactEachRow. */
  readonly lineOf: (row: R) => string;
  /**
   * A row with nothing in it that ClickHouse could refuse, and that must not be given up: when it is refused, the way to
   * ClickHouse is broken. It is sent until it is taken.
   */
  readonly isSound: (row: R) => boolean;
  /** Between attempts: from `firstMs`, doubled up to `maxMs`. Default 200 and 15,000. */
  readonly backOff?: { readonly firstMs: number; readonly maxMs: number };
}

export interface WriterOptions extends Pick<TableWriterOptions<StoreRow>, 'store' | 'metrics' | 'logger' | 'backOff'> {
  /** Of the state topic, see `versionOf`. Default 0. */
  readonly epoch?: number;
}

export interface WriterState {
  readonly available: boolean;
  /** Why it is not, in ClickHouse's words; of a refused certificate also what to do. */
  readonly error: string | null;
  /** Since when, epoch ms. */
  readonly since: number;
}

/** A row that ClickHouse does not take, however often it is sent. */
export interface Refusal {
  /** Its place among the rows of the insert. */
  readonly index: number;
  readonly error: unknown;
}

export interface Writer<R = StoreRow> {
  /**
   * Resolves when every row is in ClickHouse, but for those that it answers. While ClickHouse is away it keeps trying;
   * it rejects only with the signal's reason, or with an OperatorError after `notAfterMs`.
   * Rows may be sent again: versions make it exact. They are taken one by one and not kept: what is made on the way need
   * not live as long as the insert.
   * @param notAfterMs epoch ms; nothing is sent later, because the tombstone of a row may be cleaned up then
   */
  insert(rows: Iterable<R>, signal: AbortSignal, notAfterMs?: number): Promise<readonly Refusal[]>;
  state(): WriterState;
}

/**
 * What one INSERT depends on:
 * - async_insert: on by default since 26.2, answers before the data is there or waits for others;
 * - insert_deduplicate: a replicated table would drop a retried block but may skip the view; versions do it better;
 * - max_partitions_per_insert_block: an old recording may spread over more than 100 months;
 * - input_format_null_as_default: a null where none may be is an error, not 1970;
 * - materialized_views_ignore_errors: the state must not miss what the history has.
 */
const SETTINGS = [
  'async_insert = 0',
  'insert_deduplicate = 0',
  'max_partitions_per_insert_block = 0',
  'input_format_null_as_default = 0',
  'materialized_views_ignore_errors = 0',
].join(', ');

/** Everything else follows from it. */
export const HISTORY_TABLE = 'queue_conversation_history';
const BACK_OFF = { firstMs: 200, maxMs: 15_000 };
/**
 * Refusals one after the other, of a row that is sent alone, that make it a bad one: half a request that was cut on its
 * way looks like wrong data too, and a good row must not be given up for that. With BACK_OFF, 3 s.
 */
const REFUSALS = 5;

/** Of the history, which feeds the state. An end is never given up: its conversation would be live for ever. */
export function createWriter({ epoch = 0, ...options }: WriterOptions): Writer {
  return createTableWriter<StoreRow>({
    ...options,
    table: HISTORY_TABLE,
    columns: INSERT_COLUMNS,
    lineOf: (row) => encodeRow(row, epoch),
    isSound: ({ kind }) => kind === 'tombstone',
  });
}

export function createTableWriter<R>(options: TableWriterOptions<R>): Writer<R> {
  const { store, metrics, logger, table, columns, lineOf, isSound, backOff = BACK_OFF } = options;
  const statement =
    `INSERT INTO ${identifier(store.database)}.${table} (${columns.join(', ')}) ` +
    `SETTINGS ${SETTINGS} FORMAT JSONCompactEachRow`;
  let state: WriterState = { available: true, error: null, since: Date.now() };
  /** The reason that was logged last of what goes on: a server that starts anew, say, may come back with another one. */
  let told: string | null = null;

  const send = async ({ bytes, ends }: EncodedRows): Promise<void> => {
    const started = process.hrtime.bigint();
    const { stream } = await store.client.exec({
      query: statement,
      values: Readable.from([bytes], { objectMode: false }),
    });
    // The answer is empty, but the connection is free for the next statement only when it was read to its end.
    await finished(stream.resume());
    metrics.sinkInsertDuration.observe({}, Number(process.hrtime.bigint() - started) / 1e9);
    metrics.sinkRows.inc({ table }, ends.length);
    metrics.sinkLastSuccess.set(Date.now() / 1000);
  };

  const available = (): void => {
    if (state.available) return;
    logger.info({ downMs: Date.now() - state.since }, 'ClickHouse takes rows again');
    state = { available: true, error: null, since: Date.now() };
    told = null;
  };

  /** Jitter: several sinks do not come back at the same moment. */
  const pause = async (delayMs: number, signal: AbortSignal): Promise<void> => {
    await sleep(delayMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => signal.throwIfAborted());
  };
  const longer = (delayMs: number): number => Math.min(2 * delayMs, backOff.maxMs);

  /** Answers the error of the data, null when all is stored. */
  const sendUntilAnswered = async (encoded: EncodedRows, { signal, notAfterMs }: Limits): Promise<unknown> => {
    for (let delayMs = backOff.firstMs; ; delayMs = longer(delayMs)) {
      signal.throwIfAborted();
      if (Date.now() > notAfterMs) throw tooLate(state.error);
      try {
        await send(encoded);
        available();
        return null;
      } catch (error) {
        if (isDataError(error)) {
          available();
          return error;
        }
        const said = await explainStoreError(store, error);
        const reason = reasonOf(error);
        metrics.sinkRetries.inc({ reason });
        if (reason !== told)
          logger.warn({ error: said, rows: encoded.ends.length }, 'ClickHouse took no rows; trying again');
        told = reason;
        state = { available: false, error: said, since: state.available ? Date.now() : state.since };
      }
      await pause(delayMs, signal);
    }
  };

  /** Stores the rows, and answers those that are refused alone. */
  const bisect = async (encoded: EncodedRows, first: number, limits: Limits): Promise<readonly Suspect[]> => {
    const error = await sendUntilAnswered(encoded, limits);
    if (error === null) return [];
    const count = encoded.ends.length;
    if (count === 1) return [{ index: first, error, encoded }];
    const middle = count >> 1;
    return [
      ...(await bisect(part(encoded, 0, middle), first, limits)),
      ...(await bisect(part(encoded, middle, count), first + middle, limits)),
    ];
  };

  const sendAgain = async (suspects: readonly Suspect[], limits: Limits): Promise<readonly Suspect[]> => {
    const left: Suspect[] = [];
    for (const suspect of suspects) {
      const error = await sendUntilAnswered(suspect.encoded, limits);
      if (error === null) continue;
      metrics.sinkRetries.inc({ reason: reasonOf(error) });
      left.push({ ...suspect, error });
    }
    return left;
  };

  /** Answers the bad ones among the suspects; all others are stored then. */
  const badOnesOf = async (
    suspects: readonly Suspect[],
    sound: (suspect: Suspect) => boolean,
    limits: Limits,
  ): Promise<readonly Suspect[]> => {
    let left = suspects;
    let bad: readonly Suspect[] = [];
    for (let refusals = 1, delayMs = backOff.firstMs; ; refusals++, delayMs = longer(delayMs)) {
      if (refusals === REFUSALS) {
        bad = left.filter((suspect) => !sound(suspect));
        left = left.filter(sound);
        for (const { error } of left.slice(0, 1)) {
          const said = { code: codeOf(error), table, rows: left.length };
          logger.warn(said, 'ClickHouse refuses what it never can; trying again');
        }
      }
      if (left.length === 0) return bad;
      await pause(delayMs, limits.signal);
      left = await sendAgain(left, limits);
    }
  };

  return {
    insert: async (rows, signal, notAfterMs = Infinity) => {
      const sound: boolean[] = [];
      const encoded = encodeLines(rows, (row) => {
        sound.push(isSound(row));
        return lineOf(row);
      });
      if (sound.length === 0) return [];
      const limits = { signal, notAfterMs };
      return badOnesOf(await bisect(encoded, 0, limits), ({ index }) => sound[index] === true, limits);
    },
    state: () => state,
  };
}

interface Limits {
  readonly signal: AbortSignal;
  readonly notAfterMs: number;
}

interface Suspect extends Refusal {
  readonly encoded: EncodedRows;
}

function tooLate(error: string | null): OperatorError {
  return new OperatorError(
    'Rows could not be stored for so long that the clean-up may have removed the tombstones that hide them ' +
      `(${error ?? 'this process was paused'}). Start again: they are read anew, behind their tombstones. ` +
      'SINK_CLEANUP_GRACE says how long that may take; half of it counts.',
  );
}
