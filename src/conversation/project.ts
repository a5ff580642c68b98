import { hasLiveCommunication, type Counted } from './counted';
import { connectedTime, isQueued, purposeOf } from './lifecycle';
import { mediumOrder } from './media';
import { byJoining, later } from './merge';
import type { QueueConversation } from './row';
import { field, isEnded, type Communication, type Participant, type RowFacts } from './state';
import { compareIds } from './values';

/** The row of a conversation that has one (specification, section 5). */
export function project(conversationId: string, of: Counted, row: RowFacts): QueueConversation {
  const queued = of.participants.findLast(isQueued);
  if (queued === undefined) throw new Error('a conversation with a row has a queued acd participant');
  const participant = latestParticipant(of);
  const leg = participant === null ? null : latestCommunication(of.communications(participant));
  const purpose = participant === null ? null : purposeOf(participant);
  const direction = leg === null ? null : directionOf(of, leg);
  const addresses = leg === null ? NO_ADDRESSES : addressesOf(leg, purpose, direction);
  return {
    conversation_id: conversationId,
    db_last_updated: row.updatedAt,
    db_when_created: row.createdAt,
    connected_time: row.connectedTime,
    queue_id: queued.queueId,
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
    queue_connected_time: connectedTime(of, queued),
    waiting: hasLiveCommunication(of, queued),
  };
}

/** Of those with a communication that are no supervisors, the one with the greatest position; ended ones count. */
function latestParticipant(of: Counted): Participant | null {
  const candidates = of.participants.filter((p) => !p.supervisor && of.communications(p).length > 0);
  const latest = candidates.at(-1);
  if (latest === undefined) return null;
  return hasLiveCommunication(of, latest) ? latest : (laterSession(of, latest, candidates) ?? latest);
}

/**
 * The exception: one agent participant may hold several sessions, so an earlier participant may have joined again after
 * the last one was through: one of its communications connected no earlier than all that is known of the last one.
 */
function laterSession(of: Counted, latest: Participant, candidates: readonly Participant[]): Participant | undefined {
  const last = lastTime(of, latest);
  if (last === null) return undefined;
  return candidates.findLast(
    (p) =>
      byJoining(p, latest) < 0 &&
      !NEVER_AGAIN.has(purposeOf(p) ?? '') &&
      of.communications(p).some((leg) => (field(leg, 'connectedTime') ?? -Infinity) >= last),
  );
}

const NEVER_AGAIN: ReadonlySet<string> = new Set(['customer', 'external', 'acd']);

/** The greatest of the participant's own connected time, its communications' and their times that make progress. */
function lastTime(of: Counted, participant: Participant): number | null {
  let last = participant.connectedTime;
  for (const leg of of.communications(participant)) {
    last = later(last, later(field(leg, 'connectedTime'), field(leg, 'disconnectedTime')));
    const work = field(leg, 'afterCallWork');
    if (work !== null) last = later(last, later(work.startTime, work.endTime));
    last = later(last, field(leg, 'messages')?.messageTime ?? null);
  }
  return last;
}

function latestCommunication(legs: readonly Communication[]): Communication | null {
  let latest: Communication | null = null;
  for (const leg of legs) if (latest === null || compareLegs(leg, latest) > 0) latest = leg;
  return latest;
}

/** Not ended before ended; of live ones the greater connectedTime; of ended ones the greater disconnectedTime, then the greater connectedTime; then the later place. */
function compareLegs(a: Communication, b: Communication): number {
  const ended = isEnded(a);
  if (ended !== isEnded(b)) return ended ? -1 : 1;
  return (
    (ended ? compareTimes(field(a, 'disconnectedTime'), field(b, 'disconnectedTime')) : 0) ||
    compareTimes(field(a, 'connectedTime'), field(b, 'connectedTime')) ||
    mediumOrder(a.medium) - mediumOrder(b.medium) ||
    a.index - b.index ||
    compareIds(a.id, b.id)
  );
}

/** Absent is lowest. */
function compareTimes(a: number | null, b: number | null): number {
  if (a === b) return 0;
  return (a ?? -Infinity) < (b ?? -Infinity) ? -1 : 1;
}

/** Of the latest communication; else of the first customer's or external's; else chats come in. */
function directionOf(of: Counted, leg: Communication): string | null {
  const own = field(leg, 'direction');
  if (own !== null) return own;
  const party = of.participants.find((p) => isOutsideParty(purposeOf(p)) && of.communications(p).length > 0);
  const theirs = party === undefined ? null : latestCommunication(of.communications(party));
  const direction = theirs === null ? null : field(theirs, 'direction');
  return direction ?? (leg.medium === 'Chat' ? 'inbound' : null);
}

function isOutsideParty(purpose: string | null): boolean {
  return purpose === 'customer' || purpose === 'external';
}

interface Addresses {
  readonly ani: string | null;
  readonly dnis: string | null;
}

const NO_ADDRESSES: Addresses = { ani: null, dnis: null };

/** Which of a call's addresses is the caller's depends on whose leg it is and who called. */
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
