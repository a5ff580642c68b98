import { counted, type Counted } from './counted';
import { latestReceivedAt } from './duplicates';
import type { ConversationEvent } from './event';
import type { Folded, FoldSettings, StateRecord, VisitRecord } from './folded';
import {
  connectedTime,
  hasEnded,
  hasPendingWork,
  isLive,
  isQueued,
  markQueued,
  realConnectedTime,
  workDeadline,
  type QueuedParticipant,
} from './lifecycle';
import { mergeParticipants } from './merge';
import { project } from './project';
import { sameRow } from './row';
import { isEnded, type ConversationState, type EndedConversation, type OpenConversation, type RowFacts } from './state';
import type { QueueVisit } from './visit';
import { giveSameVisits } from './visit-inputs';
import { changedVisits, visits } from './visits';

/** The effect of a merge on the row and on the visits. */
export function advance(
  before: OpenConversation,
  merged: OpenConversation,
  event: ConversationEvent,
  settings: FoldSettings,
  first: (participant: QueuedParticipant) => boolean,
  shown: readonly QueueVisit[] | null,
): Folded {
  const participants = markQueued(counted(merged.participants), event.receivedAt);
  const legs = counted(participants);
  const folded = advanceRow(before, { ...merged, participants }, legs, event, settings, first);
  if (settings.visits === 'off' || !participants.some(isQueued)) return folded;
  const { state, records, outcome } = folded;
  if (giveSameVisits(before.participants, participants)) {
    return shown === null ? folded : { state, records, outcome, shown };
  }
  const id = event.conversationId;
  const updatedAt = latestReceivedAt(event);
  const now = visits(id, legs, updatedAt);
  const changed = changedVisits(shown ?? visits(id, counted(before.participants), updatedAt), now);
  if (changed.length === 0) return { state, records, outcome, shown: shown ?? now };
  return { state, records, visits: visitRecords(changed, event), outcome, shown: now };
}

/**
 * The lifecycle after a merge (section 4): creates the row, changes it, or closes it.
 * @param first the queued participants from which a new row may take its connected_time
 */
function advanceRow(
  before: OpenConversation,
  merged: OpenConversation,
  legs: Counted,
  event: ConversationEvent,
  settings: FoldSettings,
  first: (participant: QueuedParticipant) => boolean,
): Folded {
  const now = event.receivedAt;
  const { participants } = merged;
  const live = isLive(legs);
  const open: OpenConversation = { ...merged, endedAt: live ? null : (before.endedAt ?? now) };

  if (open.row === null) {
    const origin = live ? participants.find((p): p is QueuedParticipant => isQueued(p) && first(p)) : undefined;
    if (origin !== undefined) return withRow({ ...open, row: createRow(legs, origin, now) }, legs, before, event);
    // A conversation that was never queued and live has no row, but it leaves its marker when it ends.
    if (hasEnded(legs)) return { state: endedState(open, now, event), records: [], outcome: 'folded' };
    return { state: { ...open, endedAt: null }, records: [], outcome: 'folded' };
  }

  const row = withRealConnectedTime(open.row, legs);
  const waitsForWork =
    settings.closeAfter === 'acw' &&
    !event.gone &&
    hasPendingWork(legs) &&
    now <= workDeadline(legs, open.endedAt ?? now, settings.acwTimeoutMs);
  if (!live && !waitsForWork) return close({ ...open, row }, event.conversationId, now, event);
  return withRow({ ...open, row }, legs, before, event);
}

function createRow(legs: Counted, origin: QueuedParticipant, now: number): RowFacts {
  return {
    createdAt: now,
    updatedAt: now,
    connectedTime: connectedTime(legs, origin),
    provisionalFor: realConnectedTime(legs, origin) === null ? origin.id : null,
  };
}

/** connected_time stays while the row lives, except that the real time replaces a receive time once it is known. */
function withRealConnectedTime(row: RowFacts, legs: Counted): RowFacts {
  if (row.provisionalFor === null) return row;
  const origin = legs.participants.find((participant) => participant.id === row.provisionalFor);
  const real = origin === undefined ? null : realConnectedTime(legs, origin);
  return real === null ? row : { ...row, connectedTime: real, provisionalFor: null };
}

/** "A record is written only if a column other than db_last_updated changed." */
function withRow(
  open: OpenConversation & { readonly row: RowFacts },
  legs: Counted,
  before: OpenConversation,
  event: ConversationEvent,
): Folded {
  const id = event.conversationId;
  if (open.participants === before.participants && open.row === before.row) {
    return { state: open, records: [], outcome: 'folded' };
  }
  const projected = project(id, legs, open.row);
  if (before.row !== null && sameRow(project(id, counted(before.participants), before.row), projected)) {
    return { state: open, records: [], outcome: 'folded' };
  }
  const row = { ...open.row, updatedAt: Math.max(open.row.updatedAt, latestReceivedAt(event)) };
  const record = {
    conversationId: id,
    row: { ...projected, db_last_updated: row.updatedAt },
    timestamp: event.receivedAt,
  };
  return { state: { ...open, row }, records: [record], outcome: 'folded' };
}

/** The row that the state topic should hold now; null: none. */
export function rowOf(conversationId: string, state: ConversationState): StateRecord | null {
  if (state.kind === 'ended' || state.row === null) return null;
  const row = project(conversationId, counted(state.participants), state.row);
  return { conversationId, row, timestamp: state.row.updatedAt };
}

/**
 * The visits that their topic should hold now, as far as the state knows them: it no longer knows those of an ended
 * conversation.
 */
export function visitsOf(conversationId: string, state: ConversationState): readonly VisitRecord[] {
  if (state.kind === 'ended') return [];
  const { participants, lastReceivedAt: timestamp } = state;
  return visits(conversationId, counted(participants), timestamp).map((visit) => ({ visit, timestamp }));
}

/**
 * The closing row, always, and the tombstone; then the marker.
 * @param event the event that ended it; null: its deadline did
 */
export function close(
  open: OpenConversation & { readonly row: RowFacts },
  conversationId: string,
  at: number,
  event: ConversationEvent | null,
): Folded {
  const row = { ...open.row, updatedAt: Math.max(open.row.updatedAt, at) };
  return {
    state: endedState(open, at, event),
    records: [
      { conversationId, row: project(conversationId, counted(open.participants), row), timestamp: at },
      tombstone(conversationId, at),
    ],
    outcome: 'folded',
  };
}

/**
 * A participant who supervised in an earlier snapshot need not supervise in the one that ended the conversation. That
 * snapshot alone would then re-open it (section 3, property (a)), so the marker also holds its communications
 * (docs/design.md, choice 4).
 */
function endedState(open: OpenConversation, endedAt: number, event: ConversationEvent | null): EndedConversation {
  const ended = open.participants.flatMap((p) => p.communications.filter(isEnded));
  const shown = mergeParticipants([], event?.participants ?? [], new Set())
    .filter(({ supervisor }) => !supervisor)
    .flatMap(({ communications }) => communications);
  const ids = [...ended, ...shown].map(({ id }) => id);
  return { kind: 'ended', endedAt, communicationIds: [...new Set([...open.endedBefore, ...ids])], erased: false };
}

export function tombstone(conversationId: string, timestamp: number): StateRecord {
  return { conversationId, row: null, timestamp };
}

export function visitRecords(written: readonly QueueVisit[], event: ConversationEvent): readonly VisitRecord[] {
  return written.map((visit) => ({ visit, timestamp: event.receivedAt }));
}
