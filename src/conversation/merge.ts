import type { CommunicationSnapshot, ParticipantSnapshot } from './event';
import type {
  Communication,
  CommunicationField,
  CommunicationVersion,
  MessagesState,
  Participant,
  Rank,
} from './state';
import { compareIds } from './values';

/**
 * One conversation's knowledge: the join of all snapshots seen, in log order (specification, section 3). Nothing once
 * seen disappears because a later snapshot lacks it. Parts that a snapshot does not change are shared, not copied.
 * @param endedIds communications that are known to have ended: `disconnected` where the snapshot has another state
 */
export function mergeParticipants(
  known: readonly Participant[],
  snapshot: readonly ParticipantSnapshot[],
  endedIds: ReadonlySet<string>,
): readonly Participant[] {
  let merged: Participant[] | null = null;
  const indexes = indexById(known);
  let reordered = false;
  for (const seen of snapshot) {
    const index = indexes.find(seen.id, seen.position);
    if (index === undefined) {
      merged ??= [...known];
      indexes.added(seen.id, merged.push(mergeParticipant(newParticipant(seen), seen, endedIds)) - 1);
      reordered = true;
    } else {
      const before = (merged ?? known)[index] as Participant;
      const after = mergeParticipant(before, seen, endedIds);
      if (after === before) continue;
      merged ??= [...known];
      merged[index] = after;
      reordered ||= after.position !== before.position;
    }
  }
  if (merged === null) return known;
  return reordered ? merged.sort(byJoining) : merged;
}

/** The order of joining; equal positions order by id ascending. */
export function byJoining(a: Participant, b: Participant): number {
  return a.position - b.position || compareIds(a.id, b.id);
}

function newParticipant(seen: ParticipantSnapshot): Participant {
  return {
    id: seen.id,
    position: seen.position,
    purpose: null,
    queueId: null,
    userId: null,
    connectedTime: null,
    supervisor: false,
    consult: false,
    skills: null,
    queuedAt: null,
    communications: [],
  };
}

/** Scalars: a present value beats an absent one; of two present ones the later in the log. */
function mergeParticipant(known: Participant, seen: ParticipantSnapshot, endedIds: ReadonlySet<string>): Participant {
  const communications = mergeCommunications(known.communications, seen.communications, endedIds);
  const unchanged =
    communications === known.communications &&
    seen.position <= known.position &&
    (seen.purpose === null || seen.purpose === known.purpose) &&
    (seen.queueId === null || seen.queueId === known.queueId) &&
    (seen.userId === null || seen.userId === known.userId) &&
    (seen.connectedTime === null || seen.connectedTime === known.connectedTime) &&
    (!seen.supervisor || known.supervisor) &&
    (!seen.consult || known.consult) &&
    (seen.skills === null || sameStrings(seen.skills, known.skills));
  if (unchanged) return known;
  return {
    id: known.id,
    position: Math.max(known.position, seen.position),
    purpose: seen.purpose ?? known.purpose,
    queueId: seen.queueId ?? known.queueId,
    userId: seen.userId ?? known.userId,
    connectedTime: seen.connectedTime ?? known.connectedTime,
    supervisor: seen.supervisor || known.supervisor,
    consult: seen.consult || known.consult,
    skills: seen.skills ?? known.skills,
    queuedAt: known.queuedAt,
    communications,
  };
}

function sameStrings(a: readonly string[], b: readonly string[] | null): boolean {
  return b !== null && a.length === b.length && a.every((value, index) => value === b[index]);
}

function mergeCommunications(
  known: readonly Communication[],
  seen: readonly CommunicationSnapshot[],
  endedIds: ReadonlySet<string>,
): readonly Communication[] {
  let merged: Communication[] | null = null;
  const indexes = indexById(known);
  for (const [place, snapshot] of seen.entries()) {
    const index = indexes.find(snapshot.id, place);
    const version = versionOf(snapshot, endedIds);
    if (index === undefined) {
      merged ??= [...known];
      const created = {
        id: snapshot.id,
        medium: snapshot.medium,
        index: snapshot.index,
        connected: snapshot.state === 'connected',
        versions: [version],
      };
      indexes.added(snapshot.id, merged.push(created) - 1);
    } else {
      const before = (merged ?? known)[index] as Communication;
      const after = mergeCommunication(before, snapshot, version);
      if (after === before) continue;
      merged ??= [...known];
      merged[index] = after;
    }
  }
  return merged ?? known;
}

