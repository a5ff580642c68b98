import { advance, tombstone } from './advance';
import { foldAfterTheEnd } from './after-the-end';
import { counted } from './counted';
import { DUPLICATE_WINDOW, isDuplicate, latestReceivedAt, partsOf } from './duplicates';
import { erasedState, isErased } from './erase';
import type { ConversationEvent, GoneEvent, SnapshotEvent } from './event';
import type { Folded, FoldSettings } from './folded';
import { mergeParticipants } from './merge';
import { UNKNOWN, type Communication, type ConversationState, type OpenConversation } from './state';
import { isTooLarge } from './state-limits';
import type { QueueVisit } from './visit';
import { visits } from './visits';

/**
 * Folds one event into one conversation: the pure heart of queuefold (specification, sections 3 to 5). No clock, no
 * I/O. The caller must have done the work that is due by then (`dueAt`): see partition.ts.
 * @param shown `Folded.shown` of the event before it, so that it need not be projected again; null: not known
 */
export function fold(
  known: ConversationState | null,
  event: ConversationEvent,
  settings: FoldSettings,
  shown: readonly QueueVisit[] | null = null,
): Folded {
  const folded = foldFitting(known, event, settings, shown);
  const { records, visits = [] } = folded;
  if (records.every(settings.fits) && visits.every(settings.fits)) return folded;
  return { state: known, records: [], outcome: 'too-large' };
}

/** The fold without the check of the records' sizes. */
function foldFitting(
  known: ConversationState | null,
  event: ConversationEvent,
  settings: FoldSettings,
  shown: readonly QueueVisit[] | null,
): Folded {
  if (event.gone && event.erase === true) return foldErase(known, event, settings);
  if (isErased(known, event.receivedAt)) return { state: known, records: [], outcome: 'after-the-end' };
  if (known?.kind === 'ended' && !known.erased && event.receivedAt <= known.endedAt + settings.endedRetentionMs) {
    return foldAfterTheEnd(known, event, settings);
  }
  const open = known?.kind === 'open' ? known : null;
  if (event.gone) return foldGone(open, known, event, settings, shown);
  return foldSnapshot(open ?? UNKNOWN, known, event, settings, open === null ? null : shown);
}

function foldSnapshot(
  open: OpenConversation,
  known: ConversationState | null,
  event: SnapshotEvent,
  settings: FoldSettings,
  shown: readonly QueueVisit[] | null,
): Folded {
  const parts = partsOf(event);
  if (isDuplicate(open.recent, parts)) return { state: known, records: [], outcome: 'duplicate' };
  const merged: OpenConversation = {
    ...open,
    participants: mergeParticipants(open.participants, event.participants, new Set(open.endedBefore)),
    recent: [...open.recent, ...parts].slice(-DUPLICATE_WINDOW),
    lastReceivedAt: Math.max(open.lastReceivedAt, latestReceivedAt(event)),
  };
  if (isTooLarge(merged, settings)) return { state: known, records: [], outcome: 'too-large' };
  return advance(open, merged, event, settings, anyQueued, shown);
}

/**
 * "Every live communication becomes `disconnected`, its other fields stay; closing row and tombstone. Unknown
 * conversation: nothing", unless the bridge has seen its row: then the fold lost its knowledge, and the row has to go.
 */
function foldGone(
  open: OpenConversation | null,
  known: ConversationState | null,
  event: GoneEvent,
  settings: FoldSettings,
  shown: readonly QueueVisit[] | null,
): Folded {
  const lost = event.hasRow === true ? [tombstone(event.conversationId, event.receivedAt)] : [];
  if (open === null) return { state: known, records: lost, outcome: 'unknown-gone' };
  const participants = open.participants.map((participant) => ({
    ...participant,
    communications: participant.communications.map(disconnected),
  }));
  const merged = { ...open, participants, lastReceivedAt: Math.max(open.lastReceivedAt, event.receivedAt) };
  const folded = advance(open, merged, event, settings, anyQueued, shown);
  return open.row === null ? { ...folded, records: [...folded.records, ...lost] } : folded;
}

/**
 * Always writes a tombstone, because the state topic may have a row that the fold has forgotten. It writes no closing
 * row, which would repeat the erased data.
 */
function foldErase(known: ConversationState | null, event: GoneEvent, settings: FoldSettings): Folded {
  const { conversationId, receivedAt: timestamp, visitsOf = [] } = event;
  const tombstone = { conversationId, row: null, timestamp, erased: true };
  const erased = { state: erasedState(event), records: [tombstone], outcome: 'folded' } as const;
  if (settings.visits === 'off') return erased;
  const shown = known?.kind === 'open' ? visits(conversationId, counted(known.participants), timestamp) : [];
  return { ...erased, erasedVisits: [...new Set([...shown.map((visit) => visit.participant_id), ...visitsOf])] };
}

function disconnected(communication: Communication): Communication {
  const [top, ...rest] = communication.versions;
  if (top === undefined || top.ended) return communication;
  return { ...communication, versions: [{ ...top, ended: true, state: 'disconnected' }, ...rest] };
}

function anyQueued(): boolean {
  return true;
}
