/**
 * The columns of the two tables, each declared once, in the order of topics and tables. The types of rows, the rows for
 * programs, the lines for ClickHouse and printed rows follow from here. The comments are for programs: this file is
 * part of the types of `queuefold/client`, so it imports nothing (tools/client-types.mjs).
 */

/**
 * The type of a column's values. `?`: or null. A time is epoch milliseconds in code, ISO-8601 in print and a Date for
 * programs.
 */
interface Values<Time> {
  readonly text: string;
  readonly 'text?': string | null;
  readonly time: Time;
  readonly 'time?': Time | null;
  readonly count: number;
  readonly flag: boolean;
  readonly outcome: VisitOutcome;
}

export type ColumnType = keyof Values<unknown>;
export type Columns = Readonly<Record<string, ColumnType>>;

/** A row of these columns, with its times as the given type. */
export type RowOf<Of extends Columns, Time> = { readonly [Column in keyof Of]: Values<Time>[Of[Column]] };

export type VisitOutcome = 'waiting' | 'answered' | 'abandoned' | 'flowed_out' | 'unknown';

/** The first 22 are the specification's. New ones come at the end. */
export const QUEUE_CONVERSATION = {
  conversation_id: 'text',
  /** When Genesys's event that last changed the row was received. */
  db_last_updated: 'time',
  /** When the event that created the row was received. */
  db_when_created: 'time',
  /** When the conversation was connected to its first queue. */
  connected_time: 'time',
  queue_id: 'text',
  session_id: 'text?',
  /** `Voice`, `Callback`, `Chat`, `Email`, `Message` and others. */
  media_type: 'text?',
  /** Of the latest participant: `acd`, `agent`, `customer` and others. */
  purpose: 'text?',
  /** Of the latest participant: `alerting`, `connected`, `disconnected` and others. */
  state: 'text?',
  /** `inbound` or `outbound`. */
  direction: 'text?',
  participant_id: 'text?',
  /** The agent, where the latest participant is one. */
  user_id: 'text?',
  ani: 'text?',
  dnis: 'text?',
  provider: 'text?',
  /** Of an e-mail. */
  subject: 'text?',
  message_type: 'text?',
  message_status: 'text?',
  /** Ids of skills, separated by commas. */
  routing_skill_id: 'text?',
  disconnect_type: 'text?',
  acw_state: 'text?',
  communication_id: 'text?',
  /** When it was connected to the queue in `queue_id`. A wait is measured from here. */
  queue_connected_time: 'time',
  /** Whether it still waits in the queue, also while an agent is being alerted. */
  waiting: 'flag',
} as const;

export const QUEUE_VISIT = {
  conversation_id: 'text',
  /** The acd participant. */
  participant_id: 'text',
  queue_id: 'text',
  media_type: 'text?',
  direction: 'text?',
  /** An agent asked the queue for help. */
  consult: 'flag',
  entered_time: 'time',
  /** Null: still waiting, or not known. */
  left_time: 'time?',
  outcome: 'outcome',
  disconnect_type: 'text?',
  routing_skill_id: 'text?',
  /** How many times it was offered to an agent. */
  offers: 'count',
  /** How many of these ended without an answer. */
  offers_missed: 'count',
  answered_time: 'time?',
  /** The agent who answered. */
  user_id: 'text?',
  agent_participant_id: 'text?',
  agent_communication_id: 'text?',
  agent_left_time: 'time?',
  db_last_updated: 'time',
} as const;

export function namesOf<Of extends Columns>(columns: Of): readonly (keyof Of & string)[] {
  return Object.keys(columns);
}

export function timesOf(columns: Columns): ReadonlySet<string> {
  return new Set(Object.keys(columns).filter((name) => columns[name] === 'time' || columns[name] === 'time?'));
}
