import { counted, type Counted } from './counted';
import { ERASED_FOR_MS, erasedState, isErased } from './erase';
import type { ConversationEvent, GoneEvent, SnapshotEvent } from './event';
import { fingerprint } from './fingerprint';
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
import { DEFAULT_LIMITS, type Limits } from './limits';
import { mergeParticipants, saysEnded } from './merge';
import { project } from './project';
import { STATE_COLUMNS, type QueueConversation } from './row';
import {
  isEnded,
  UNKNOWN,
  type Communication,
  type ConversationState,
  type EndedConversation,
  type OpenConversation,
  type Participant,
  type RecentEvent,
  type RowFacts,
} from './state';
import type { QueueVisit } from './visit';
import { changedVisits, visits } from './visits';

export interface FoldSettings {
  readonly closeAfter: 'disconnect' | 'acw';
  readonly acwTimeoutMs: number;
  readonly endedRetentionMs: number;
  /** Whether visits are written. */
  readonly visits: 'on' | 'off';
  readonly limits: Limits;
  /** The size of a state as the changelog writes it, in bytes. */
  readonly sizeOf: (state: ConversationState) => number;
  /** Whether the log takes the record. One that it does not take makes its event `too-large`. */
  readonly fits: (record: StateRecord | VisitRecord) => boolean;
}

/** What an operator decides of it; the rest follows from the log. */
export type FoldChoices = Omit<FoldSettings, 'sizeOf' | 'fits'>;

export const DEFAULT_FOLD_SETTINGS: FoldSettings = {
  closeAfter: 'disconnect',
  acwTimeoutMs: 15 * 60_000,
  endedRetentionMs: 60 * 60_000,
  visits: 'on',
  limits: DEFAULT_LIMITS,
  sizeOf: () => 0,
  fits: () => true,
};

/** What is known of a conversation without row and without end is forgotten so long after its last event. */
const FORGET_AFTER_MS = 7 * 24 * 60 * 60_000;
export const DUPLICATE_WITHIN_MS = 10_000;
export const DUPLICATE_WINDOW = 8;

/** A record of the state topic; `row` null is a tombstone. */
export interface StateRecord {
  readonly conversationId: string;
  readonly row: QueueConversation | null;
  /** Epoch ms: the receive time of its event, or the deadline that closed it. */
  readonly timestamp: number;
  /** The tombstone of an erased conversation: whoever keeps older records of it deletes them. */
  readonly erased?: boolean;
}

/** A record of the topic of visits. */
export interface VisitRecord {
  readonly visit: QueueVisit;
  /** Epoch ms: the receive time of its event. */
  readonly timestamp: number;
}

export interface Folded {
  /** Null: unknown. The same object as before when nothing changed. */
  readonly state: ConversationState | null;
  /** In this order. */
  readonly records: readonly StateRecord[];
  /** Of the topic of visits, after them, in this order. Absent: none. */
  readonly visits?: readonly VisitRecord[];
  /** The participants whose visits get a tombstone, with the time of the event. Absent: none. */
  readonly erasedVisits?: readonly string[];
  /** All visits of the conversation as they are now, to be handed over with its next event. Absent: not known. */
  readonly shown?: readonly QueueVisit[];
  readonly outcome: FoldOutcome;
}

/** `too-large`: the event goes to the dead letters and nothing else changes. */
export type FoldOutcome = 'folded' | 'duplicate' | 'after-the-end' | 'unknown-gone' | 'too-large';

/**
 * One event into one conversation: the pure heart of queuefold (specification, sections 3 to 5). No clock, no I/O.
 * What is due by then (`dueAt`) must have been done before: see partition.ts.
 * @param shown what the event before it left in `Folded.shown`, so that it need not be projected again; null: not known
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

/** … but for the size of its records. */
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
 * "Every live communication becomes `disconnected`, its other fields stay; closing row and tombstone. Unknown conversation:
 * nothing", unless the bridge has seen a row of it: then the fold lost what it knew, and the row has to go.
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

function tombstone(conversationId: string, timestamp: number): StateRecord {
  return { conversationId, row: null, timestamp };
}

