import type { QueueConversation } from '../../conversation/row';
import type { Conversation, Leg, Medium, Party } from './model';
import { isLive, isSupervisor } from './model';

/** The table's columns that follow from what happened; times as ISO-8601. The db_ columns depend on who listened. */
export type TruthRow = {
  readonly [
    C in Exclude<keyof QueueConversation, 'db_last_updated' | 'db_when_created'>
  ]: QueueConversation[C] extends number ? string : QueueConversation[C];
};

export interface Truth {
  /** The sequence number of the last notification sent; 0: none yet. */
  readonly events: number;
  /** Ordered by conversation_id. */
  readonly conversations: readonly TruthRow[];
}

/**
 * The row that a conversation deserves now; null: none. Written from the specification, sections 4 and 5, on the
 * organisation's own model and without the fold's code: the two check each other.
 */
export function truthOf(conversation: Conversation): TruthRow | null {
  const entered = conversation.parties.filter((party) => queueEntry(party) !== null);
  const first = entered.find((party) => party.legs.some((leg) => !conversation.past.has(leg.id)));
  const queue = entered.at(-1);
  const shown = lastToAct(conversation);
  const since = first && queueEntry(first);
  const queueSince = queue && queueEntry(queue);
  if (!isLive(conversation) || queue?.queueId == null || since == null || queueSince == null || !shown) return null;

  const leg = legToShow(shown);
  const direction = directionOf(conversation, leg);
  const [ani, dnis] = callerAndCalled(shown, leg, direction);
  return {
    conversation_id: conversation.id,
    connected_time: iso(since),
    queue_id: queue.queueId,
    session_id: leg.id,
    media_type: MEDIA_TYPE[leg.medium],
    purpose: shown.purpose,
    state: leg.state,
    direction,
    participant_id: shown.id,
    user_id: shown.userId,
    ani,
    dnis,
    provider: leg.provider,
    subject: leg.medium === 'email' ? leg.subject : null,
    message_type: leg.medium === 'message' ? leg.messageType : null,
    message_status: leg.medium === 'message' ? newestStatus(leg) : null,
    routing_skill_id: skillsOf(conversation),
    disconnect_type: leg.disconnectType,
    acw_state: leg.work?.state ?? null,
    communication_id: leg.id,
    queue_connected_time: iso(queueSince),
    waiting: queue.legs.some((one) => !one.ended),
  };
}

/** To be called after each snapshot sent: remembers what was over when the conversation was over. */
export function rememberEnd(conversation: Conversation): void {
  if (isLive(conversation)) return;
  for (const party of conversation.parties) {
    for (const leg of party.legs) if (leg.ended) conversation.past.add(leg.id);
  }
}

const MEDIA_TYPE: Readonly<Record<Medium, string>> = {
  call: 'Voice',
  callback: 'Callback',
  chat: 'Chat',
  email: 'Email',
  message: 'Message',
};
const MEDIA_ORDER = Object.keys(MEDIA_TYPE);

const iso = (at: number): string => new Date(at).toISOString();

/** When an acd participant got into its queue; null for everyone else, and while a callback is not due. */
function queueEntry(party: Party): number | null {
  if (party.purpose !== 'acd' || party.queueId === null) return null;
  const connected = party.legs.flatMap((leg) => leg.connectedAt ?? []);
  return party.connectedAt ?? (connected.length === 0 ? null : Math.min(...connected));
}

/** The last to join; unless that one is gone and somebody who was there before has picked up since. */
function lastToAct(conversation: Conversation): Party | undefined {
  const candidates = conversation.parties.filter((party) => !isSupervisor(party) && party.legs.length > 0);
  const last = candidates.pop();
  if (!last || last.legs.some((leg) => !leg.ended)) return last;
  const lastSign = Math.max(last.connectedAt ?? -Infinity, ...last.legs.map(lastSignOf));
  if (lastSign === -Infinity) return last;
  return (
    candidates.findLast(
      (party) =>
        !['customer', 'external', 'acd'].includes(party.purpose) &&
        party.legs.some((leg) => leg.connectedAt !== null && leg.connectedAt >= lastSign),
    ) ?? last
  );
}

function lastSignOf(leg: Leg): number {
  const signs = [leg.connectedAt, leg.disconnectedAt, leg.work?.startedAt, leg.work?.endedAt];
  return Math.max(-Infinity, ...signs.flatMap((at) => at ?? []), ...leg.messages.map(({ sentAt }) => sentAt));
}

/** Live before ended; among live ones the last answered, among ended ones the last ended; then the later place. */
function legToShow(party: Party): Leg {
  const place = (leg: Leg): number => MEDIA_ORDER.indexOf(leg.medium) * 1_000 + party.legs.indexOf(leg);
  const key = (leg: Leg): readonly number[] => [
    leg.ended ? 0 : 1,
    leg.ended ? (leg.disconnectedAt ?? -Infinity) : 0,
    leg.connectedAt ?? -Infinity,
    place(leg),
  ];
  const [best] = party.legs.toSorted((one, other) => compare(key(other), key(one)));
  if (!best) throw new Error(`participant ${party.id} has no leg`);
  return best;
}

function compare(one: readonly number[], other: readonly number[]): number {
  for (const [index, value] of one.entries()) {
    const against = other[index] ?? 0;
    if (value !== against) return value < against ? -1 : 1;
  }
  return 0;
}

function directionOf(conversation: Conversation, leg: Leg): string | null {
  const caller = conversation.parties.find(
    ({ purpose, legs }) => (purpose === 'customer' || purpose === 'external') && legs.length > 0,
  );
  const callerDirection = caller ? legToShow(caller).direction : null;
  return leg.direction ?? callerDirection ?? (leg.medium === 'chat' ? 'inbound' : null);
}

function callerAndCalled(party: Party, leg: Leg, direction: string | null): readonly [string | null, string | null] {
  const from = leg.from?.value ?? null;
  const to = leg.to?.value ?? null;
  if (leg.medium === 'callback') return [leg.callbackNumber, null];
  if (leg.medium === 'message') return [from, to];
  if (leg.medium !== 'call' || (direction !== 'inbound' && direction !== 'outbound')) return [null, null];
  // The caller's own end is `self` on the caller's leg and `other` on everyone else's.
  const isCallersView = party.purpose === 'customer' || party.purpose === 'external';
  return isCallersView === (direction === 'inbound') ? [from, to] : [to, from];
}

function newestStatus(leg: Leg): string | null {
  let newest = leg.messages[0];
  for (const message of leg.messages) if (newest && message.sentAt >= newest.sentAt) newest = message;
  return newest?.status ?? null;
}

function skillsOf(conversation: Conversation): string | null {
  const routed = conversation.parties.findLast(({ purpose, skills }) => purpose === 'acd' && skills.length > 0);
  return routed ? routed.skills.join(',') : null;
}
