import { setTimeout as sleep } from 'node:timers/promises';
import { jittered } from '../../../common';
import type { Member, MemberRequest } from '../../runtime/backend';
import { createClient, IMPATIENT, type KafkaConnection } from '../client';
import { createCluster, type Cluster, type Coordinator } from '../cluster';
import { Fetcher } from './fetcher';
import { protocolTypes } from '../internals';
import { Membership } from './membership';
import { isPassing } from '../unreachable';

const LEAVE_WITHIN_MS = 3_000;
/** About five seconds in all. */
const ATTEMPTS = 8;
const RETRY_MS = 150;
/** A coordinator's answers to a commit of a member that is no longer in the group, or not in this generation. */
const NOT_MINE_ANY_MORE = ['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS'];

/**
 * A member of a group: its membership, and its reading. The two do not depend on each other and have separate
 * connections, because a broker that delays the answer to a join answers nothing else on that connection.
 */
export function createKafkaMember(connection: KafkaConnection, request: MemberRequest): Member {
  const { group: groupId, topic, listener } = request;
  const { logger } = connection;
  const reading = clusterOf(connection);
  let assigned: readonly number[] = [];
  let isLeaving = false;
  const seen = { membership: 0, fetcher: 0, turns: 0 };

  const fail = (error: unknown): void => {
    if (!isLeaving) listener.onFailed(error);
  };
  const fetcher = new Fetcher({
    cluster: reading,
    topic,
    ...{ onRecords: listener.onRecords, onOutOfRange: listener.onOutOfRange },
    onFailed: fail,
  });
  const membership = new Membership({
    open: () => clusterOf(connection),
    group: groupId,
    topic,
    logger,
    standby: request.standby,
    onAssignment({ partitions, standby }) {
      if (isLeaving) return;
      for (const partition of assigned) if (!partitions.includes(partition)) fetcher.drop(partition);
      assigned = partitions;
      listener.onAssignment(partitions, standby);
    },
    onFailed: fail,
  });

  const patiently = async (act: () => Promise<unknown>): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        await act();
        return;
      } catch (error) {
        if (attempt >= ATTEMPTS || isLeaving || !isPassing(error)) throw error;
        await sleep(jittered(RETRY_MS * attempt), undefined, { ref: false });
      }
    }
  };
  const commit = async (topics: Parameters<Coordinator['offsetCommit']>[0]['topics']): Promise<void> => {
    const identity = membership.identity();
    if (identity === null) return;
    const coordinator = await reading.findGroupCoordinator({ groupId });
    try {
      await coordinator.offsetCommit({ groupId, ...identity, topics });
    } catch (error) {
      if (!protocolTypes(error).some((type) => NOT_MINE_ANY_MORE.includes(type))) throw error;
      logger.debug({ err: error }, 'the group has a newer generation, so nothing was committed');
    }
  };
  const goodbye = async (): Promise<void> => {
    try {
      await membership.leave(reading);
    } finally {
      await Promise.all([membership.disconnect(), reading.disconnect()]);
    }
  };

  return {
    async join() {
      await patiently(async () => {
        await Promise.all([membership.connect(), reading.connect()]);
        await reading.addMultipleTargetTopics([topic]);
      });
      await membership.start();
    },
    joined: () => membership.isJoined(),
    turns() {
      const [now, fetched] = [membership.turns(), fetcher.turns()];
      // Both must make progress: one that hangs must not hide behind the other.
      if (now !== seen.membership && (fetched !== seen.fetcher || fetcher.isIdle())) {
        Object.assign(seen, { membership: now, fetcher: fetched, turns: seen.turns + 1 });
      }
      return seen.turns;
    },
    start(partition, offset) {
      if (assigned.includes(partition)) fetcher.start(partition, offset);
    },
    pause: (partition) => fetcher.pause(partition),
    resume: (partition) => fetcher.resume(partition),
    commit: (offsets) => {
      const partitions = offsets.map(({ partition, offset, metadata }) => ({
        ...{ partition, offset: String(offset) },
        metadata: metadata ?? null,
      }));
      return patiently(() => commit([{ topic, partitions }]));
    },
    rejoin: (lost) => membership.rejoin(lost),
    async leave() {
      isLeaving = true;
      fetcher.stop();
      // Without a broker this would take long, and the group drops a silent member anyway.
      await Promise.race([goodbye().catch(() => undefined), sleep(LEAVE_WITHIN_MS, undefined, { ref: false })]);
    },
  };
}

/** The loops that use it begin again for as long as it takes. */
function clusterOf(connection: KafkaConnection): Cluster {
  return createCluster(createClient(connection, IMPATIENT));
}
