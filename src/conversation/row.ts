import { namesOf, QUEUE_CONVERSATION, type RowOf, timesOf } from './columns';

/** One row of the state topic and of the ClickHouse state table. Times are epoch milliseconds UTC. */
export type QueueConversation = RowOf<typeof QUEUE_CONVERSATION, number>;

/** All 24 columns, in the order of the state topic and the state table. */
export const STATE_COLUMNS = namesOf(QUEUE_CONVERSATION);

/** The 22 columns of the view `queue_conversation`, in its order. */
export const TABLE_COLUMNS = STATE_COLUMNS.slice(0, 22);

/** The columns that hold times, epoch ms in a row. */
export const TIME_COLUMNS = timesOf(QUEUE_CONVERSATION);

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
