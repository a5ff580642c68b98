import { counted, type Counted } from './counted';
import { DUPLICATE_WINDOW } from './duplicates';
import type { CommunicationSnapshot, EventPart, ParticipantSnapshot, SnapshotEvent } from './event';
import { fingerprint } from './fingerprint';
import { isLive, isQueuedNow, purposeOf, realConnectedTime } from './lifecycle';
import type { Limits } from './limits';
import { isPrimary } from './media';
import { mergeParticipants } from './merge';
import { isEnded, type Communication, type CommunicationVersion, type Participant } from './state';
import { FIELDS, outranks, versionOf } from './versions';

/**
 * Merges two snapshots of one conversation, neighbors in the log, into one event that tells the fold everything that
 * both told it (specification, section 3): whatever the fold knew before, it knows the same afterwards. The event may
 * list a communication more than once: a merge in array order gives every field the rank that it came with.
 *
 * Knowledge is a join, so a merge of it is always safe; the lifecycle in between is not. So nothing is merged across a
 * moment that the table remembers: an end (of either snapshot), a connection to a queue, a changed connected time. Nor
 * is anything merged if the later snapshot does not simply continue the earlier one (docs/explanation/bridge.md, "Into
 * Kafka").
 *
 * The merged event keeps the earlier one's place in the log, and so its receive time: deadlines stay as they were. Its
 * `parts` take the places in the window of duplicates. The caller knows whether either snapshot is a duplicate.
 * @returns null: they must stay two
 */
export function coalesce(earlier: SnapshotEvent, later: SnapshotEvent, limits: Limits): SnapshotEvent | null {
  const before = mergeParticipants([], earlier.participants, NONE);
  const alone = mergeParticipants([], later.participants, NONE);
  const after = mergeParticipants(before, later.participants, NONE);
  if (!isLive(counted(before)) || !isLive(counted(alone)) || mayBeTooLarge(after, limits)) return null;
  if (
    continues(before, alone) &&
    keepsLifecycle(counted(before), counted(after)) &&
    keepsTimes(earlier, later, before)
  ) {
    return merged(earlier, later, listed(after, earlier.participants, later.participants));
  }
  return continues(alone, before) && addsNothing(earlier, later) ? merged(earlier, later, earlier.participants) : null;
}

function merged(
  earlier: SnapshotEvent,
  later: SnapshotEvent,
  participants: readonly ParticipantSnapshot[],
): SnapshotEvent {
  const parts = [...partsOf(earlier), ...partsOf(later)].slice(-DUPLICATE_WINDOW);
  return { ...earlier, source: later.source, participants, fingerprint: null, parts };
}

function partsOf(event: SnapshotEvent): readonly EventPart[] {
  if (event.parts !== undefined && event.parts.length > 0) return event.parts;
  return [{ fingerprint: event.fingerprint ?? fingerprint(event), receivedAt: event.receivedAt }];
}

const NONE: ReadonlySet<string> = new Set();

/** Snapshots near the limits stay separate, because the fold refuses an event as a whole. */
function mayBeTooLarge(participants: readonly Participant[], limits: Limits): boolean {
  return 2 * participants.length > limits.participants || 2 * countLegs(participants) > limits.communications;
}

// -------------------------------------------------------------------------------------------------------- barriers

/**
 * A later view of the same history: everything is still there, everything that had ended has still ended, and every
 * participant is still the same person.
 */
function continues(before: readonly Participant[], alone: readonly Participant[]): boolean {
  if (hasPrimary(before) !== hasPrimary(alone)) return false;
  // The other knowledge of the fold decides whether secondary communications count, so beside them nobody new may join.
  if (hasSecondary(alone) && countLegs(alone) !== countLegs(before)) return false;
  const byId = new Map(alone.map((participant) => [participant.id, participant]));
  return before.every((known) => {
    const seen = byId.get(known.id);
    return seen !== undefined && isSamePerson(known, seen) && continuesLegs(known.communications, seen.communications);
  });
}

function isSamePerson(a: Participant, b: Participant): boolean {
  const purpose = purposeOf(a);
  return purpose === purposeOf(b) && a.supervisor === b.supervisor && (purpose !== 'acd' || a.queueId === b.queueId);
}

function continuesLegs(before: readonly Communication[], alone: readonly Communication[]): boolean {
  return before.every((known, place) => {
    const seen = alone[place]?.id === known.id ? alone[place] : alone.find(({ id }) => id === known.id);
    return seen !== undefined && seen.medium === known.medium && (isEnded(seen) || !isEnded(known));
  });
}

function hasPrimary(participants: readonly Participant[]): boolean {
  return participants.some((participant) => participant.communications.some(({ medium }) => isPrimary(medium)));
}

function hasSecondary(participants: readonly Participant[]): boolean {
  return participants.some((participant) => participant.communications.some(({ medium }) => !isPrimary(medium)));
}

function countLegs(participants: readonly Participant[]): number {
  return participants.reduce((sum, { communications }) => sum + communications.length, 0);
}

/** Nobody else is queued, and the connected times that a row may have taken from the earlier snapshot stay. */
function keepsLifecycle(before: Counted, after: Counted): boolean {
  const byId = new Map(before.participants.map((participant) => [participant.id, participant]));
  return after.participants.every((participant) => {
    if (!isQueuedNow(after, participant)) return true;
    const known = byId.get(participant.id);
    if (known === undefined || !isQueuedNow(before, known)) return false;
    if (participant.communications.length !== known.communications.length) return false;
    const real = realConnectedTime(before, known);
    return real === null || real === realConnectedTime(after, participant);
  });
}