function mergeCommunication(
  known: Communication,
  snapshot: CommunicationSnapshot,
  version: CommunicationVersion,
): Communication {
  const top = known.versions[0];
  const connected = known.connected || snapshot.state === 'connected';
  const index = Math.max(known.index, snapshot.index);
  const same = top !== undefined && sameVersion(top, version);
  if (same && snapshot.medium === known.medium && connected === known.connected && index === known.index) return known;
  const versions = same ? known.versions : mergeVersion(known.versions, version);
  const isGreatest = same || versions[0] === version;
  return { id: known.id, medium: isGreatest ? snapshot.medium : known.medium, index, connected, versions };
}

/** One snapshot's word on a communication, with its rank. */
export function versionOf(snapshot: CommunicationSnapshot, endedIds: ReadonlySet<string>): CommunicationVersion {
  const ended = saysEnded(snapshot);
  const forced = !ended && endedIds.size > 0 && endedIds.has(snapshot.id);
  const messages = latestMessage(snapshot.messages);
  return {
    ended: ended || forced,
    progress: progressOf(snapshot, messages),
    state: forced ? 'disconnected' : snapshot.state,
    direction: snapshot.direction,
    provider: snapshot.provider,
    disconnectType: snapshot.disconnectType,
    startAlertingTime: snapshot.startAlertingTime,
    connectedTime: snapshot.connectedTime,
    disconnectedTime: snapshot.disconnectedTime,
    afterCallWork: snapshot.afterCallWork,
    self: snapshot.self,
    other: snapshot.other,
    fromAddress: snapshot.fromAddress,
    toAddress: snapshot.toAddress,
    callbackNumber: snapshot.callbackNumber,
    subject: snapshot.subject,
    messageType: snapshot.messageType,
    messages,
  };
}

/** Voice legs end as `terminated`, digital ones as `disconnected`, in any case of letters; some only with a time. */
export function saysEnded(snapshot: CommunicationSnapshot): boolean {
  if (snapshot.state === null) return snapshot.disconnectedTime !== null;
  const state = snapshot.state.toLowerCase();
  return state === 'disconnected' || state === 'terminated';
}

/** The greatest of the times that only grow. (startHoldTime, parkTime and resumeTime come and go.) */
function progressOf(snapshot: CommunicationSnapshot, messages: MessagesState | null): number | null {
  let progress = later(snapshot.connectedTime, snapshot.disconnectedTime);
  const work = snapshot.afterCallWork;
  if (work !== null) progress = later(progress, later(work.startTime, work.endTime));
  return messages === null ? progress : later(progress, messages.messageTime);
}

/** The greater time; an absent one is the lowest. */
export function later(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null || a >= b ? a : b;
}

function latestMessage(messages: CommunicationSnapshot['messages']): MessagesState | null {
  let latest: MessagesState | null = null;
  for (const message of messages ?? []) {
    const older = latest !== null && (message.messageTime ?? -Infinity) < (latest.messageTime ?? -Infinity);
    if (!older) latest = message;
  }
  return latest;
}

export const FIELDS: readonly CommunicationField[] = [
  'state',
  'direction',
  'provider',
  'disconnectType',
  'startAlertingTime',
  'connectedTime',
  'disconnectedTime',
  'afterCallWork',
  'self',
  'other',
  'fromAddress',
  'toAddress',
  'callbackNumber',
  'subject',
  'messageType',
  'messages',
];

