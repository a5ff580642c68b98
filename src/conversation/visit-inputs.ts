import { field, isEnded, type Communication, type Participant } from './state';

/**
 * Whether both give the same visits: all fields of the participants that visits.ts reads are the same. Of a
 * communication's state it reads only whether it has ended, and it reads no after-call work, no address and no message.
 * So about one change in five needs no visits. A merge shares the parts that it does not change, and those are most.
 */
export function giveSameVisits(before: readonly Participant[], now: readonly Participant[]): boolean {
  if (before.length !== now.length) return false;
  for (let i = 0; i < now.length; i++) {
    const [a, b] = [before[i], now[i]];
    if (a !== b && (a === undefined || b === undefined || !sameParticipant(a, b))) return false;
  }
  return true;
}

/** The list's order gives the positions. */
function sameParticipant(a: Participant, b: Participant): boolean {
  return (
    a.id === b.id &&
    a.purpose === b.purpose &&
    a.queueId === b.queueId &&
    a.userId === b.userId &&
    a.connectedTime === b.connectedTime &&
    a.supervisor === b.supervisor &&
    a.consult === b.consult &&
    a.queuedAt === b.queuedAt &&
    // A merge keeps the same list of skills, unless the snapshot has one, too.
    (a.skills === b.skills || a.skills?.join(',') === b.skills?.join(',')) &&
    sameCommunications(a.communications, b.communications)
  );
}

function sameCommunications(before: readonly Communication[], now: readonly Communication[]): boolean {
  if (before === now) return true;
  if (before.length !== now.length) return false;
  for (let i = 0; i < now.length; i++) {
    const [a, b] = [before[i], now[i]];
    if (a !== b && (a === undefined || b === undefined || !sameCommunication(a, b))) return false;
  }
  return true;
}

function sameCommunication(a: Communication, b: Communication): boolean {
  return (
    a.id === b.id &&
    a.medium === b.medium &&
    a.index === b.index &&
    isEnded(a) === isEnded(b) &&
    field(a, 'connectedTime') === field(b, 'connectedTime') &&
    field(a, 'disconnectedTime') === field(b, 'disconnectedTime') &&
    field(a, 'startAlertingTime') === field(b, 'startAlertingTime') &&
    field(a, 'disconnectType') === field(b, 'disconnectType') &&
    field(a, 'direction') === field(b, 'direction')
  );
}
