import { hasLiveCommunication, type Counted } from './counted';
import { field, type Participant } from './state';
import { later } from './versions';

/** Specification, section 4: when a conversation is queued, live and ended; and its connected times. */

/** An acd participant (in any case of letters) that has a queue and has connected. */
export function isQueuedNow(of: Counted, participant: Participant): boolean {
  if (participant.queueId === null || purposeOf(participant) !== 'acd') return false;
  return (
    participant.connectedTime !== null ||
    of.communications(participant).some((leg) => leg.connected || field(leg, 'connectedTime') !== null)
  );
}

/** Remembers which participants this event made queued: "once true it stays true". */
export function markQueued(of: Counted, receivedAt: number): readonly Participant[] {
  const isNew = (participant: Participant): boolean => participant.queuedAt === null && isQueuedNow(of, participant);
  if (!of.participants.some(isNew)) return of.participants;
  return of.participants.map((participant) =>
    isNew(participant) ? { ...participant, queuedAt: receivedAt } : participant,
  );
}

/** A participant that is or was queued. Its queue is known, because a known queue does not disappear. */
export type QueuedParticipant = Participant & { readonly queuedAt: number; readonly queueId: string };

export function isQueued(participant: Participant): participant is QueuedParticipant {
  return participant.queuedAt !== null && participant.queueId !== null;
}

/** Some communication of a participant that does not supervise has not ended. */
export function isLive(of: Counted): boolean {
  return of.participants.some((participant) => !participant.supervisor && hasLiveCommunication(of, participant));
}

/** It has a communication of a participant that does not supervise, and none of them is live. */
export function hasEnded(of: Counted): boolean {
  return (
    !isLive(of) &&
    of.participants.some((participant) => !participant.supervisor && of.communications(participant).length > 0)
  );
}

/** The participant's own connected time, else the earliest of its communications'; null: Genesys has not said. */
export function realConnectedTime(of: Counted, participant: Participant): number | null {
  if (participant.connectedTime !== null) return participant.connectedTime;
  let least: number | null = null;
  for (const communication of of.communications(participant)) {
    const time = field(communication, 'connectedTime');
    if (time !== null && (least === null || time < least)) least = time;
  }
  return least;
}

/** The real connected time, else the receive time of the event that made the participant queued. */
export function connectedTime(of: Counted, participant: QueuedParticipant): number {
  return realConnectedTime(of, participant) ?? participant.queuedAt;
}

/** After-call work of some communication is `pending`, also of a supervisor's. */
export function hasPendingWork(of: Counted): boolean {
  return of.participants.some((participant) =>
    of.communications(participant).some((leg) => field(leg, 'afterCallWork')?.state === 'pending'),
  );
}

/** Until when pending after-call work keeps the row. */
export function workDeadline(of: Counted, endedAt: number, acwTimeoutMs: number): number {
  let latest: number | null = null;
  for (const participant of of.participants) {
    for (const communication of of.communications(participant)) {
      latest = later(latest, field(communication, 'disconnectedTime'));
    }
  }
  return (latest ?? endedAt) + acwTimeoutMs;
}

const SPELLED: ReadonlySet<string> = new Set(['customer', 'external', 'acd', 'agent', 'user', 'ivr', 'workflow']);

/** In lower case. */
export function purposeOf({ purpose }: Participant): string | null {
  // Nearly all purposes are lower case. A lookup is cheaper than a conversion, and this runs for every participant of
  // every event.
  return purpose === null || SPELLED.has(purpose) ? purpose : purpose.toLowerCase();
}
