import type { CommunicationSnapshot, ParticipantSnapshot, SnapshotEvent } from '../event';
import { MEDIA } from '../media';
import type { JsonObject } from '../values';

/**
 * Domain → wire: a conversation as Genesys would send it if it knew only what the table uses. Normalizing it gives the
 * same event. So a recording holds no more than Kafka does, and replays like the original.
 * @param event normalized from one snapshot: positions and indexes are the places in its arrays
 */
export function wireConversation({ conversationId, participants }: SnapshotEvent): JsonObject {
  return { id: conversationId, participants: participants.map(wireParticipant) };
}

function wireParticipant(participant: ParticipantSnapshot): JsonObject {
  const { id, purpose, queueId, userId, connectedTime, supervisor, consult, skills, communications } = participant;
  const arrays = MEDIA.flatMap(([array, medium]) => {
    const legs = communications.filter((leg) => leg.medium === medium);
    return legs.length === 0 ? [] : [[array, legs.map(wireCommunication)] as const];
  });
  return present({
    id,
    purpose,
    queueId,
    userId,
    connectedTime: iso(connectedTime),
    // The table uses that this participant watches somebody, but not whom.
    monitoredParticipantId: supervisor ? 'not-recorded' : null,
    consultParticipantId: consult ? 'not-recorded' : null,
    conversationRoutingData: skills === null ? null : { skills: skills.map((skill) => ({ id: skill })) },
    ...Object.fromEntries(arrays),
  });
}

function wireCommunication(leg: CommunicationSnapshot): JsonObject {
  const { afterCallWork: work } = leg;
  return present({
    id: leg.id,
    state: leg.state,
    direction: leg.direction,
    provider: leg.provider,
    disconnectType: leg.disconnectType,
    startAlertingTime: iso(leg.startAlertingTime),
    connectedTime: iso(leg.connectedTime),
    disconnectedTime: iso(leg.disconnectedTime),
    afterCallWork: work && present({ state: work.state, startTime: iso(work.startTime), endTime: iso(work.endTime) }),
    self: wireAddress(leg.self),
    other: wireAddress(leg.other),
    fromAddress: wireAddress(leg.fromAddress),
    toAddress: wireAddress(leg.toAddress),
    callbackNumbers: leg.callbackNumber === null ? null : [leg.callbackNumber],
    subject: leg.subject,
    type: leg.messageType,
    messages:
      leg.messages?.map(({ messageTime, messageStatus }) =>
        present({ messageTime: iso(messageTime), messageStatus }),
      ) ?? null,
  });
}

function wireAddress(address: string | null): JsonObject | null {
  return address === null ? null : { addressNormalized: address };
}

function iso(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

/** Null means the same as a missing key, and takes space on disk. */
function present(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
