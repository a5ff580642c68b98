import { advance, visitRecords } from './advance';
import { counted, type Counted } from './counted';
import { latestReceivedAt, partsOf } from './duplicates';
import type { ConversationEvent, SnapshotEvent } from './event';
import type { Folded, FoldSettings, VisitRecord } from './folded';
import { isLive, isQueued, markQueued, type QueuedParticipant } from './lifecycle';
import { mergeParticipants } from './merge';
import { UNKNOWN, type EndedConversation, type OpenConversation, type Participant } from './state';
import { isTooLarge, mayExceed } from './state-limits';
import { saysEnded } from './versions';
import { visits } from './visits';

/**
 * Folds an event within the retention of the end. It re-opens the conversation if it shows a live communication *and* a
 * queued acd participant with a communication, and the end knew neither. Otherwise nothing changes.
 */
export function foldAfterTheEnd(known: EndedConversation, event: ConversationEvent, settings: FoldSettings): Folded {
  if (event.gone) return { state: known, records: [], outcome: 'after-the-end' };
  const endedIds = new Set(known.communicationIds);
  const alone: OpenConversation = {
    ...UNKNOWN,
    participants: mergeParticipants([], event.participants, endedIds),
    recent: partsOf(event),
    lastReceivedAt: latestReceivedAt(event),
    endedBefore: known.communicationIds,
  };
  const withQueued = markQueued(counted(alone.participants), event.receivedAt);
  const legs = counted(withQueued);
  const queuedAgain = (participant: QueuedParticipant): boolean =>
    legs.communications(participant).some((leg) => !endedIds.has(leg.id));
  if (isLive(legs) && withQueued.some((p) => isQueued(p) && queuedAgain(p))) {
    if (isTooLarge(alone, settings)) return { state: known, records: [], outcome: 'too-large' };
    return advance(UNKNOWN, alone, event, settings, queuedAgain, null);
  }

  const news = event.participants
    .flatMap((participant) => participant.communications)
    .filter((leg) => saysEnded(leg) && !endedIds.has(leg.id))
    .map((leg) => leg.id);
  const unseen = settings.visits === 'off' ? [] : visitsUnknownTo(endedIds, event, legs);
  const written = unseen.length === 0 ? {} : { visits: unseen };
  if (news.length === 0) return { state: known, records: [], ...written, outcome: 'after-the-end' };
  const state = { ...known, communicationIds: [...known.communicationIds, ...new Set(news)] };
  const { communications, bytes } = settings.limits;
  const tooLarge =
    state.communicationIds.length > communications ||
    (mayExceed([], state.communicationIds, bytes) && settings.sizeOf(state) > bytes);
  return tooLarge
    ? { state: known, records: [], outcome: 'too-large' }
    : { state, records: [], ...written, outcome: 'after-the-end' };
}

/** The visits of the snapshot alone, of participants that have communications, all of them unknown to the end. */
function visitsUnknownTo(endedIds: ReadonlySet<string>, event: SnapshotEvent, alone: Counted): readonly VisitRecord[] {
  const isUnknown = (participant: Participant): boolean => {
    const legs = alone.communications(participant);
    return legs.length > 0 && legs.every((leg) => !endedIds.has(leg.id));
  };
  const unknown = new Set(alone.participants.filter(isUnknown).map(({ id }) => id));
  const shown = visits(event.conversationId, alone, latestReceivedAt(event)).filter((visit) =>
    unknown.has(visit.participant_id),
  );
  return visitRecords(shown, event);
}
