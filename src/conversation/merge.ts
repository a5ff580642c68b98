import type { CommunicationSnapshot, ParticipantSnapshot } from './event';
import type { Communication, CommunicationVersion, Participant } from './state';
import { compareIds } from './values';
import { mergeVersion, sameVersion, versionOf } from './versions';

/**
 * The knowledge of one conversation: the join of all its snapshots, in log order (specification, section 3). A known
 * fact stays when a later snapshot lacks it. Parts that a snapshot does not change are shared, not copied.
 * @param endedIds communications that are known to have ended: they are `disconnected`, whatever the snapshot says
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
      indexes.added(seen.id, merged.push(mergeParticipant(newParticipant(seen.id, seen.position), seen, endedIds)) - 1);
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
function byJoining(a: Participant, b: Participant): number {
  return a.position - b.position || compareIds(a.id, b.id);
}

/** A participant before its first snapshot. */
export function newParticipant(id: string, position: number): Participant {
  return {
    id,
    position,
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

/** Scalars: a present value beats an absent one; of two present ones, the later in the log wins. */
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

interface IndexById {
  /** @param hint its usual place: snapshots list the same things in the same places */
  find(id: string, hint: number): number | undefined;
  /** Records that something was appended to a copy of the list. */
  added(id: string, index: number): void;
}

/** Searches small lists and indexes large ones: a conversation may have 10,000 communications. */
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
