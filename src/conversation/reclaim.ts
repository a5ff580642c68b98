import { newParticipant } from './merge';
import type { QueueConversation } from './row';
import {
  RECLAIMED,
  type Communication,
  type CommunicationVersion,
  type OpenConversation,
  type Participant,
} from './state';

const BEFORE_ALL = -1;

/**
 * A state for a conversation of which only the row is left: enough to keep the row until the next snapshot, which is
 * complete again (section 2), and to close it at a *gone*. Ranks are the lowest, so everything that Genesys says wins,
 * except that ended communications stay ended.
 */
export function stateOfRow(row: QueueConversation): OpenConversation {
  return {
    kind: 'open',
    participants: [queueOf(row), ...latestOf(row)],
    recent: [],
    lastReceivedAt: row.db_last_updated,
    endedAt: null,
    row: {
      createdAt: row.db_when_created,
      updatedAt: row.db_last_updated,
      connectedTime: row.connected_time,
      provisionalFor: null,
    },
    endedBefore: [],
  };
}

const NOBODY: Participant = newParticipant(RECLAIMED, BEFORE_ALL);

/** It has no communication, so it is never the latest, keeps no conversation live, and makes no visit. */
function queueOf(row: QueueConversation): Participant {
  return {
    ...NOBODY,
    purpose: 'acd',
    queueId: row.queue_id,
    connectedTime: row.queue_connected_time,
    queuedAt: row.queue_connected_time,
    skills: row.routing_skill_id === null ? null : row.routing_skill_id.split(','),
  };
}

function latestOf(row: QueueConversation): readonly Participant[] {
  if (row.participant_id === null) return [];
  const waits = row.purpose === 'acd' && row.waiting;
  const at = row.queue_connected_time;
  const queue = waits ? { queueId: row.queue_id, queuedAt: at, connectedTime: at } : {};
  return [
    {
      ...NOBODY,
      id: row.participant_id,
      position: 0,
      purpose: row.purpose,
      userId: row.user_id,
      ...queue,
      communications: legOf(row),
    },
  ];
}

function legOf(row: QueueConversation): readonly Communication[] {
  const { communication_id: id, media_type: medium, state } = row;
  if (id === null || medium === null) return [];
  const ended = ['disconnected', 'terminated'].includes(state?.toLowerCase() ?? '');
  const version: CommunicationVersion = {
    ended,
    progress: null,
    state,
    direction: row.direction,
    provider: row.provider,
    disconnectType: row.disconnect_type,
    startAlertingTime: null,
    connectedTime: null,
    disconnectedTime: null,
    afterCallWork: row.acw_state === null ? null : { state: row.acw_state, startTime: null, endTime: null },
    ...NO_ADDRESSES,
    ...addressesOf(row, medium),
    subject: row.subject,
    messageType: row.message_type,
    messages: row.message_status === null ? null : { messageTime: null, messageStatus: row.message_status },
  };
  return [{ id, medium, index: 0, connected: state === 'connected', versions: [version] }];
}

const NO_ADDRESSES = { self: null, other: null, fromAddress: null, toAddress: null, callbackNumber: null };

/** The inverse of the projection in project.ts. */
function addressesOf({ ani, dnis, purpose, direction }: QueueConversation, medium: string) {
  if (medium === 'Message') return { fromAddress: ani, toAddress: dnis };
  if (medium === 'Callback') return { callbackNumber: ani };
  if (medium !== 'Voice') return {};
  const isOutside = ['customer', 'external'].includes(purpose ?? '');
  return isOutside === (direction === 'inbound') ? { self: ani, other: dnis } : { self: dnis, other: ani };
}
