/**
 * Part of the naive model: section 3 of the specification and "queued", "live", "ended" of section 4, from the text
 * alone. It computes everything from all events of a conversation, each time.
 */
import {
  MEDIA,
  type NaiveCommunication,
  type NaiveEvent,
  type NaiveFields,
  type NaiveParticipant,
  type NaivePerson,
} from './naive-wire';

export interface Leg {
  readonly id: string;
  readonly medium: string;
  readonly index: number;
  readonly ended: boolean;
  readonly everConnected: boolean;
  readonly fields: NaiveFields;
}

export interface Member {
  readonly id: string;
  readonly position: number;
  readonly supervisor: boolean;
  readonly fields: NaivePerson;
  readonly legs: readonly Leg[];
  /** The receive time of the event that made it queued; null: not queued. */
  readonly queuedAt: number | null;
}

export const compareBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
export const same = (value: string | null, expected: string): boolean => value?.toLowerCase() === expected;
export const isPrimary = (medium: string): boolean => MEDIA.some(([, name, primary]) => name === medium && primary);

const saysEnded = (fields: NaiveFields): boolean =>
  fields.state === null
    ? fields.disconnectedTime !== null
    : same(fields.state, 'disconnected') || same(fields.state, 'terminated');

export const progressTimes = (fields: NaiveFields): number[] =>
  [
    fields.connectedTime,
    fields.disconnectedTime,
    fields.afterCallWork?.startTime ?? null,
    fields.afterCallWork?.endTime ?? null,
    ...(fields.messages ?? []).map((message) => message.time),
  ].filter((time) => time !== null);

interface Version extends NaiveCommunication {
  readonly ended: boolean;
  readonly progress: number;
  /** According to the snapshot, for a communication that the ended marker holds, too. */
  readonly connected: boolean;
}

function versionOf(communication: NaiveCommunication, held: ReadonlySet<string>): Version {
  const { fields } = communication;
  const progress = Math.max(-Infinity, ...progressTimes(fields));
  const connected = fields.state === 'connected';
  if (!held.has(communication.id) || saysEnded(fields)) {
    return { ...communication, ended: saysEnded(fields), progress, connected };
  }
  return { ...communication, fields: { ...fields, state: 'disconnected' }, ended: true, progress, connected };
}

/** Greatest rank first; `versions` is in the order of the log. */
const byRank = (versions: readonly Version[]): Version[] =>
  versions
    .map((version, place) => ({ version, place }))
    .sort(
      (a, b) =>
        Number(b.version.ended) - Number(a.version.ended) ||
        (b.version.progress === a.version.progress ? 0 : b.version.progress - a.version.progress) ||
        b.place - a.place,
    )
    .map(({ version }) => version);

const firstPresent = <T, K extends keyof T>(all: readonly T[], key: K): T[K] | null =>
  all.map((each) => each[key]).find((value) => value !== null) ?? null;

/**
 * "Every live communication becomes `disconnected`, its other fields stay": now the greatest-ranked version itself says
 * so.
 */
const afterGone = (versions: readonly Version[]): Version[] => {
  const top = byRank(versions)[0];
  return versions.map((each) =>
    each === top && !each.ended ? { ...each, ended: true, fields: { ...each.fields, state: 'disconnected' } } : each,
  );
};

/** In the log's order. */
const versionsOf = (communications: readonly NaiveCommunication[], held: ReadonlySet<string>): Version[] =>
  communications.reduce<Version[]>(
    (before, each) => (each.fields === GONE ? afterGone(before) : [...before, versionOf(each, held)]),
    [],
  );

function legOf(id: string, versions: readonly Version[]): Leg {
  const ranked = byRank(versions);
  const all = ranked.map(({ fields }) => fields);
  return {
    id,
    medium: ranked[0]?.medium ?? '',
    index: Math.max(...versions.map(({ index }) => index)),
    ended: ranked[0]?.ended ?? false,
    everConnected: versions.some(({ connected }) => connected),
    fields: {
      state: firstPresent(all, 'state'),
      direction: firstPresent(all, 'direction'),
      provider: firstPresent(all, 'provider'),
      disconnectType: firstPresent(all, 'disconnectType'),
      startAlertingTime: firstPresent(all, 'startAlertingTime'),
      connectedTime: firstPresent(all, 'connectedTime'),
      disconnectedTime: firstPresent(all, 'disconnectedTime'),
      afterCallWork: firstPresent(all, 'afterCallWork'),
      messages: firstPresent(all, 'messages'),
      messageType: firstPresent(all, 'messageType'),
      self: firstPresent(all, 'self'),
      other: firstPresent(all, 'other'),
      from: firstPresent(all, 'from'),
      to: firstPresent(all, 'to'),
      callbackNumber: firstPresent(all, 'callbackNumber'),
      subject: firstPresent(all, 'subject'),
    },
  };
}

