import type { QUEUE_CONVERSATION, RowOf } from '../conversation';
import type { Conversation, Leg, Medium, Party } from './model';
import { isLive, isSupervisor } from './model';

/**
 * The table's columns that follow from the events of the conversation; times as ISO-8601. The db_ columns depend on the
 * listener.
 */
export type TruthRow = Omit<RowOf<typeof QUEUE_CONVERSATION, string>, 'db_last_updated' | 'db_when_created'>;

export interface Truth {
  /** The sequence number of the last notification sent; 0: none yet. */
  readonly events: number;
  /** Ordered by conversation_id. */
  readonly conversations: readonly TruthRow[];
}

/**
 * The correct row of a conversation now; null: none. It is written from the specification, sections 4 and 5, on the
 * organization's own model and without the fold's code, so the two check each other.
 */
export function truthOf(conversation: Conversation): TruthRow | null {
  const entered = conversation.parties.filter((party) => queueEntry(party) !== null);
  const first = entered.find((party) => party.legs.some((leg) => !conversation.past.has(leg.id)));
  const waiting = entered.at(-1)?.legs.some((leg) => !leg.ended) ?? false;
  const shown = lastToAct(conversation, waiting);
  const connectedAt = first && queueEntry(first);
  if (!isLive(conversation) || connectedAt == null || !shown) return null;

  const leg = legToShow(shown);
  const queue = queueOf(entered, waiting, shown, leg);
  const queueSince = queue && queueEntry(queue);
  if (queue?.queueId == null || queueSince == null) return null;
  const direction = directionOf(conversation, leg);
  const [ani, dnis] = callerAndCalled(shown, leg, direction);
  return {
    conversation_id: conversation.id,
    connected_time: iso(connectedAt),
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
    waiting,
  };
}

/** Call it after each sent snapshot: when the conversation ends, it remembers the legs that have ended. */
export function rememberEnd(conversation: Conversation): void {
  if (isLive(conversation)) return;
  for (const party of conversation.parties) {
    for (const leg of party.legs) if (leg.ended) conversation.past.add(leg.id);
  }
}

export const MEDIA_TYPE: Readonly<Record<Medium, string>> = {
  call: 'Voice',
  callback: 'Callback',
  chat: 'Chat',
  email: 'Email',
  message: 'Message',
};
const MEDIA_ORDER = Object.keys(MEDIA_TYPE);

const iso = (at: number): string => new Date(at).toISOString();

/** When an acd participant entered its queue; null for everyone else, and while a callback is not due. */
export function queueEntry(party: Party): number | null {
  if (party.purpose !== 'acd' || party.queueId === null) return null;
  const connected = party.legs.flatMap((leg) => leg.connectedAt ?? []);
  return party.connectedAt ?? (connected.length === 0 ? null : Math.min(...connected));
}

/** The last to join, as long as that participant is there. */
function lastToAct(conversation: Conversation, isWaiting: boolean): Party | undefined {
  const candidates = conversation.parties.filter((party) => !isSupervisor(party) && party.legs.length > 0);
  const last = candidates.pop();
  if (!last || isThere(last)) return last;
  const before = candidates.filter(handles);
  return isWaiting ? whoCameBack(before, last) : (whoTalksOn(before) ?? whoLeftLast([...before, last]));
}

const isThere = (party: Party): boolean => party.legs.some((leg) => !leg.ended);
const handles = ({ purpose }: Party): boolean => purpose !== 'customer' && purpose !== 'external' && purpose !== 'acd';

/** The customer waits: the last agent who was tried, unless an earlier one has picked up since. */
function whoCameBack(before: readonly Party[], last: Party): Party {
  const lastSign = Math.max(last.connectedAt ?? -Infinity, ...last.legs.map(lastSignOf));
  if (lastSign === -Infinity) return last;
  return (
    before.findLast((party) => party.legs.some((leg) => leg.connectedAt !== null && leg.connectedAt >= lastSign)) ??
    last
  );
}

/** The agent who is on the line after a colleague has left or declined, or after a consult was given up. */
function whoTalksOn(before: readonly Party[]): Party | undefined {
  const onTheLine = before.filter((party) => (party.purpose === 'agent' || party.purpose === 'user') && isThere(party));
  return onTheLine.toSorted((one, other) => since(one) - since(other)).at(-1);
}

const since = (party: Party): number => legToShow(party).connectedAt ?? -Infinity;

function whoLeftLast(parties: readonly Party[]): Party | undefined {
  return parties.toSorted((one, other) => compare([leftAt(one)], [leftAt(other)])).at(-1);
}

const leftAt = ({ legs }: Party): number => Math.max(...legs.map(({ disconnectedAt }) => disconnectedAt ?? Infinity));

/** The conversation's queue; while somebody handles it, the queue from which that person has it. */
function queueOf(entered: readonly Party[], isWaiting: boolean, shown: Party, leg: Leg): Party | undefined {
  const { connectedAt } = leg;
  if (isWaiting || !handles(shown) || connectedAt === null) return entered.at(-1);
  return entered.findLast((party) => (queueEntry(party) ?? -Infinity) <= connectedAt) ?? entered.at(-1);
}

function lastSignOf(leg: Leg): number {
  const signs = [leg.connectedAt, leg.disconnectedAt, leg.work?.startedAt, leg.work?.endedAt];
  return Math.max(-Infinity, ...signs.flatMap((at) => at ?? []), ...leg.messages.map(({ sentAt }) => sentAt));
}

/** Live before ended; of live ones the last answered, of ended ones the last ended; then the later place. */
export function legToShow(party: Party): Leg {
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

export function directionOf(conversation: Conversation, leg: Leg): string | null {
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
