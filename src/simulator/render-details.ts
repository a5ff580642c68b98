import type { Conversation, Leg, Medium, Party } from './model';
import type { Json } from './render';
import { isoTime, present, SUPERVISION_FIELD } from './render';
import { sessionMetrics, type SessionMetric } from './session-metrics';

/** Analytics' words for the media (the SDK's enum of a session's mediaType). */
export const ANALYTICS_MEDIA_TYPE: Readonly<Record<Medium, string>> = {
  call: 'voice',
  callback: 'callback',
  chat: 'chat',
  email: 'email',
  message: 'message',
};

/** When everybody had left, also people who only listened; null: somebody is still there. */
export function conversationEnd({ parties, startedAt }: Conversation): number | null {
  const legs = parties.flatMap((party) => party.legs);
  if (legs.length === 0 || legs.some((leg) => !leg.ended)) return null;
  return Math.max(startedAt, ...legs.flatMap(({ disconnectedAt }) => disconnectedAt ?? []));
}

/** The conversation in analytics: the SDK's AnalyticsConversationWithoutAttributes. */
export function renderDetails(conversation: Conversation): Json {
  const end = conversationEnd(conversation);
  const metrics = sessionMetrics(conversation);
  const direction = conversation.parties.flatMap(({ legs }) => legs).find((leg) => leg.direction !== null)?.direction;
  return present({
    conversationId: conversation.id,
    conversationStart: isoTime(conversation.startedAt),
    conversationEnd: end === null ? null : isoTime(end),
    originatingDirection: direction ?? 'inbound',
    divisionIds: ['00000000-0000-4000-8000-000000000000'],
    participants: conversation.parties.map((party) => renderParticipant(party, metrics)),
  });
}

type MetricsBySession = ReadonlyMap<string, readonly SessionMetric[]>;

function renderParticipant(party: Party, metrics: MetricsBySession): Json {
  return present({
    participantId: party.id,
    purpose: party.purpose,
    userId: party.userId,
    sessions: party.legs.map((leg) => renderSession(party, leg, metrics.get(leg.id) ?? [])),
  });
}

function renderSession(party: Party, leg: Leg, metrics: readonly SessionMetric[]): Json {
  return present({
    sessionId: leg.id,
    mediaType: ANALYTICS_MEDIA_TYPE[leg.medium],
    direction: leg.direction,
    provider: leg.provider,
    messageType: leg.messageType,
    ...(party.supervises?.how === 'monitored' ||
    party.supervises?.how === 'coached' ||
    party.supervises?.how === 'barged'
      ? { [SUPERVISION_FIELD[party.supervises.how]]: party.supervises.partyId }
      : {}),
    metrics:
      metrics.length === 0
        ? null
        : metrics.map(({ name, value, emittedAt }) => ({ name, value, emitDate: isoTime(emittedAt) })),
    segments: segmentsOf(party, leg),
  });
}

/** The phases before the leg was connected, and since. */
function segmentsOf({ queueId }: Party, leg: Leg): readonly Json[] {
  const before = leg.initialState === 'scheduled' ? 'scheduled' : 'alert';
  const changes =
    leg.connectedAt === null || leg.connectedAt === leg.openedAt
      ? [{ at: leg.openedAt, segmentType: leg.connectedAt === null ? before : 'interact' }]
      : [
          { at: leg.openedAt, segmentType: before },
          { at: leg.connectedAt, segmentType: 'interact' },
        ];
  return changes.map(({ at, segmentType }, index) => {
    const end = changes[index + 1]?.at ?? leg.disconnectedAt;
    return present({
      segmentStart: isoTime(at),
      segmentEnd: end === null ? null : isoTime(end),
      segmentType,
      queueId,
      disconnectType: index === changes.length - 1 ? leg.disconnectType : null,
    });
  });
}
