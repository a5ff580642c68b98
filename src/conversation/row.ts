/** One row of the state topic and of the ClickHouse state table. Times are epoch milliseconds UTC. */
export interface QueueConversation {
  readonly conversation_id: string;
  readonly db_last_updated: number;
  readonly db_when_created: number;
  readonly connected_time: number;
  readonly queue_id: string;
  readonly session_id: string | null;
  readonly media_type: string | null;
  readonly purpose: string | null;
  readonly state: string | null;
  readonly direction: string | null;
  readonly participant_id: string | null;
  readonly user_id: string | null;
  readonly ani: string | null;
  readonly dnis: string | null;
  readonly provider: string | null;
  readonly subject: string | null;
  readonly message_type: string | null;
  readonly message_status: string | null;
  readonly routing_skill_id: string | null;
  readonly disconnect_type: string | null;
  readonly acw_state: string | null;
  readonly communication_id: string | null;
  readonly queue_connected_time: number;
  readonly waiting: boolean;
}

/** The 22 columns of the view `queue_conversation`, in its order. */
export const TABLE_COLUMNS = [
  'conversation_id',
  'db_last_updated',
  'db_when_created',
  'connected_time',
  'queue_id',
  'session_id',
  'media_type',
  'purpose',
  'state',
  'direction',
  'participant_id',
  'user_id',
  'ani',
  'dnis',
  'provider',
  'subject',
  'message_type',
  'message_status',
  'routing_skill_id',
  'disconnect_type',
  'acw_state',
  'communication_id',
] as const satisfies readonly (keyof QueueConversation)[];

/** All 24 columns, in the order of the state topic and the state table. */
export const STATE_COLUMNS = [
  ...TABLE_COLUMNS,
  'queue_connected_time',
  'waiting',
] as const satisfies readonly (keyof QueueConversation)[];

/** Epoch ms in a row. */
export const TIME_COLUMNS: ReadonlySet<string> = new Set([
  'db_last_updated',
  'db_when_created',
  'connected_time',
  'queue_connected_time',
] satisfies (keyof QueueConversation)[]);

/** The row as people read it: the given columns in their order, times as ISO-8601 with milliseconds and `Z`. */
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
