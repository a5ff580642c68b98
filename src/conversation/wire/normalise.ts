import type { CommunicationSnapshot, MessageSnapshot, ParticipantSnapshot, SnapshotEvent } from '../event';
import type { Limits } from '../limits';
import { MEDIA } from '../media';
import { address, array, isObject, reference, text, time, type JsonObject } from '../values';
import { invalid, skip, type Outcome } from './outcome';

/**
 * Wire → domain (specification, section 2): keeps only the fields that the table uses, so that names, attributes, notes
 * and transcripts never reach Kafka.
 */
export function normaliseConversation(body: unknown, receivedAt: number, source: string, limits: Limits): Outcome {
  if (!isObject(body)) return invalid('not-an-object', 'the conversation is not a JSON object');
  const conversationId = text(body['id']);
  if (conversationId === null) return invalid('no-conversation-id', 'the conversation has no id');
  const listed = body['participants'];
  if (listed !== undefined && listed !== null && !Array.isArray(listed)) {
    return invalid('participants-not-an-array', '"participants" is not an array');
  }

  const participants: ParticipantSnapshot[] = [];
  let communications = 0;
  const wires = array(listed);
  for (let position = 0; position < wires.length; position++) {
    const participant = normaliseParticipant(wires[position], position);
    if ('kind' in participant) return participant;
    participants.push(participant);
    communications += participant.communications.length;
  }
  if (participants.length > limits.participants) {
    return invalid('too-large', `${participants.length} participants, but ${limits.participants} are allowed`);
  }
  if (communications > limits.communications) {
    return invalid('too-large', `${communications} communications, but ${limits.communications} are allowed`);
  }
  if (communications === 0) return skip('no-communications');
  const event: SnapshotEvent = { conversationId, receivedAt, source, gone: false, participants, fingerprint: null };
  return { kind: 'event', event };
}

function normaliseParticipant(
  wire: unknown,
  position: number,
): ParticipantSnapshot | Extract<Outcome, { kind: 'invalid' }> {
  if (!isObject(wire)) return invalid('participant-not-an-object', `participants[${position}] is not an object`);
  const id = text(wire['id']);
  if (id === null) return invalid('participant-without-id', `participants[${position}] has no id`);
  const supervisor = isSupervisor(wire);

  const communications: CommunicationSnapshot[] = [];
  for (const [name, medium] of MEDIA) {
    const legs = wire[name];
    if (!Array.isArray(legs)) continue;
    for (let index = 0; index < legs.length; index++) {
      const leg: unknown = legs[index];
      if (!isObject(leg)) {
        return invalid('communication-not-an-object', `participants[${position}].${name}[${index}] is not an object`);
      }
      const communicationId = text(leg['id']);
      if (communicationId === null) {
        return invalid('communication-without-id', `participants[${position}].${name}[${index}] has no id`);
      }
      communications.push(normaliseCommunication(leg, communicationId, medium, index, supervisor));
    }
  }
  return {
    id,
    position,
    purpose: text(wire['purpose']),
    queueId: text(wire['queueId']),
    userId: text(wire['userId']),
    connectedTime: time(wire['connectedTime']),
    supervisor,
    consult: text(wire['consultParticipantId']) !== null,
    skills: skillsOf(wire['conversationRoutingData']),
    communications,
  };
}

/** Written out: spread from parts, it takes twice as long, and a notification has a dozen. */
function normaliseCommunication(
  leg: JsonObject,
  id: string,
  medium: string,
  index: number,
  ofSupervisor: boolean,
): CommunicationSnapshot {
  // A supervisor is never the latest participant, so the table does not need its addresses and subject.
  const tells = ofSupervisor ? null : medium;
  return {
    id,
    medium,
    index,
    state: text(leg['state']),
    direction: text(leg['direction']),
    provider: text(leg['provider']),
    disconnectType: eventSpelling(text(leg['disconnectType'])),
    startAlertingTime: time(leg['startAlertingTime']),
    connectedTime: time(leg['connectedTime']),
    disconnectedTime: time(leg['disconnectedTime']),
    afterCallWork: afterCallWorkOf(leg['afterCallWork']),
    // The only personal data of the table: ani, dnis and subject (section 5).
    self: tells === 'Voice' ? address(leg['self']) : null,
    other: tells === 'Voice' ? address(leg['other']) : null,
    fromAddress: tells === 'Message' ? address(leg['fromAddress']) : null,
    toAddress: tells === 'Message' ? address(leg['toAddress']) : null,
    callbackNumber: tells === 'Callback' ? firstText(leg['callbackNumbers']) : null,
    subject: tells === 'Email' ? text(leg['subject']) : null,
    messageType: medium === 'Message' ? text(leg['type']) : null,
    messages: messagesOf(leg['messages'], medium),
  };
}

function firstText(wire: unknown): string | null {
  return text(array(wire).find((one) => text(one) !== null));
}

/** One of these fields says whom a supervisor watches (section 4). */
function isSupervisor(participant: JsonObject): boolean {
  return (
    text(participant['monitoredParticipantId']) !== null ||
    text(participant['coachedParticipantId']) !== null ||
    text(participant['bargedParticipantId']) !== null ||
    text(participant['screenMonitoredParticipantId']) !== null
  );
}

/** Keeps order and repetitions; `[]` counts as absent (agents carry empty ones). */
function skillsOf(routingData: unknown): readonly string[] | null {
  if (!isObject(routingData)) return null;
  const skills = array(routingData['skills'])
    .map(reference)
    .filter((id) => id !== null);
  return skills.length > 0 ? skills : null;
}

function afterCallWorkOf(wire: unknown): CommunicationSnapshot['afterCallWork'] {
  if (!isObject(wire)) return null;
  const work = { state: text(wire['state']), startTime: time(wire['startTime']), endTime: time(wire['endTime']) };
  return work.state === null && work.startTime === null && work.endTime === null ? null : work;
}

/** The times make progress in every medium, but only messages have a column for the status. */
function messagesOf(wire: unknown, medium: string): readonly MessageSnapshot[] | null {
  if (wire === undefined) return null;
  const messages = array(wire)
    .filter(isObject)
    .map((message) => ({
      messageTime: time(message['messageTime']),
      messageStatus: medium === 'Message' ? text(message['messageStatus']) : null,
    }));
  return messages.length > 0 ? messages : null;
}

/** REST says `donotdisturb` where events say `dnd`. */
function eventSpelling(disconnectType: string | null): string | null {
  switch (disconnectType) {
    case 'endpoint.donotdisturb':
      return 'endpoint.dnd';
    case 'transfer.donotdisturb':
      return 'transfer.dnd';
    default:
      return disconnectType;
  }
}
