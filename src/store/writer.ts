import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { OperatorError } from '../common/errors';
import type { Metrics } from '../ops/metrics';
import { identifier, type Store } from './client';
import { INSERT_COLUMNS, encodeRows, type EncodedRows, type StoreRow } from './encode';
import { codeOf, describeStoreError, isDataError, reasonOf } from './errors';

/** A row, by the record that it comes from. */
export interface RecordRow {
  readonly partition: number;
  readonly offset: number;
}

export interface TableWriterOptions<R extends RecordRow> {
  readonly store: Store;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly table: string;
  /** In the order in which `encode` writes them. */
  readonly columns: readonly string[];
  readonly encode: (rows: readonly R[]) => EncodedRows;
  /** A row that ClickHouse refuses whatever is tried. The insert goes on when this resolves. */
  onRejected(row: R, error: unknown): Promise<void>;
  /** Between attempts: from `firstMs`, doubled up to `maxMs`. Default 200 and 15,000. */
  readonly backOff?: { readonly firstMs: number; readonly maxMs: number };
}

export interface WriterOptions extends Omit<TableWriterOptions<StoreRow>, 'table' | 'columns' | 'encode'> {
  /** Of the state topic, see `versionOf`. Default 0. */
  readonly epoch?: number;
}

export interface WriterState {
  readonly available: boolean;
  /** Why it is not, in ClickHouse's words. */
  readonly error: string | null;
  /** Since when, epoch ms. */
  readonly since: number;
}

export interface Writer<R extends RecordRow = StoreRow> {
  /**
   * Resolves when every row is in ClickHouse or was given to `onRejected`. While ClickHouse is away it keeps trying;
   * it rejects only when `onRejected` does, with the signal's reason, or with an OperatorError after `notAfterMs`.
   * Rows may be sent again: versions make it exact.
   * @param notAfterMs epoch ms; nothing is sent later, because the tombstone of a row may be cleaned up then
   */
  insert(rows: readonly R[], signal: AbortSignal, notAfterMs?: number): Promise<void>;
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

const BACK_OFF = { firstMs: 200, maxMs: 15_000 };

/** Of the history, which feeds the state. */
export function createWriter({ epoch = 0, ...options }: WriterOptions): Writer {
  return createTableWriter<StoreRow>({
    ...options,
    table: 'queue_conversation_history',
    columns: INSERT_COLUMNS,
    encode: (rows) => encodeRows(rows, epoch),
  });
}

export function createTableWriter<R extends RecordRow>(options: TableWriterOptions<R>): Writer<R> {
  const { store, metrics, logger, table, columns, encode, onRejected, backOff = BACK_OFF } = options;
  const statement =
    `INSERT INTO ${identifier(store.database)}.${table} (${columns.join(', ')}) ` +
    `SETTINGS ${SETTINGS} FORMAT JSONCompactEachRow`;
  let state: WriterState = { available: true, error: null, since: Date.now() };

  const send = async ({ bytes, ends }: EncodedRows): Promise<void> => {
    const started = process.hrtime.bigint();
    const { stream } = await store.client.exec({
      query: statement,
      values: Readable.from([bytes], { objectMode: false }),
    });
    // The answer is empty, but the connection is free for the next statement only when it was read to its end.
    await finished(stream.resume());
    metrics.sinkInsertDuration.observe(Number(process.hrtime.bigint() - started) / 1e9);
    metrics.sinkRows.inc({ table }, ends.length);
    metrics.sinkLastSuccess.set(Date.now() / 1000);
  };

  const available = (): void => {
    if (state.available) return;
    logger.info({ downMs: Date.now() - state.since }, 'ClickHouse takes rows again');
    state = { available: true, error: null, since: Date.now() };
  };

  /** Answers the error of the data, null when all is stored. */
  const sendUntilAnswered = async (encoded: EncodedRows, limits: Limits): Promise<unknown> => {
    const { signal, notAfterMs } = limits;
    for (let delayMs = backOff.firstMs; ; delayMs = Math.min(2 * delayMs, backOff.maxMs)) {
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
        const said = describeStoreError(error);
        metrics.sinkRetries.inc({ reason: reasonOf(error) });
        if (state.available)
          logger.warn({ error: said, rows: encoded.ends.length }, 'ClickHouse took no rows; trying again');
        state = { available: false, error: said, since: state.available ? Date.now() : state.since };
      }
      // Jitter: several sinks do not come back at the same moment.
      await sleep(delayMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  };

  const insert = async (rows: readonly R[], encoded: EncodedRows, limits: Limits): Promise<void> => {
    const error = await sendUntilAnswered(encoded, limits);
    if (error === null) return;
    if (rows.length > 1) {
      const middle = rows.length >> 1;
      await insert(rows.slice(0, middle), part(encoded, 0, middle), limits);
      await insert(rows.slice(middle), part(encoded, middle, rows.length), limits);
      return;
    }
    // Once more: half a request, as a proxy may pass it on, looks like wrong data too.
    if ((await sendUntilAnswered(encoded, limits)) === null) return;
    for (const row of rows) {
      const { partition, offset } = row;
      logger.error({ table, partition, offset, code: codeOf(error) }, 'ClickHouse refuses a row');
      await onRejected(row, error);
    }
  };

  return {
    insert: async (rows, signal, notAfterMs = Infinity) => {
      if (rows.length === 0) return;
      await insert(rows, encode(rows), { signal, notAfterMs });
    },
    state: () => state,
  };
}

interface Limits {
  readonly signal: AbortSignal;
  readonly notAfterMs: number;
}

function tooLate(error: string | null): OperatorError {
  return new OperatorError(
    'Rows could not be stored for so long that the clean-up may have removed the tombstones that hide them ' +
      `(${error ?? 'this process was paused'}). Start again: they are read anew, behind their tombstones. ` +
      'SINK_CLEANUP_GRACE says how long that may take; half of it counts.',
  );
}

function part({ bytes, ends }: EncodedRows, from: number, to: number): EncodedRows {
  const start = from === 0 ? 0 : (ends[from - 1] ?? 0);
  return { bytes: bytes.subarray(start, ends[to - 1]), ends: ends.slice(from, to).map((end) => end - start) };
}
