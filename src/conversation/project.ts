import { hasLiveCommunication, type Counted } from './counted';
import { isHandler, isOutsideParty, latestCommunication, latestParticipant } from './latest';
import { connectedTime, isQueued, purposeOf, realConnectedTime, type QueuedParticipant } from './lifecycle';
import type { QueueConversation } from './row';
import { field, type Communication, type Participant, type RowFacts } from './state';

/** Projects a conversation that has a row to the row (specification, section 5). */
export function project(conversationId: string, of: Counted, row: RowFacts): QueueConversation {
  const last = of.participants.findLast(isQueued);
  if (last === undefined) throw new Error('a conversation with a row has a queued acd participant');
  const waiting = hasLiveCommunication(of, last);
  const participant = latestParticipant(of, waiting);
  const leg = participant === null ? null : latestCommunication(of.communications(participant));
  const queue = waiting ? last : queueOf(of, last, participant, leg);
  const purpose = participant === null ? null : purposeOf(participant);
  const direction = leg === null ? null : directionOf(of, leg);
  const addresses = leg === null ? NO_ADDRESSES : addressesOf(leg, purpose, direction);
  return {
    conversation_id: conversationId,
    db_last_updated: row.updatedAt,
    db_when_created: row.createdAt,
    connected_time: row.connectedTime,
    queue_id: queue.queueId,
    session_id: leg === null ? null : leg.id,
    media_type: leg === null ? null : leg.medium,
    purpose,
    state: leg === null ? null : field(leg, 'state'),
    direction,
    participant_id: participant === null ? null : participant.id,
    user_id: participant === null ? null : participant.userId,
    ani: addresses.ani,
    dnis: addresses.dnis,
    provider: leg === null ? null : field(leg, 'provider'),
    subject: leg?.medium === 'Email' ? field(leg, 'subject') : null,
    message_type: leg?.medium === 'Message' ? field(leg, 'messageType') : null,
    message_status: leg?.medium === 'Message' ? (field(leg, 'messages')?.messageStatus ?? null) : null,
    routing_skill_id:
      of.participants.findLast((p) => purposeOf(p) === 'acd' && p.skills !== null)?.skills?.join(',') ?? null,
    disconnect_type: leg === null ? null : field(leg, 'disconnectType'),
    acw_state: leg === null ? null : (field(leg, 'afterCallWork')?.state ?? null),
    communication_id: leg === null ? null : leg.id,
    queue_connected_time: connectedTime(of, queue),
    waiting,
  };
}

/**
 * The conversation's queue: that of the latest queued acd participant. But if somebody handles the conversation and
 * nobody waits, it is the queue from which that person took it. So a finished consult of another queue does not keep
 * it.
 */
function queueOf(
  of: Counted,
  last: QueuedParticipant,
  participant: Participant | null,
  leg: Communication | null,
): QueuedParticipant {
  if (participant === null || leg === null || !isHandler(purposeOf(participant))) return last;
  const taken = field(leg, 'connectedTime');
  if (taken === null) return last;
  const enteredBefore = (p: Participant): p is QueuedParticipant =>
    isQueued(p) && (realConnectedTime(of, p) ?? -Infinity) <= taken;
  return of.participants.findLast(enteredBefore) ?? last;
}

/** The direction of the latest communication; else of the first customer's or external's; else chats are inbound. */
export function directionOf(of: Counted, leg: Communication | null): string | null {
  const own = leg === null ? null : field(leg, 'direction');
  if (own !== null) return own;
  const party = of.participants.find((p) => isOutsideParty(purposeOf(p)) && of.communications(p).length > 0);
  const theirs = party === undefined ? null : latestCommunication(of.communications(party));
  const direction = theirs === null ? null : field(theirs, 'direction');
  return direction ?? (leg?.medium === 'Chat' ? 'inbound' : null);
}

interface Addresses {
  readonly ani: string | null;
  readonly dnis: string | null;
}

const NO_ADDRESSES: Addresses = { ani: null, dnis: null };

/** Whose leg it is and who called decide which address of a call is the caller's. */
function addressesOf(leg: Communication, purpose: string | null, direction: string | null): Addresses {
  switch (leg.medium) {
    case 'Message':
      return { ani: field(leg, 'fromAddress'), dnis: field(leg, 'toAddress') };
    case 'Callback':
      return { ani: field(leg, 'callbackNumber'), dnis: null };
    case 'Voice': {
      if (direction !== 'inbound' && direction !== 'outbound') return NO_ADDRESSES;
      const self = field(leg, 'self');
      const other = field(leg, 'other');
      const selfCalls = isOutsideParty(purpose) === (direction === 'inbound');
      return selfCalls ? { ani: self, dnis: other } : { ani: other, dnis: self };
    }
    default:
      return NO_ADDRESSES;
  }
}