/**
 * If the earlier snapshot creates a row, the row takes its connected time from everything that the fold knows by then.
 * A queued participant without a connected time of its own takes that of a communication: of the greatest-ranked
 * version that has one. The later snapshot must not change which version that is, in either order of the ranks (all
 * versions of a communication that ended before a re-opening count as ended).
 */
function keepsTimes(earlier: SnapshotEvent, later: SnapshotEvent, before: readonly Participant[]): boolean {
  const doubtful = (of: Counted): readonly Participant[] =>
    of.participants.filter((participant) => participant.connectedTime === null && isQueuedNow(of, participant));
  if (doubtful(counted(before)).length === 0) return true;
  const all = new Set(later.participants.flatMap((p) => p.communications.map(({ id }) => id)));
  return [NONE, all].every((ended) => {
    const known = mergeParticipants([], earlier.participants, ended);
    const byId = new Map(mergeParticipants(known, later.participants, ended).map((each) => [each.id, each]));
    return doubtful(counted(known)).every((participant) => {
      const legs = byId.get(participant.id)?.communications ?? [];
      return participant.communications.every((leg) => {
        const [was, is] = [connecting(leg), connecting(legs.find(({ id }) => id === leg.id))];
        return was?.ended === is?.ended && was?.progress === is?.progress && was?.connectedTime === is?.connectedTime;
      });
    });
  });
}

/** The version that gives the communication's connected time. */
function connecting(leg: Communication | undefined): CommunicationVersion | undefined {
  return leg?.versions.find(({ connectedTime }) => connectedTime !== null);
}

/** A straggler or a repetition: the earlier snapshot outweighs it, whatever else is known and whatever has ended. */
function addsNothing(earlier: SnapshotEvent, later: SnapshotEvent): boolean {
  const all = new Set(later.participants.flatMap((p) => p.communications.map(({ id }) => id)));
  return [NONE, all].every((ended) => {
    const before = mergeParticipants([], earlier.participants, ended);
    return JSON.stringify(mergeParticipants(before, later.participants, ended)) === JSON.stringify(before);
  });
}

// --------------------------------------------------------------------------------------------------------- listing

function listed(
  joined: readonly Participant[],
  earlier: readonly ParticipantSnapshot[],
  later: readonly ParticipantSnapshot[],
): readonly ParticipantSnapshot[] {
  const legs = new Map<string, CommunicationSnapshot[]>();
  for (const { id, communications } of [...earlier, ...later]) {
    const list = legs.get(id);
    if (list === undefined) legs.set(id, [...communications]);
    else list.push(...communications);
  }
  return joined.map(({ id, position, purpose, queueId, userId, connectedTime, supervisor, consult, skills }) => ({
    id,
    position,
    purpose,
    queueId,
    userId,
    connectedTime,
    supervisor,
    consult,
    skills,
    communications: listedLegs(legs.get(id) ?? []),
  }));
}

/** For each communication, in the order of the log, the whole snapshots that still matter: so each keeps its rank. */
function listedLegs(legs: readonly CommunicationSnapshot[]): readonly CommunicationSnapshot[] {
  const byId = new Map<string, CommunicationSnapshot[]>();
  for (const leg of legs) {
    const list = byId.get(leg.id);
    if (list === undefined) byId.set(leg.id, [leg]);
    else list.push(leg);
  }
  return [...byId.values()].flatMap((snapshots) => (snapshots.length === 1 ? snapshots : whatMatters(snapshots)));
}

function whatMatters(snapshots: readonly CommunicationSnapshot[]): readonly CommunicationSnapshot[] {
  const id = new Set(snapshots.map((snapshot) => snapshot.id));
  // If the communication ended before a re-opening, all its versions count as ended and rank in another order.
  const kept = new Set([...neededOf(snapshots, NONE), ...neededOf(snapshots, id)]);
  const connected = snapshots.findLast(({ state }) => state === 'connected');
  const tellsThatItConnected = [...kept].some((each) => each.state === 'connected' || each.connectedTime !== null);
  if (connected !== undefined && !tellsThatItConnected) kept.add(connected);
  const index = Math.max(...snapshots.map((snapshot) => snapshot.index));
  return snapshots.filter((each) => kept.has(each)).map((each) => (each.index === index ? each : { ...each, index }));
}

/** The greatest-ranked snapshot, and each lower one that has a field that all greater ones lack. */
function neededOf(
  snapshots: readonly CommunicationSnapshot[],
  ended: ReadonlySet<string>,
): readonly CommunicationSnapshot[] {
  const ranked: { readonly snapshot: CommunicationSnapshot; readonly version: CommunicationVersion }[] = [];
  for (const snapshot of snapshots) {
    const version = versionOf(snapshot, ended);
    const place = ranked.findIndex((other) => !outranks(other.version, version));
    ranked.splice(place < 0 ? ranked.length : place, 0, { snapshot, version });
  }
  const said = new Set<string>();
  return ranked
    .filter(({ version }, place) => {
      const news = FIELDS.filter((name) => version[name] !== null && !said.has(name));
      for (const name of news) said.add(name);
      return place === 0 || news.length > 0;
    })
    .map(({ snapshot }) => snapshot);
}