/** Puts a version, the latest in the log, in its place by rank; of lower ones keeps what all greater ones lack. */
function mergeVersion(
  known: readonly CommunicationVersion[],
  version: CommunicationVersion,
): readonly CommunicationVersion[] {
  const [top] = known;
  // By far the most common: one version is known, and the new one says all that it says, and ranks no lower.
  if (top !== undefined && known.length === 1 && !outranks(top, version) && saysNoMore(top, version)) return [version];

  const place = known.findIndex((other) => !outranks(other, version));
  const ordered = place < 0 ? [...known, version] : [...known.slice(0, place), version, ...known.slice(place)];
  const said = new Set<CommunicationField>();
  const kept: CommunicationVersion[] = [];
  for (const candidate of ordered) {
    const news = FIELDS.filter((name) => candidate[name] !== null && !said.has(name));
    if (kept.length > 0 && news.length === 0) continue;
    const hidden = FIELDS.some((name) => candidate[name] !== null && said.has(name));
    kept.push(hidden ? withOnly(candidate, news) : candidate);
    for (const name of news) said.add(name);
  }
  return kept;
}

// The two comparisons below are written out: they run for every communication of every event.

function saysNoMore(known: CommunicationVersion, version: CommunicationVersion): boolean {
  return (
    (known.state === null || version.state !== null) &&
    (known.direction === null || version.direction !== null) &&
    (known.provider === null || version.provider !== null) &&
    (known.disconnectType === null || version.disconnectType !== null) &&
    (known.startAlertingTime === null || version.startAlertingTime !== null) &&
    (known.connectedTime === null || version.connectedTime !== null) &&
    (known.disconnectedTime === null || version.disconnectedTime !== null) &&
    (known.afterCallWork === null || version.afterCallWork !== null) &&
    (known.self === null || version.self !== null) &&
    (known.other === null || version.other !== null) &&
    (known.fromAddress === null || version.fromAddress !== null) &&
    (known.toAddress === null || version.toAddress !== null) &&
    (known.callbackNumber === null || version.callbackNumber !== null) &&
    (known.subject === null || version.subject !== null) &&
    (known.messageType === null || version.messageType !== null) &&
    (known.messages === null || version.messages !== null)
  );
}

function sameVersion(a: CommunicationVersion, b: CommunicationVersion): boolean {
  return (
    a.ended === b.ended &&
    a.progress === b.progress &&
    a.state === b.state &&
    a.direction === b.direction &&
    a.provider === b.provider &&
    a.disconnectType === b.disconnectType &&
    a.startAlertingTime === b.startAlertingTime &&
    a.connectedTime === b.connectedTime &&
    a.disconnectedTime === b.disconnectedTime &&
    a.self === b.self &&
    a.other === b.other &&
    a.fromAddress === b.fromAddress &&
    a.toAddress === b.toAddress &&
    a.callbackNumber === b.callbackNumber &&
    a.subject === b.subject &&
    a.messageType === b.messageType &&
    a.afterCallWork?.state === b.afterCallWork?.state &&
    a.afterCallWork?.startTime === b.afterCallWork?.startTime &&
    a.afterCallWork?.endTime === b.afterCallWork?.endTime &&
    a.messages?.messageTime === b.messages?.messageTime &&
    a.messages?.messageStatus === b.messages?.messageStatus
  );
}

/** Strictly: of equal ranks the later in the log is the greater. */
export function outranks(a: Rank, b: Rank): boolean {
  if (a.ended !== b.ended) return a.ended;
  return (a.progress ?? -Infinity) > (b.progress ?? -Infinity);
}

function withOnly(version: CommunicationVersion, fields: readonly CommunicationField[]): CommunicationVersion {
  const absent = Object.fromEntries(FIELDS.filter((name) => !fields.includes(name)).map((name) => [name, null]));
  return { ...version, ...absent };
}

interface IndexById {
  /** @param hint where it usually is: snapshots list the same things in the same places */
  find(id: string, hint: number): number | undefined;
  /** Something was appended to a copy of the list. */
  added(id: string, index: number): void;
}

/** Small lists are searched, large ones indexed: a conversation may have 10,000 communications. */
function indexById(list: readonly { readonly id: string }[]): IndexById {
  let map: Map<string, number> | null = null;
  const indexed = (): Map<string, number> => (map ??= new Map(list.map((item, index) => [item.id, index])));
  return {
    find: (id, hint) => {
      if (list[hint]?.id === id) return hint;
      if (map === null && list.length <= 8) {
        const index = list.findIndex((item) => item.id === id);
        return index < 0 ? undefined : index;
      }
      return indexed().get(id);
    },
    added: (id, index) => indexed().set(id, index),
  };
}
