import { assignStandbys, assignSticky, type StandbyClaim } from '../runtime/assign';

/** Consumer groups: members, their partitions, committed offsets. */
export interface Groups {
  /** Adds a member. Everybody's new assignment follows in a turn of its own. */
  join(group: string, topic: string, member: GroupMember): void;
  leave(group: string, topic: string, member: GroupMember): void;
  /** Everybody's new assignment follows. The member no longer claims these partitions. */
  rejoin(group: string, topic: string, member: GroupMember, lost: readonly number[]): void;
  owns(group: string, topic: string, member: GroupMember, partition: number): boolean;
  commit(group: string, topic: string, partition: number, commit: Committed): void;
  committed(group: string, topic: string, partition: number): Committed | null;
  /** The lowest offset that every group of readers has committed; null: no group reads the topic. */
  committedByAll(topic: string, partition: number): number | null;
  expire(group: string): void;
  /** The topic has more partitions. Everybody's new assignment follows. */
  grown(topic: string): void;
}

export interface GroupMember {
  onAssignment(partitions: readonly number[], standby: readonly number[]): void;
  standby(): StandbyClaim | undefined;
}

export interface Committed {
  readonly offset: number;
  readonly metadata: string | null;
}

interface Reader {
  readonly topic: string;
  readonly members: Map<GroupMember, { id: string; generation: number; owned: readonly number[] }>;
  readonly committed: Map<number, Committed>;
  rebalancing: boolean;
  generation: number;
}

export function createGroups(partitionsOf: (topic: string) => number): Groups {
  const readers = new Map<string, Reader>();
  let ids = 0;

  const readerOf = (group: string, topic: string): Reader => {
    const id = JSON.stringify([group, topic]);
    let reader = readers.get(id);
    if (reader === undefined) {
      reader = { topic, members: new Map(), committed: new Map(), rebalancing: false, generation: 0 };
      readers.set(id, reader);
    }
    return reader;
  };

  const rebalance = (reader: Reader): void => {
    if (reader.rebalancing) return;
    reader.rebalancing = true;
    queueMicrotask(() => {
      reader.rebalancing = false;
      const partitions = Array.from({ length: partitionsOf(reader.topic) }, (_, partition) => partition);
      reader.generation += 1;
      const claims = [...reader.members].map(([member, entry]) => ({ ...entry, standby: member.standby() }));
      const assignment = assignSticky(claims, partitions);
      const standbys = assignStandbys(claims, assignment);
      for (const [member, entry] of [...reader.members]) {
        Object.assign(entry, { owned: assignment.get(entry.id) ?? [], generation: reader.generation });
        member.onAssignment(entry.owned, standbys.get(entry.id) ?? []);
      }
    });
  };

  return {
    join(group, topic, member) {
      const reader = readerOf(group, topic);
      ids += 1;
      reader.members.set(member, { id: `member-${String(ids).padStart(6, '0')}`, generation: -1, owned: [] });
      rebalance(reader);
    },
    leave(group, topic, member) {
      const reader = readerOf(group, topic);
      if (reader.members.delete(member)) rebalance(reader);
    },
    rejoin(group, topic, member, lost) {
      const reader = readerOf(group, topic);
      const entry = reader.members.get(member);
      if (entry === undefined) return;
      entry.owned = entry.owned.filter((partition) => !lost.includes(partition));
      rebalance(reader);
    },
    owns: (group, topic, member, partition) =>
      readerOf(group, topic).members.get(member)?.owned.includes(partition) === true,
    commit(group, topic, partition, commit) {
      readerOf(group, topic).committed.set(partition, commit);
    },
    committed: (group, topic, partition) => readerOf(group, topic).committed.get(partition) ?? null,
    committedByAll(topic, partition) {
      let least: number | null = null;
      for (const reader of readers.values()) {
        if (reader.topic !== topic) continue;
        const offset = reader.committed.get(partition)?.offset ?? 0;
        if (least === null || offset < least) least = offset;
      }
      return least;
    },
    expire(group) {
      for (const [id, reader] of readers)
        if (id.startsWith(JSON.stringify([group]).slice(0, -1))) reader.committed.clear();
    },
    grown(topic) {
      for (const reader of readers.values()) if (reader.topic === topic) rebalance(reader);
    },
  };
}