/** Always a tombstone: the state topic may have a row of what the fold has forgotten. No closing row: it would say it all again. */
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

/**
 * An event within the retention of the end: re-opens the conversation when it shows a live communication *and* a queued
 * acd participant with a communication that both the end did not know; else nothing changes.
 */
function foldAfterTheEnd(known: EndedConversation, event: ConversationEvent, settings: FoldSettings): Folded {
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
  const queuedAnew = (participant: QueuedParticipant): boolean =>
    legs.communications(participant).some((leg) => !endedIds.has(leg.id));
  if (isLive(legs) && withQueued.some((p) => isQueued(p) && queuedAnew(p))) {
    if (isTooLarge(alone, settings)) return { state: known, records: [], outcome: 'too-large' };
    return advance(UNKNOWN, alone, event, settings, queuedAnew, null);
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

/** Those of the snapshot alone, of participants that have communications, all of which the end did not know. */
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

function visitRecords(written: readonly QueueVisit[], event: ConversationEvent): readonly VisitRecord[] {
  return written.map((visit) => ({ visit, timestamp: event.receivedAt }));
}

/** What a merge makes of the row, and of the visits. */
function advance(
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
  if (settings.visits === 'off') return folded;
  const { state, records, outcome } = folded;
  if (participants === before.participants) return shown === null ? folded : { state, records, outcome, shown };
  const id = event.conversationId;
  const updatedAt = latestReceivedAt(event);
  const now = visits(id, legs, updatedAt);
  if (now.length === 0) return folded;
  const changed = changedVisits(shown ?? visits(id, counted(before.participants), updatedAt), now);
  if (changed.length === 0) return { state, records, outcome, shown: now };
  return { state, records, visits: visitRecords(changed, event), outcome, shown: now };
}

/**
 * The lifecycle after a merge (section 4): creates the row, changes it, or closes it.
 * @param first which queued participants a new row may take its connected_time from
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
    // Never queued and live: no row. What ended leaves its marker all the same.
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

function anyQueued(): boolean {
  return true;
}

function createRow(legs: Counted, origin: QueuedParticipant, now: number): RowFacts {
  return {
    createdAt: now,
    updatedAt: now,
    connectedTime: connectedTime(legs, origin),
    provisionalFor: realConnectedTime(legs, origin) === null ? origin.id : null,
  };
}

/** connected_time does not move while the row lives, but a receive time is replaced once the real one is known. */
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

/** The row that the state topic should have now; null: none. */
export function rowOf(conversationId: string, state: ConversationState): StateRecord | null {
  if (state.kind === 'ended' || state.row === null) return null;
  const row = project(conversationId, counted(state.participants), state.row);
  return { conversationId, row, timestamp: state.row.updatedAt };
}

function sameRow(a: QueueConversation, b: QueueConversation): boolean {
  return STATE_COLUMNS.every((column) => column === 'db_last_updated' || a[column] === b[column]);
}

/**
 * The closing row, always, and the tombstone; then the marker.
 * @param event that ended it; null: its deadline did
 */
function close(
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
 * Whoever supervised in an earlier snapshot need not in the one that ended the conversation, which by itself would then
 * re-open it (section 3, property (a)): the marker holds what that one shows, too (docs/design.md, choice 4).
 */
function endedState(open: OpenConversation, endedAt: number, event: ConversationEvent | null): EndedConversation {
  const ended = open.participants.flatMap((p) => p.communications.filter(isEnded));
  const shown = mergeParticipants([], event?.participants ?? [], new Set())
    .filter(({ supervisor }) => !supervisor)
    .flatMap(({ communications }) => communications);
  const ids = [...ended, ...shown].map(({ id }) => id);
  return { kind: 'ended', endedAt, communicationIds: [...new Set([...open.endedBefore, ...ids])], erased: false };
}

/** The places that it takes in the window of duplicates: one, or of a merged event those of what went into it. */
function partsOf(event: SnapshotEvent): readonly RecentEvent[] {
  if (event.parts === undefined || event.parts.length === 0) {
    return [{ digest: event.fingerprint ?? fingerprint(event), receivedAt: event.receivedAt }];
  }
  return event.parts.map((part) => ({ digest: part.fingerprint, receivedAt: part.receivedAt }));
}

/** A merged event has no duplicate: what it is merged from was none. */
function isDuplicate(recent: readonly RecentEvent[], parts: readonly RecentEvent[]): boolean {
  const [event] = parts;
  if (event === undefined || parts.length > 1) return false;
  return recent.some(
    (other) =>
      Math.abs(other.receivedAt - event.receivedAt) <= DUPLICATE_WITHIN_MS && event.digest.equals(other.digest),
  );
}

/** A merged event stands at the first's time, and has changed the row at the last's. */
function latestReceivedAt(event: ConversationEvent): number {
  const parts = event.gone ? [] : (event.parts ?? []);
  return parts.reduce((latest, part) => Math.max(latest, part.receivedAt), event.receivedAt);
}

function isTooLarge(open: OpenConversation, settings: FoldSettings): boolean {
  const { limits } = settings;
  const communications = open.participants.reduce((sum, p) => sum + p.communications.length, 0);
  return (
    open.participants.length > limits.participants ||
    communications > limits.communications ||
    (mayExceed(open.participants, open.endedBefore, limits.bytes) && settings.sizeOf(open) > limits.bytes)
  );
}

/** A cheap upper bound, so that states are measured exactly only where it matters. */
function mayExceed(participants: readonly Participant[], endedIds: readonly string[], bytes: number): boolean {
  let characters = 0;
  let records = 10 + endedIds.length;
  for (const id of endedIds) characters += id.length;
  for (const p of participants) {
    records += 1 + (p.skills?.length ?? 0) + p.communications.length;
    characters += p.id.length + lengthOf(p.purpose) + lengthOf(p.queueId) + lengthOf(p.userId);
    if (p.skills !== null) for (const skill of p.skills) characters += skill.length;
    for (const leg of p.communications) {
      records += leg.versions.length;
      characters += leg.id.length + leg.medium.length;
      for (const v of leg.versions) {
        characters += lengthOf(v.state) + lengthOf(v.direction) + lengthOf(v.provider) + lengthOf(v.disconnectType);
        characters += lengthOf(v.self) + lengthOf(v.other) + lengthOf(v.fromAddress) + lengthOf(v.toAddress);
        characters += lengthOf(v.callbackNumber) + lengthOf(v.subject) + lengthOf(v.messageType);
        characters += lengthOf(v.afterCallWork?.state ?? null) + lengthOf(v.messages?.messageStatus ?? null);
      }
    }
  }
  // A UTF-16 unit is at most 3 bytes of UTF-8; 200 bytes hold the numbers, lengths and tags of any record.
  return 3 * characters + 200 * records > bytes;
}

function lengthOf(text: string | null): number {
  return text === null ? 0 : text.length;
}

// ------------------------------------------------------------------------------------------------------------- time

/**
 * The receive time after which (not at which) something is due although the conversation itself has no event:
 * closing a row past its deadline, forgetting a marker or what was never queued. Null: nothing.
 */
export function dueAfter(state: ConversationState, settings: FoldSettings): number | null {
  if (state.kind === 'ended') return state.endedAt + (state.erased ? ERASED_FOR_MS : 2 * settings.endedRetentionMs);
  if (state.row === null) return state.lastReceivedAt + FORGET_AFTER_MS;
  return rowDeadline(state, settings);
}

/** The deadline of a row that waits for after-call work; null for any other state. */
export function rowDeadline(state: ConversationState, settings: FoldSettings): number | null {
  if (state.kind === 'ended' || state.row === null || state.endedAt === null) return null;
  return workDeadline(counted(state.participants), state.endedAt, settings.acwTimeoutMs);
}

/** Does what is due: closes the row with its deadline as time, or forgets. */
export function whenDue(conversationId: string, state: ConversationState, settings: FoldSettings): Folded {
  const deadline = rowDeadline(state, settings);
  if (deadline === null || state.kind === 'ended' || state.row === null) {
    return { state: null, records: [], outcome: 'folded' };
  }
  return close({ ...state, row: state.row }, conversationId, deadline, null);
}
