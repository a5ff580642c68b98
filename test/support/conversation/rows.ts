import type { QueueConversation, QueueVisit } from '../../../src/conversation';

export const NOON = Date.UTC(2026, 2, 1, 12);

/** A conversation that waits for an agent, with the given differences. */
export function aRow(differences: Partial<QueueConversation> = {}): QueueConversation {
  return {
    conversation_id: 'c1',
    db_last_updated: NOON + 5_000,
    db_when_created: NOON,
    connected_time: NOON - 1_000,
    queue_id: 'q1',
    session_id: 's1',
    media_type: 'Voice',
    purpose: 'acd',
    state: 'connected',
    direction: 'inbound',
    participant_id: 'p1',
    user_id: null,
    ani: 'tel:+35312345678',
    dnis: 'tel:+35387654321',
    provider: 'Edge',
    subject: null,
    message_type: null,
    message_status: null,
    routing_skill_id: null,
    disconnect_type: null,
    acw_state: null,
    communication_id: 's1',
    queue_connected_time: NOON - 500,
    waiting: true,
    ...differences,
  };
}

/** A visit that still waits, with the given differences. */
export function aVisit(differences: Partial<QueueVisit> = {}): QueueVisit {
  return {
    conversation_id: 'c1',
    participant_id: 'p1',
    queue_id: 'q1',
    media_type: 'Voice',
    direction: 'inbound',
    consult: false,
    entered_time: NOON,
    left_time: null,
    outcome: 'waiting',
    disconnect_type: null,
    routing_skill_id: null,
    offers: 0,
    offers_missed: 0,
    answered_time: null,
    user_id: null,
    agent_participant_id: null,
    agent_communication_id: null,
    agent_left_time: null,
    db_last_updated: NOON + 500,
    ...differences,
  };
}
