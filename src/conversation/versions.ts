import type { CommunicationSnapshot } from './event';
import type { CommunicationField, CommunicationVersion, MessagesState, Rank } from './state';

/** A communication's version in one snapshot, with its rank. */
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

/** Voice legs end as `terminated`, digital ones as `disconnected`, in any case of letters; some have only a time. */
export function saysEnded(snapshot: CommunicationSnapshot): boolean {
  if (snapshot.state === null) return snapshot.disconnectedTime !== null;
  const state = snapshot.state.toLowerCase();
  return state === 'disconnected' || state === 'terminated';
}

/** The latest of the times that only grow. (startHoldTime, parkTime and resumeTime come and go.) */
function progressOf(snapshot: CommunicationSnapshot, messages: MessagesState | null): number | null {
  let progress = later(snapshot.connectedTime, snapshot.disconnectedTime);
  const work = snapshot.afterCallWork;
  if (work !== null) progress = later(progress, later(work.startTime, work.endTime));
  return messages === null ? progress : later(progress, messages.messageTime);
}

/** The later time; an absent one is the lowest. */
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

/** Puts the newest version of the log in its place by rank; a lower version keeps only what all greater ones lack. */
export function mergeVersion(
  known: readonly CommunicationVersion[],
  version: CommunicationVersion,
): readonly CommunicationVersion[] {
  const [top] = known;
  // By far the most common case: one version is known, and the new one has all its fields and ranks no lower.
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

// The two comparisons below are written out, because they run for every communication of every event.

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

export function sameVersion(a: CommunicationVersion, b: CommunicationVersion): boolean {
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

/** Strictly: if ranks are equal, the later in the log is the greater. */
export function outranks(a: Rank, b: Rank): boolean {
  if (a.ended !== b.ended) return a.ended;
  return (a.progress ?? -Infinity) > (b.progress ?? -Infinity);
}

function withOnly(version: CommunicationVersion, fields: readonly CommunicationField[]): CommunicationVersion {
  const absent = Object.fromEntries(FIELDS.filter((name) => !fields.includes(name)).map((name) => [name, null]));
  return { ...version, ...absent };
}
