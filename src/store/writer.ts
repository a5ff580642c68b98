import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { parseError } from '@clickhouse/client';
import type { SinkTable } from '../ops';
import { Attempts, type AttemptLimits, type AttemptsOptions, type WriterState } from './attempts';
import { identifier } from './client';
import { createEncoder, type EncodedRows, INSERT_COLUMNS, type Lines, part, type StoreRow, writeRow } from './encode';
import { codeOf, reasonOf } from './errors';

export interface TableWriterOptions<R> extends AttemptsOptions {
  readonly table: SinkTable;
  /** In the order in which `write` writes them. */
  readonly columns: readonly string[];
  /** Writes a row as a line of JSONCompactEachRow. */
  readonly write: (row: R, lines: Lines) => void;
  /**
   * Whether the row contains nothing that ClickHouse could refuse, and must not be lost. If ClickHouse refuses it all
   * the same, the way to ClickHouse is broken, and the writer sends the row until ClickHouse takes it.
   */
  readonly isSound: (row: R) => boolean;
}

export interface WriterOptions extends AttemptsOptions {
  /** The epoch of the topic, see `versionOf`. Default 0. */
  readonly epoch?: number;
}

/** A row that ClickHouse refuses each time. */
export interface Refusal {
  /** The row's place in the insert. */
  readonly index: number;
  readonly error: unknown;
}

export interface Writer<R = StoreRow> {
  /**
   * Resolves when every row is in ClickHouse, except for the refused rows, which it returns. While ClickHouse is away
   * the writer keeps trying. It rejects only with the signal's reason, or with an OperatorError after `notAfterMs`.
   * The writer may send rows again: versions make that exact. It takes the rows one by one and keeps none, so an object
   * that is made for a row need not live as long as the insert.
   * @param notAfterMs epoch ms; the writer sends nothing later, because a clean-up may then remove the tombstone of a
   * row
   */
  insert(rows: Iterable<R>, signal: AbortSignal, notAfterMs?: number): Promise<readonly Refusal[]>;
  state(): WriterState;
}

/**
 * What one INSERT depends on:
 * - async_insert: on by default since 26.2; the server then answers before the data is there, or waits for other
 * inserts;
 * - insert_deduplicate: a replicated table would drop a repeated block but may skip the view; versions do it better;
 * - max_partitions_per_insert_block: an old recording may spread over more than 100 months;
 * - input_format_null_as_default: a null in a column without nulls is an error, not 1970;
 * - materialized_views_ignore_errors: the state must not miss what the history has.
 */
const SETTINGS = [
  'async_insert = 0',
  'insert_deduplicate = 0',
  'max_partitions_per_insert_block = 0',
  'input_format_null_as_default = 0',
  'materialized_views_ignore_errors = 0',
].join(', ');

/** The materialized views fill all other tables of conversations from it. */
export const HISTORY_TABLE = 'queue_conversation_history';
/**
 * A row is bad if ClickHouse refuses it alone so many times in a row. One refusal is not enough, because half a request
 * that was cut on its way looks like wrong data too. With the usual delays this takes 3 s.
 */
const REFUSALS = 5;

/**
 * Writes the history, which feeds the state. It never gives an end up, because the conversation would then stay live
 * forever.
 */
export function createWriter({ epoch = 0, ...options }: WriterOptions): Writer {
  return new TableWriter<StoreRow>({
    ...options,
    table: HISTORY_TABLE,
    columns: INSERT_COLUMNS,
    write: (row, lines) => writeRow(row, epoch, lines),
    isSound: ({ kind }) => kind === 'tombstone',
  });
}

/** How much of an answer counts as its error, in characters: a proxy may answer anything. */
const MOST_OF_ERROR = 2_000;

interface Suspect extends Refusal {
  readonly encoded: EncodedRows;
}

/** Finds the refused rows by bisecting. */
export class TableWriter<R> implements Writer<R> {
  readonly #options: TableWriterOptions<R>;
  readonly #statement: string;
  readonly #encode = createEncoder<R>();
  readonly attempts: Attempts;

