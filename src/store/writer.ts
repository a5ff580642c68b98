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
   * A row with nothing in it that ClickHouse could refuse, and that must not be given up: when it is refused, the way to
   * ClickHouse is broken. It is sent until it is taken.
   */
  readonly isSound: (row: R) => boolean;
}

export interface WriterOptions extends AttemptsOptions {
  /** Of the topic, see `versionOf`. Default 0. */
  readonly epoch?: number;
}

/** A row that ClickHouse refuses however often it is sent. */
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

/** Everything else of a conversation follows from it. */
export const HISTORY_TABLE = 'queue_conversation_history';
/**
 * Refusals one after the other, of a row that is sent alone, that make it a bad one: half a request that was cut on its
 * way looks like wrong data too, and a good row must not be given up for that. With the usual delays, 3 s.
 */
const REFUSALS = 5;

/** Of the history, which feeds the state. An end is never given up: its conversation would be live for ever. */
export function createWriter({ epoch = 0, ...options }: WriterOptions): Writer {
  return new TableWriter<StoreRow>({
    ...options,
    table: HISTORY_TABLE,
    columns: INSERT_COLUMNS,
    write: (row, lines) => writeRow(row, epoch, lines),
    isSound: ({ kind }) => kind === 'tombstone',
  });
}

/** Of an error in the answer, in characters: whatever answers may send anything. */
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

  /** Stores the rows, and answers those that are refused alone. */
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

  /** Returns the bad rows among the suspects. All others are then stored. */
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

  /** Returns the error of the data, or null if all rows are stored. */
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
    // A server that began to answer before an error occurred cannot change the status 200 any more.
    const answer = await textOf(stream);
    if (answer.trim() !== '') throw parseError(answer.slice(0, MOST_OF_ERROR));
    metrics.sinkInsertDuration.observe({}, Number(process.hrtime.bigint() - started) / 1e9);
    metrics.sinkRows.inc({ table }, ends.length);
    metrics.sinkLastSuccess.set(Date.now() / 1000);
  }
}
