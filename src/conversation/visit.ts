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

/** Epoch ms in a visit. */
export const VISIT_TIMES: ReadonlySet<string> = new Set([
  'entered_time',
  'left_time',
  'answered_time',
  'agent_left_time',
  'db_last_updated',
] satisfies (keyof QueueVisit)[]);

/** Whether two versions of one visit are the same in the columns that make a new record: 3 to 18. Written out, for it runs for most events. */
export function sameVisit(a: Visit, b: Visit): boolean {
  return (
    a.queue_id === b.queue_id &&
    a.media_type === b.media_type &&
    a.direction === b.direction &&
    a.consult === b.consult &&
    a.entered_time === b.entered_time &&
    a.left_time === b.left_time &&
    a.outcome === b.outcome &&
    a.disconnect_type === b.disconnect_type &&
    a.routing_skill_id === b.routing_skill_id &&
    a.offers === b.offers &&
    a.offers_missed === b.offers_missed &&
    a.answered_time === b.answered_time &&
    a.user_id === b.user_id &&
    a.agent_participant_id === b.agent_participant_id &&
    a.agent_communication_id === b.agent_communication_id &&
    a.agent_left_time === b.agent_left_time
  );
}

/** As people read it: times as ISO-8601 with milliseconds and `Z`. */
export function printableVisit(visit: QueueVisit): Record<string, string | number | boolean | null> {
  return Object.fromEntries(
    VISIT_COLUMNS.map((column) => {
      const value = visit[column];
      return [column, typeof value === 'number' && VISIT_TIMES.has(column) ? new Date(value).toISOString() : value];
    }),
  );
}
