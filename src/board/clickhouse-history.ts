import {
  type QueueConversation,
  type QueueVisit,
  STATE_COLUMNS,
  TIME_COLUMNS,
  VISIT_COLUMNS,
  VISIT_TIMES,
} from '../conversation';
import { identifier, type Store } from '../store';
import type { DayCounts, ServiceLevelRule } from './counts';
import type { DayLine, History, Interval, IntervalsRequest, SeriesPoint, SeriesRequest, Version } from './history';
import { Turns } from './turns';

/** A viewer's question is given up if it takes longer, because others wait behind it. Milliseconds. */
const MOST_MS = 20_000;
/**
 * A question of a viewer takes one to three statements. More statements at once would not be faster, and other users of
 * ClickHouse need it too.
 */
const AT_ONCE = 8;
/** With statements of 0.1 s the last of them waits about a second. */
const MOST_WAITING = 100;
const MOST_WAIT_MS = 5_000;
const LONGEST_TALK_MS = 86_400_000;
const SETTINGS = {
  output_format_json_quote_64bit_integers: 0,
  max_execution_time: MOST_MS / 1_000,
  // A viewer who plays the past leaves most questions before they are answered.
  cancel_http_readonly_queries_on_client_close: 1,
} as const;

const ms = (column: string): string => `toUnixTimestamp64Milli(${column})`;
/**
 * The columns under their own names, times as epoch ms. Use it around a subquery: WHERE would take the names for these
 * numbers.
 */
const inMs = (columns: readonly string[], times: ReadonlySet<string>): string =>
  columns.map((column) => (times.has(column) ? `${ms(column)} AS ${column}` : column)).join(', ');
/** For parameterized views, which take times as texts. */
const iso = (at: number): string => new Date(at).toISOString();

/** The past, from ClickHouse's tables and views. */
export function createHistory(store: Store): History {
  const turns = new Turns({ atOnce: AT_ONCE, waiting: MOST_WAITING, waitMs: MOST_WAIT_MS });
  return new ClickHouseHistory(store, turns, new AbortController().signal);
}

class ClickHouseHistory implements History {
  readonly #store: Store;
  readonly #database: string;
  /** Shared by all questions of the board. */
  readonly #turns: Turns;
  readonly #signal: AbortSignal;

  constructor(store: Store, turns: Turns, signal: AbortSignal) {
    this.#store = store;
    this.#database = identifier(store.database);
    this.#turns = turns;
    this.#signal = signal;
  }

  askedUntil(signal: AbortSignal): History {
    return new ClickHouseHistory(this.#store, this.#turns, signal);
  }

  async rowsAt(at: number, queueId: string | null): Promise<readonly QueueConversation[]> {
    const database = this.#database;
    // The view has only the 22 columns, so it selects the conversations, and the tables give the rest.
    const rows = await this.#ask<Omit<QueueConversation, 'waiting'> & { readonly waiting: boolean | number }>(
      `WITH ids AS (${this.#idsAt()})
       SELECT ${inMs(STATE_COLUMNS, TIME_COLUMNS)}
       FROM (
         SELECT * FROM (
           SELECT * FROM ${database}.queue_conversation_history
           WHERE db_last_updated <= fromUnixTimestamp64Milli({at:Int64}, 'UTC') AND conversation_id IN (ids)
           UNION ALL
           SELECT * FROM ${database}.queue_conversation_state
           WHERE db_last_updated <= fromUnixTimestamp64Milli({at:Int64}, 'UTC') AND conversation_id IN (ids)
         ) ORDER BY _version DESC LIMIT 1 BY conversation_id
       ) WHERE _deleted = 0`,
      { at, iso: iso(at), queue: queueId },
    );
    return rows.map((row) => ({ ...row, waiting: Boolean(row.waiting) }));
  }

