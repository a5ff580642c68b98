/** One visit of a conversation to a queue, as the topic `queue-visit` has it. Times are epoch milliseconds UTC. */
export interface QueueVisit {
  readonly conversation_id: string;
  /** The acd participant. */
  readonly participant_id: string;
  readonly queue_id: string;
  readonly media_type: string | null;
  readonly direction: string | null;
  readonly consult: boolean;
  readonly entered_time: number;
  readonly left_time: number | null;
  readonly outcome: VisitOutcome;
  readonly disconnect_type: string | null;
  readonly routing_skill_id: string | null;
  readonly offers: number;
  readonly offers_missed: number;
  readonly answered_time: number | null;
  readonly user_id: string | null;
  readonly agent_participant_id: string | null;
  readonly agent_communication_id: string | null;
  readonly agent_left_time: number | null;
  readonly db_last_updated: number;
}

export const VISIT_OUTCOMES = ['waiting', 'answered', 'abandoned', 'flowed_out', 'unknown'] as const;
export type VisitOutcome = (typeof VISIT_OUTCOMES)[number];

/** What follows from the conversation alone. */
export type Visit = Omit<QueueVisit, 'db_last_updated'>;

/** The 19 columns, in their order. */
export const VISIT_COLUMNS = [
  'conversation_id',
  'participant_id',
  'queue_id',
  'media_type',
  'direction',
  'consult',
  'entered_time',
  'left_time',
  'outcome',
  'disconnect_type',
  'routing_skill_id',
  'offers',
  'offers_missed',
  'answered_time',
  'user_id',
  'agent_participant_id',
  'agent_communication_id',
  'agent_left_time',
  'db_last_updated',
] as const satisfies readonly (keyof QueueVisit)[];

const TIMES: ReadonlySet<string> = new Set([
  'entered_time',
  'left_time',
  'answered_time',
  'agent_left_time',
  'db_last_updated',
] satisfies (keyof QueueVisit)[]);

const COMPARED = VISIT_COLUMNS.slice(2, -1) as readonly Exclude<keyof Visit, 'conversation_id' | 'participant_id'>[];

/** Whether two versions of one visit are the same in the columns that make a new record. */
export function sameVisit(a: Visit, b: Visit): boolean {
  return COMPARED.every((column) => a[column] === b[column]);
}

/** As people read it: times as ISO-8601 with milliseconds and `Z`. */
export function printableVisit(visit: QueueVisit): Record<string, string | number | boolean | null> {
  return Object.fromEntries(
    VISIT_COLUMNS.map((column) => {
      const value = visit[column];
      return [column, typeof value === 'number' && TIMES.has(column) ? new Date(value).toISOString() : value];
    }),
  );
}