  constructor(options: TableWriterOptions<R>) {
    const { store, table, columns } = options;
    this.#options = options;
    this.attempts = new Attempts(options);
    this.#statement =
      `INSERT INTO ${identifier(store.database)}.${table} (${columns.join(', ')}) ` +
      `SETTINGS ${SETTINGS} FORMAT JSONCompactEachRow`;
  }

  async insert(rows: Iterable<R>, signal: AbortSignal, notAfterMs = Infinity): Promise<readonly Refusal[]> {
    const { isSound, write } = this.#options;
    const sound: boolean[] = [];
    const encoded = this.#encode(rows, (row, lines) => {
      sound.push(isSound(row));
      write(row, lines);
    });
    if (sound.length === 0) return [];
    const limits = { signal, notAfterMs };
    return this.#badOnesOf(await this.#bisect(encoded, 0, limits), ({ index }) => sound[index] === true, limits);
  }

  state(): WriterState {
    return this.attempts.state();
  }

  /** Stores the rows, and returns those that ClickHouse refuses alone. */
  async #bisect(encoded: EncodedRows, first: number, limits: AttemptLimits): Promise<readonly Suspect[]> {
    const error = await this.#sendUntilAnswered(encoded, limits);
    if (error === null) return [];
    const count = encoded.ends.length;
    if (count === 1) return [{ index: first, error, encoded }];
    const middle = count >> 1;
    return [
      ...(await this.#bisect(part(encoded, 0, middle), first, limits)),
      ...(await this.#bisect(part(encoded, middle, count), first + middle, limits)),
    ];
  }

  /** Returns the bad rows among the suspects, and stores all others. */
  async #badOnesOf(
    suspects: readonly Suspect[],
    isSound: (suspect: Suspect) => boolean,
    limits: AttemptLimits,
  ): Promise<readonly Suspect[]> {
    const { logger, table } = this.#options;
    let left = suspects;
    let bad: readonly Suspect[] = [];
    let refusals = 0;
    for (const delayMs of this.attempts.delays()) {
      if (++refusals === REFUSALS) {
        bad = left.filter((suspect) => !isSound(suspect));
        left = left.filter(isSound);
        for (const { error } of left.slice(0, 1)) {
          const said = { code: codeOf(error), table, rows: left.length };
          logger.warn(said, 'ClickHouse refuses rows that are sound: the sink sends them again');
        }
      }
      if (left.length === 0) return bad;
      await this.attempts.pause(delayMs, limits.signal);
      left = await this.#sendAgain(left, limits);
    }
    return bad;
  }

  async #sendAgain(suspects: readonly Suspect[], limits: AttemptLimits): Promise<readonly Suspect[]> {
    const left: Suspect[] = [];
    for (const suspect of suspects) {
      const error = await this.#sendUntilAnswered(suspect.encoded, limits);
      if (error === null) continue;
      this.#options.metrics.sinkRetries.inc({ reason: reasonOf(error) });
      left.push({ ...suspect, error });
    }
    return left;
  }

  /** Returns the error of the data; null: all rows are stored. */
  #sendUntilAnswered(encoded: EncodedRows, limits: AttemptLimits): Promise<unknown> {
    return this.attempts.untilAnswered(() => this.#send(encoded), encoded.ends.length, limits);
  }

  async #send({ bytes, ends }: EncodedRows): Promise<void> {
    const { store, metrics, table } = this.#options;
    const started = process.hrtime.bigint();
    const { stream } = await store.client.exec({
      query: this.#statement,
      values: Readable.from([bytes], { objectMode: false }),
    });
    // A server that has begun its answer can no longer change the status 200 when an error occurs.
    const answer = await textOf(stream);
    if (answer.trim() !== '') throw parseError(answer.slice(0, MOST_OF_ERROR));
    metrics.sinkInsertDuration.observe({}, Number(process.hrtime.bigint() - started) / 1e9);
    metrics.sinkRows.inc({ table }, ends.length);
    metrics.sinkLastSuccess.set(Date.now() / 1000);
  }
}