  /** The ids of the conversations in the table at `iso`, of one queue or of all. */
  #idsAt(): string {
    return `SELECT conversation_id FROM ${this.#database}.queue_conversation_at(at = {iso:String})
            WHERE {queue:Nullable(String)} IS NULL OR queue_id = {queue:Nullable(String)}`;
  }

  /**
   * Counts as `dayOf` does, but in ClickHouse, because a day can have a million visits. The table has only the last
   * version of each visit, but its times show the state before.
   */
  async dayAt(from: number, at: number, rule: ServiceLevelRule): Promise<readonly DayLine[]> {
    const rows = await this.#ask<{ readonly queueId: string; readonly media: string | null } & DayCounts>(
      `SELECT queue_id AS queueId, media_type AS media, countIf(counts) AS offered,
              countIf(counts AND has_ended AND outcome = 'answered') AS answered,
              countIf(counts AND has_ended AND outcome = 'answered' AND wait <= {target:Int64}) AS answeredInTarget,
              countIf(counts AND has_ended AND outcome = 'abandoned') AS abandoned,
              countIf(counts AND has_ended AND outcome = 'abandoned' AND wait < {short:Int64}) AS shortAbandoned
       FROM (
         SELECT queue_id, media_type, outcome, NOT consult AS counts,
                ifNull(${ms('left_time')} <= {at:Int64}, 1) AS has_ended,
                ifNull(greatest(0, ${ms('left_time')} - ${ms('entered_time')}), 0) AS wait
         FROM ${this.#database}.queue_visit
         WHERE entered_time >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND entered_time <= fromUnixTimestamp64Milli({at:Int64}, 'UTC')
       ) GROUP BY queue_id, media_type`,
      { from, at, target: rule.targetMs, short: rule.shortAbandonMs },
    );
    return rows.map(({ queueId, media, ...day }) => ({ queueId, media, day }));
  }

  async answersAt(queueId: string, at: number): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#ask<{ readonly id: string; readonly since: number }>(
      `SELECT conversation_id AS id, ${ms('max(answered_time)')} AS since
       FROM ${this.#database}.queue_visit
       WHERE entered_time >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND entered_time <= fromUnixTimestamp64Milli({at:Int64}, 'UTC')
         AND answered_time <= fromUnixTimestamp64Milli({at:Int64}, 'UTC')
         AND (agent_left_time IS NULL OR agent_left_time > fromUnixTimestamp64Milli({at:Int64}, 'UTC'))
         AND conversation_id IN (${this.#idsAt()})
       GROUP BY conversation_id`,
      { from: at - LONGEST_TALK_MS, at, iso: iso(at), queue: queueId },
    );
    return new Map(rows.map(({ id, since }) => [id, since]));
  }

  async versions(conversationId: string): Promise<readonly Version[]> {
    const rows = await this.#ask<Omit<Version, 'waiting'> & { readonly waiting: boolean | number | null }>(
      `SELECT change, ${ms('holds_from')} AS from, ${ms('holds_until')} AS until, queue_id AS queueId, purpose, state,
              user_id AS userId, participant_id AS participantId, waiting, acw_state AS acw
       FROM ${this.#database}.queue_conversation_changes(conversation_id = {id:String}) ORDER BY step`,
      { id: conversationId },
    );
    return rows.map((row) => ({ ...row, waiting: Boolean(row.waiting) }));
  }

  visitsOf(conversationId: string): Promise<readonly QueueVisit[]> {
    return this.#ask(
      `SELECT ${inMs(VISIT_COLUMNS, VISIT_TIMES)} FROM (
         SELECT * FROM ${this.#database}.queue_visit WHERE conversation_id = {id:String}
       ) ORDER BY entered_time, participant_id`,
      { id: conversationId },
    );
  }

  intervals(request: IntervalsRequest): Promise<readonly Interval[]> {
    const { queueId, from, to, minutes, targetMs, shortAbandonMs } = request;
    return this.#ask(
      `SELECT ${ms('interval_start')} AS at, sum(i.offered) AS offered, sum(i.answered) AS answered,
              sum(i.abandoned) AS abandoned, sum(i.flowed_out) AS flowedOut,
              sum(i.answered_in_target) / nullIf(answered + abandoned - sum(i.short_abandoned), 0) AS serviceLevel
       FROM ${this.#database}.queue_intervals(from = {from:String}, to = {to:String}, minutes = {minutes:UInt32},
            target_seconds = {target:UInt32}, short_abandon_seconds = {short:UInt32}) AS i
       WHERE {queue:Nullable(String)} IS NULL OR queue_id = {queue:Nullable(String)}
       GROUP BY interval_start ORDER BY interval_start`,
      {
        ...{ from: iso(from), to: iso(to), minutes, queue: queueId },
        ...{ target: Math.round(targetMs / 1_000), short: Math.round(shortAbandonMs / 1_000) },
      },
    );
  }

  async series({ queueId, from, to, stepMs }: SeriesRequest): Promise<readonly SeriesPoint[]> {
    const database = this.#database;
    const points = await this.#ask<SeriesPoint>(
      `WITH
         range({from:Int64}, {to:Int64} + 1, {step:Int64}) AS instants,
         lives AS (
           SELECT conversation_id FROM ${database}.queue_conversation_history
           WHERE queue_id = {queue:String} AND db_last_updated >= fromUnixTimestamp64Milli({from:Int64} - 86400000)
             AND db_last_updated <= fromUnixTimestamp64Milli({to:Int64})
         ),
         versions AS (
           SELECT queue_id, _deleted, waiting, purpose IN ('agent', 'user') AND state = 'connected' AS talking,
                  ${ms('db_last_updated')} AS begins,
                  ifNull(min(${ms('db_last_updated')}) OVER (PARTITION BY conversation_id ORDER BY _version
                    ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), 0) AS next
           FROM ${database}.queue_conversation_history FINAL WHERE conversation_id IN (lives)
         )
       SELECT at, countIf(v.waiting) AS waiting, countIf(v.talking) AS talking
       FROM (SELECT arrayJoin(instants) AS at) AS grid
       CROSS JOIN (SELECT * FROM versions WHERE _deleted = 0 AND queue_id = {queue:String}) AS v
       WHERE v.begins <= at AND (v.next = 0 OR at < v.next)
       GROUP BY at ORDER BY at`,
      { from, to, step: stepMs, queue: queueId },
    );
    return everyInstant(points, from, to, stepMs);
  }

  async oldest(): Promise<number | null> {
    const [row] = await this.#ask<{ readonly at: number; readonly rows: number }>(
      `SELECT ${ms('min(db_last_updated)')} AS at, count() AS rows FROM ${this.#database}.queue_conversation_history`,
      {},
    );
    return row === undefined || row.rows === 0 ? null : row.at;
  }

  #ask<T>(query: string, params: Readonly<Record<string, unknown>>): Promise<readonly T[]> {
    return this.#turns.take(async () => {
      const limit = AbortSignal.any([this.#signal, AbortSignal.timeout(MOST_MS)]);
      const answer = await this.#store.client.query({
        query,
        query_params: { ...params },
        format: 'JSONEachRow',
        clickhouse_settings: SETTINGS,
        abort_signal: limit,
      });
      // The client follows the signal only until the answer begins. An answer that stops in between would keep its turn.
      const end = (): void => answer.close();
      limit.addEventListener('abort', end, { once: true });
      try {
        limit.throwIfAborted();
        return await answer.json<T>();
      } finally {
        limit.removeEventListener('abort', end);
      }
    }, this.#signal);
  }
}

/** Adds a row for each instant without one: nobody was there. */
function everyInstant(
  points: readonly SeriesPoint[],
  from: number,
  to: number,
  stepMs: number,
): readonly SeriesPoint[] {
  const found = new Map(points.map((point) => [point.at, point]));
  const all: SeriesPoint[] = [];
  for (let at = from; at <= to; at += stepMs) all.push(found.get(at) ?? { at, waiting: 0, talking: 0 });
  return all;
}
