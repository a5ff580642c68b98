import type { QueueConversation } from '../../../src/conversation';

export const NOW = Date.UTC(2026, 0, 2, 12, 0, 0);

/** A voice call that waits in the queue `q1` since a minute. */
export function aRow(changes: Partial<QueueConversation> = {}): QueueConversation {
  return {
    conversation_id: 'c1',
    db_last_updated: NOW,
    db_when_created: NOW - 60_000,
    connected_time: NOW - 60_000,
    queue_id: 'q1',
    session_id: 's1',
    media_type: 'Voice',
    purpose: 'acd',
    state: 'connected',
    direction: 'inbound',
    participant_id: 'p1',
    user_id: null,
    ani: 'tel:+4930123456',
    dnis: null,
    provider: null,
    subject: null,
    message_type: null,
    message_status: null,
    routing_skill_id: null,
    disconnect_type: null,
    acw_state: null,
    communication_id: 's1',
    queue_connected_time: NOW - 60_000,
    waiting: true,
    ...changes,
  };
}
