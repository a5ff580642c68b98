import { namesOf, QUEUE_CONVERSATION, type RowOf, timesOf } from './columns';

/** One row of the state topic and of the ClickHouse state table. Times are epoch milliseconds UTC. */
export type QueueConversation = RowOf<typeof QUEUE_CONVERSATION, number>;

/** All 24 columns, in the order of the state topic and the state table. */
export const STATE_COLUMNS = namesOf(QUEUE_CONVERSATION);

/** The 22 columns of the view `queue_conversation`, in its order. */
export const TABLE_COLUMNS = STATE_COLUMNS.slice(0, 22);

/** The columns that hold times, epoch ms in a row. */
export const TIME_COLUMNS = timesOf(QUEUE_CONVERSATION);

/**
 * Whether two rows are the same in the columns that make a new record: all but db_last_updated. Written out, because it
 * runs for most events and a loop takes ten times as long.
 */
export function sameRow(a: QueueConversation, b: QueueConversation): boolean {
  return (
    a.conversation_id === b.conversation_id &&
    a.db_when_created === b.db_when_created &&
    a.connected_time === b.connected_time &&
    a.queue_id === b.queue_id &&
    a.session_id === b.session_id &&
    a.media_type === b.media_type &&
    a.purpose === b.purpose &&
    a.state === b.state &&
    a.direction === b.direction &&
    a.participant_id === b.participant_id &&
    a.user_id === b.user_id &&
    a.ani === b.ani &&
    a.dnis === b.dnis &&
    a.provider === b.provider &&
    a.subject === b.subject &&
    a.message_type === b.message_type &&
    a.message_status === b.message_status &&
    a.routing_skill_id === b.routing_skill_id &&
    a.disconnect_type === b.disconnect_type &&
    a.acw_state === b.acw_state &&
    a.communication_id === b.communication_id &&
    a.queue_connected_time === b.queue_connected_time &&
    a.waiting === b.waiting
  );
}

/** The row for people: the given columns in their order, times as ISO-8601 with milliseconds and `Z`. */
export function printableRow(
  row: QueueConversation,
  columns: readonly (keyof QueueConversation)[],
): Record<string, string | boolean | null> {
  return Object.fromEntries(
    columns.map((column) => {
      const value = row[column];
      return [column, typeof value === 'number' && TIME_COLUMNS.has(column) ? new Date(value).toISOString() : value];
    }),
  ) as Record<string, string | boolean | null>;
}
