/** The fields of our schemas whose texts recur in very many values: open lists, and ids of queues, users and skills. */
export const RECURRING_FIELDS: ReadonlySet<string> = new Set([
  // Of events and states:
  'disconnectType',
  'direction',
  'medium',
  'messageStatus',
  'messageType',
  'provider',
  'purpose',
  'queueId',
  'skills',
  'state',
  'userId',
  // Of rows and visits:
  'acw_state',
  'disconnect_type',
  'media_type',
  'message_status',
  'message_type',
  'outcome',
  'queue_id',
  'user_id',
]);
