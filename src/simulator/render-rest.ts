import type { Conversation, Leg, Party } from './model';
import type { Json } from './render';
import { isoTime, legsByMedium, MEDIUM_ARRAY, present, renderLeg, SUPERVISION_FIELD } from './render';

/** Spellings that differ between the websocket and REST (the SDK's enums). */
const REST_DISCONNECT_TYPE: Readonly<Record<string, string>> = {
  'endpoint.dnd': 'endpoint.donotdisturb',
  'transfer.dnd': 'transfer.donotdisturb',
};
/** Fields of the event body that REST's model of a participant lacks. */
const SOCKET_ONLY: ReadonlySet<string> = new Set(['wrapupExpected']);
/** Recorded answers contain every array, also empty ones. */
const EMPTY_ARRAYS: Json = Object.fromEntries(
  [...Object.values(MEDIUM_ARRAY), 'cobrowsesessions', 'screenshares', 'socialExpressions', 'videos'].map((name) => [
    name,
    [],
  ]),
);

/** Null: the queue no longer exists. */
type QueueName = (id: string) => string | null;

/** The conversation in the answer of `GET /api/v2/conversations/{id}`. */
export function renderRestConversation(conversation: Conversation, queueName: QueueName): Json {
  return {
    id: conversation.id,
    startTime: isoTime(conversation.startedAt),
    participants: conversation.parties.map((party) => renderRestParty(party, queueName)),
    recordingState: 'NONE',
    ...conversation.extra,
    selfUri: `/api/v2/conversations/${conversation.id}`,
  };
}

function renderRestParty(party: Party, queueName: QueueName): Json {
  const queue = party.queueId;
  const extra = Object.entries(party.extra).filter(([name]) => !SOCKET_ONLY.has(name));
  return present({
    id: party.id,
    startTime: isoTime(party.joinedAt),
    connectedTime: party.connectedAt === null ? null : isoTime(party.connectedAt),
    endTime: party.endedAt === null ? null : isoTime(party.endedAt),
    userId: party.userId,
    userUri: party.userId === null ? null : `/api/v2/users/${party.userId}`,
    queueId: queue,
    queueName: queue === null ? null : queueName(queue),
    purpose: party.purpose,
    ...(party.supervises === null ? {} : { [SUPERVISION_FIELD[party.supervises.how]]: party.supervises.partyId }),
    consultParticipantId: party.consultsAbout,
    conversationRoutingData:
      party.purpose === 'acd' || party.purpose === 'agent'
        ? {
            ...(queue === null ? {} : { queue: { id: queue, selfUri: `/api/v2/routing/queues/${queue}` } }),
            priority: 0,
            skills: party.skills.map((id) => ({ id, selfUri: `/api/v2/routing/skills/${id}` })),
            scoredAgents: [],
          }
        : null,
    ...Object.fromEntries(extra),
    ...EMPTY_ARRAYS,
    ...legsByMedium(party, renderRestLeg),
  });
}

function renderRestLeg(leg: Leg): Json {
  const disconnectType = leg.disconnectType && (REST_DISCONNECT_TYPE[leg.disconnectType] ?? leg.disconnectType);
  return present({
    ...renderLeg(leg),
    messagesTranscriptUri: null,
    disconnectType,
    segments: [present({ startTime: isoTime(leg.openedAt), type: segmentType(leg), disconnectType })],
    startAlertingTime: leg.initialState === 'alerting' ? isoTime(leg.openedAt) : null,
  });
}

function segmentType(leg: Leg): string {
  if (leg.connectedAt !== null) return 'Interact';
  return leg.initialState === 'scheduled' ? 'Scheduled' : 'Alert';
}