/** The fields of a communication after a *gone*. */
const GONE: NaiveFields = {
  state: 'disconnected',
  direction: null,
  provider: null,
  disconnectType: null,
  startAlertingTime: null,
  connectedTime: null,
  disconnectedTime: null,
  afterCallWork: null,
  messages: null,
  messageType: null,
  self: null,
  other: null,
  from: null,
  to: null,
  callbackNumber: null,
  subject: null,
};

/** A *gone*, written as a snapshot of everything that is live, and nothing else. */
const goneAsSnapshot = (before: readonly Member[]): NaiveParticipant[] =>
  before.map((member) => ({
    id: member.id,
    position: member.position,
    supervisor: member.supervisor,
    fields: member.fields,
    communications: member.legs
      .filter(({ ended }) => !ended)
      .map(({ id, medium, index }) => ({ id, medium, index, fields: GONE })),
  }));

/** The union, secondary communications included. */
function unionOf(events: readonly NaiveEvent[], held: ReadonlySet<string>): Member[] {
  const occurrences = events.flatMap((event, n) =>
    event.gone ? goneAsSnapshot(unionOf(events.slice(0, n), held)) : event.participants,
  );
  const ids = [...new Set(occurrences.map(({ id }) => id))];
  const members = ids.map((id): Member => {
    const own = occurrences.filter((occurrence) => occurrence.id === id);
    const latestFirst = own.map(({ fields }) => fields).reverse();
    const communications = own.flatMap((occurrence) => occurrence.communications);
    return {
      id,
      position: Math.max(...own.map(({ position }) => position)),
      supervisor: own.some(({ supervisor }) => supervisor),
      fields: {
        purpose: firstPresent(latestFirst, 'purpose'),
        queueId: firstPresent(latestFirst, 'queueId'),
        userId: firstPresent(latestFirst, 'userId'),
        connectedTime: firstPresent(latestFirst, 'connectedTime'),
        consult: firstPresent(latestFirst, 'consult'),
        skills: firstPresent(latestFirst, 'skills'),
      },
      legs: [...new Set(communications.map((each) => each.id))].map((leg) => {
        const those = communications.filter((each) => each.id === leg);
        return legOf(leg, versionsOf(those, held));
      }),
      queuedAt: null,
    };
  });
  return members.sort((a, b) => a.position - b.position || compareBytes(a.id, b.id));
}

/** "Secondary communications count only in a conversation that has no primary one at all." */
function counting(members: readonly Member[]): Member[] {
  if (!members.some(({ legs }) => legs.some(({ medium }) => isPrimary(medium)))) return [...members];
  return members.map((member) => ({ ...member, legs: member.legs.filter(({ medium }) => isPrimary(medium)) }));
}

const connects = (member: Member): boolean =>
  same(member.fields.purpose, 'acd') &&
  member.fields.queueId !== null &&
  (member.fields.connectedTime !== null ||
    member.legs.some((leg) => leg.fields.connectedTime !== null || leg.everConnected));

/** The knowledge after these events: participants in the order of their positions. */
export function knowledge(events: readonly NaiveEvent[], held: ReadonlySet<string>): Member[] {
  const queuedAt = new Map<string, number>();
  for (const [n, event] of events.entries()) {
    for (const member of counting(unionOf(events.slice(0, n + 1), held))) {
      if (connects(member) && !queuedAt.has(member.id)) queuedAt.set(member.id, event.at);
    }
  }
  return counting(unionOf(events, held)).map((member) => ({ ...member, queuedAt: queuedAt.get(member.id) ?? null }));
}

/** Ids of all ended communications, also of those that do not count (docs/design.md, choice 4). */
export const endedIds = (events: readonly NaiveEvent[], held: ReadonlySet<string>): string[] =>
  unionOf(events, held).flatMap(({ legs }) => legs.filter(({ ended }) => ended).map(({ id }) => id));

/** The communications that a snapshot alone shows of participants who do not supervise (docs/design.md, choice 4). */
export const shownIds = (event: NaiveEvent): string[] =>
  handlers(unionOf([event], new Set())).flatMap(({ legs }) => legs.map(({ id }) => id));

const handlers = (members: readonly Member[]): Member[] => members.filter(({ supervisor }) => !supervisor);

export const queuedMembers = (members: readonly Member[]): Member[] =>
  members.filter(({ queuedAt }) => queuedAt !== null);

export const isLive = (members: readonly Member[]): boolean =>
  handlers(members).some(({ legs }) => legs.some(({ ended }) => !ended));

export const hasEnded = (members: readonly Member[]): boolean =>
  handlers(members).some(({ legs }) => legs.length > 0) && !isLive(members);

export const hasPendingWork = (members: readonly Member[]): boolean =>
  members.some(({ legs }) => legs.some(({ fields }) => fields.afterCallWork?.state === 'pending'));

/** Null: none known. */
export const greatestDisconnectedTime = (members: readonly Member[]): number | null =>
  members
    .flatMap(({ legs }) => legs.map(({ fields }) => fields.disconnectedTime))
    .reduce((a, b) => (a === null || (b !== null && b > a) ? b : a), null);
