import type { Address, Conversation, Leg, Medium, Party, Supervision } from './model';

export type Json = Record<string, unknown>;

/** A notification on the websocket. Notifications share parts, so treat it as read-only. */
export interface NotificationFrame {
  readonly topicName: string;
  readonly version?: string;
  readonly eventBody: Json;
  readonly metadata?: { readonly CorrelationId: string };
}

/** The participant's array with its communications of a medium. */
export const MEDIUM_ARRAY: Readonly<Record<Medium, string>> = {
  call: 'calls',
  callback: 'callbacks',
  chat: 'chats',
  email: 'emails',
  message: 'messages',
};

export const SUPERVISION_FIELD: Readonly<Record<Supervision, string>> = {
  monitored: 'monitoredParticipantId',
  coached: 'coachedParticipantId',
  barged: 'bargedParticipantId',
  screenMonitored: 'screenMonitoredParticipantId',
};

export const isoTime = (at: number): string => new Date(at).toISOString();

/** Leaves nulls out: a notification has none. */
export function present(fields: Json): Json {
  const kept: Json = {};
  for (const key in fields) if (fields[key] !== null) kept[key] = fields[key];
  return kept;
}

const time = (at: number | null): string | null => (at === null ? null : isoTime(at));

/** Renders a conversation as `v2.routing.queues.{id}.conversations` does, an unchanged participant only once. */
export function createNotificationRenderer(): (conversation: Conversation) => Json {
  const rendered = new Map<Party, { readonly version: number; readonly json: Json }>();

  function party(one: Party): Json {
    const known = rendered.get(one);
    if (known?.version === one.version) return known.json;
    const json = renderParty(one);
    rendered.set(one, { version: one.version, json });
    return json;
  }

  return (conversation) => ({
    id: conversation.id,
    maxParticipants: conversation.parties.length,
    participants: conversation.parties.map(party),
    recordingState: 'none',
    ...conversation.extra,
  });
}

function renderParty(party: Party): Json {
  return present({
    id: party.id,
    connectedTime: time(party.connectedAt),
    endTime: time(party.endedAt),
    userId: party.userId,
    queueId: party.queueId,
    purpose: party.purpose,
    ...workTimes(party),
    ...(party.supervises === null ? {} : { [SUPERVISION_FIELD[party.supervises.how]]: party.supervises.partyId }),
    consultParticipantId: party.consultsAbout,
    conversationRoutingData: routingData(party),
    ...party.extra,
    ...legsByMedium(party, renderLeg),
  });
}

function workTimes(party: Party): Json {
  const work = party.legs.findLast((leg) => leg.work !== null)?.work;
  return { startAcwTime: time(work?.startedAt ?? null), endAcwTime: time(work?.endedAt ?? null) };
}

/** As in recordings: agents have `{}` if there is nothing to refer to. */
function routingData(party: Party): Json | null {
  if (party.purpose === 'agent') return { queue: {}, language: {}, priority: 0, skills: [] };
  if (party.purpose !== 'acd') return null;
  return {
    queue: { id: party.queueId },
    language: {},
    priority: 0,
    ...(party.skills.length === 0 ? {} : { skills: party.skills.map((id) => ({ id })) }),
    scoredAgents: [],
  };
}

export function legsByMedium(party: Party, render: (leg: Leg) => Json): Json {
  const arrays: Record<string, Json[]> = {};
  for (const leg of party.legs) (arrays[MEDIUM_ARRAY[leg.medium]] ??= []).push(render(leg));
  return arrays;
}

/** The fields that notifications and REST answers share. */
export function renderLeg(leg: Leg): Json {
  return present({
    state: leg.state,
    initialState: leg.initialState,
    id: leg.id,
    direction: leg.direction,
    provider: leg.provider,
    disconnectType: leg.disconnectType,
    connectedTime: time(leg.connectedAt),
    disconnectedTime: time(leg.disconnectedAt),
    subject: leg.subject,
    type: leg.messageType,
    ...addressFields(leg),
    ...(leg.medium === 'message' ? { messages: leg.messages.map(renderMessage) } : {}),
    afterCallWork:
      leg.work === null
        ? null
        : present({ state: leg.work.state, startTime: time(leg.work.startedAt), endTime: time(leg.work.endedAt) }),
    ...leg.extra,
  });
}

function renderMessage({ sentAt, status, extra }: Leg['messages'][number]): Json {
  return { ...extra, messageTime: isoTime(sentAt), messageStatus: status };
}

function addressFields(leg: Leg): Json {
  const [from, to] = [renderAddress(leg.from), renderAddress(leg.to)];
  if (leg.medium === 'call') return { self: from, other: to };
  return leg.medium === 'message' ? { fromAddress: from, toAddress: to } : {};
}

function renderAddress(address: Address | null): Json | null {
  if (address === null) return null;
  return { ...address.extra, [address.rawOnly ? 'addressRaw' : 'addressNormalized']: address.value };
}
