import type { LogRecord, Topology } from '../port';
import { RefusedError } from '../refused';
import {
  FencedError,
  type Backend,
  type MemberRequest,
  type Member,
  type FencedProducer,
  type TaskHooks,
} from '../runtime/backend';
import { transactionalIdOf } from '../runtime/transactional-id';
import { createCursor, type Cursor } from './cursor';
import { refusalOf } from './limits';
import type { PartitionLog } from './partition-log';
import type { TopicStore } from './topic-store';

export function createMemoryBackend(store: TopicStore): Backend {
  const logOf = (topic: string, partition: number) => {
    const log = store.topic(topic)[partition];
    if (log === undefined) throw new Error(`${topic}: no partition ${partition}`);
    return log;
  };

  return {
    member: (request) => createMember(store, request),
    openFencedProducer: (topology, partition, hooks) =>
      Promise.resolve(openFencedProducer(store, topology, partition, hooks)),
    groupOffsets(group, topic, partitions) {
      return Promise.resolve(
        partitions.map((partition) => {
          const committed = store.groups.committed(group, topic, partition);
          const log = logOf(topic, partition);
          return {
            partition,
            committedOffset: committed?.offset ?? null,
            committedMetadata: committed?.metadata ?? null,
            beginningOffset: log.beginning(),
            endOffset: log.end(),
          };
        }),
      );
    },
    endOffset: (topic, partition) => Promise.resolve(logOf(topic, partition).end()),
    topics: (names) =>
      Promise.resolve(
        new Map(
          names.map((name) => [name, { id: store.topicId(name), partitions: store.topic(name).length }] as const),
        ),
      ),
    bounds(topic, partition) {
      const log = logOf(topic, partition);
      return Promise.resolve({ beginning: log.beginning(), end: log.end() });
    },
    inSync: () => Promise.resolve(true),
    cleanupPolicy: () => Promise.resolve(null),
    // A compacted topic of this log keeps no tombstones.
    tombstoneRetentionMs: (topic) => Promise.resolve(store.compacts(topic) ? 0 : Infinity),
    readRange({ topic, partition, from, to }, onRecord, until) {
      readRange(logOf(topic, partition), from, to, onRecord, until);
      return Promise.resolve();
    },
  };
}

function createMember(store: TopicStore, { group, topic, listener, standby }: MemberRequest): Member {
  const cursors = new Map<number, Cursor>();
  let owned: readonly number[] = [];
  let isJoined = false;

  const release = (partition: number): void => {
    cursors.get(partition)?.close();
    cursors.delete(partition);
  };
  const self = {
    standby: () => standby?.(),
    onAssignment(partitions: readonly number[], copies: readonly number[]) {
      for (const partition of owned) if (!partitions.includes(partition)) release(partition);
      owned = partitions;
      isJoined = true;
      listener.onAssignment(partitions, copies);
    },
  };
  const leave = (): Promise<void> => {
    isJoined = false;
    for (const partition of owned) release(partition);
    owned = [];
    store.groups.leave(group, topic, self);
    return Promise.resolve();
  };

  return {
    join() {
      store.groups.join(group, topic, self);
      return Promise.resolve();
    },
    joined: () => isJoined,
    turns: () => null,
    start(partition, offset) {
      if (!owned.includes(partition)) return;
      release(partition);
      const log = store.topic(topic)[partition];
      if (log === undefined) return;
      if (offset < log.beginning() || offset > log.end()) {
        queueMicrotask(() => listener.onOutOfRange(partition, offset));
        return;
      }
      const deliver = (records: Parameters<typeof listener.onRecords>[1], nextOffset: number): void =>
        listener.onRecords(partition, records, nextOffset, log.end());
      cursors.set(partition, createCursor(log, offset, deliver));
    },
    pause: (partition) => cursors.get(partition)?.pause(),
    resume: (partition) => cursors.get(partition)?.resume(),
    commit(offsets) {
      for (const { partition, offset, metadata } of offsets) {
        if (!store.groups.owns(group, topic, self, partition)) continue;
        store.groups.commit(group, topic, partition, { offset, metadata: metadata ?? null });
        store.clean(topic, partition);
      }
      return Promise.resolve();
    },
    rejoin: (lost) => store.groups.rejoin(group, topic, self, lost),
    leave,
  };
}

function openFencedProducer(
  store: TopicStore,
  topology: Topology,
  partition: number,
  hooks: TaskHooks,
): FencedProducer {
  const transactionalId = transactionalIdOf(topology, partition);
  const epoch = store.openEpoch(transactionalId);
  const check = (): void => {
    if (!store.isCurrentEpoch(transactionalId, epoch)) throw new FencedError(`${transactionalId}: fenced`);
  };
  return {
    restore(onRecord, until, from) {
      const log = store.topic(topology.changelog)[partition];
      if (log !== undefined) readRange(log, from ?? log.beginning(), log.end(), onRecord, until);
      return Promise.resolve();
    },
    async commit({ changelog, outputs }, nextOffset) {
      check();
      const { input: topic, changelog: changelogTopic, group } = topology;
      const before = hooks.beforeCommit?.(partition);
      if (before !== undefined) await before;
      check();
      for (const record of [...changelog.map((each) => ({ ...each, topic: changelogTopic })), ...outputs]) {
        const answer = refusalOf(store, record);
        if (answer !== null) throw new RefusedError(answer);
      }
      // From here on nothing awaits, so everything becomes visible in one turn.
      for (const record of changelog) store.append({ ...record, topic: changelogTopic }, partition);
      for (const record of outputs) store.append(record, partition);
      store.groups.commit(group, topic, partition, { offset: nextOffset, metadata: null });
      store.clean(topic, partition);
      store.clean(changelogTopic, partition);
      for (const output of topology.outputs) store.clean(output, partition);
    },
    // Every transaction takes it along, but the group may have lost it.
    owes(nextOffset) {
      check();
      store.groups.commit(topology.group, topology.input, partition, { offset: nextOffset, metadata: null });
    },
    offsetDueAt: () => null,
    commitOffset: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

const RANGE_RECORDS = 10_000;

function readRange(
  log: PartitionLog,
  from: number,
  to: number,
  onRecord: (record: LogRecord) => void,
  until: () => boolean,
): void {
  for (let offset = from; offset < to && !until();) {
    const records = log.slice(offset, RANGE_RECORDS);
    for (const record of records) if (record.offset < to && !until()) onRecord(record);
    offset = (records.at(-1)?.offset ?? to - 1) + 1;
  }
}
