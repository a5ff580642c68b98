import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { backoffMs, createDeferred, createSignal, jittered, messageOf } from '../../../common';
import type { StandbyClaim } from '../../runtime/assign';
import type { Cluster, Coordinator } from '../cluster';
import { protocolTypes } from '../internals';
import { isPassing } from '../unreachable';
import { type Assigned, encodeClaim, PROTOCOL, readAssignment, shareOut } from './claims';

export interface MembershipOptions {
  /** Makes a connection for this membership alone. */
  readonly open: () => Cluster;
  readonly group: string;
  readonly topic: string;
  readonly logger: Logger;
  /** All partitions that this member owns, or keeps copies of, from now on. */
  readonly onAssignment: (assigned: Assigned) => void;
  /** @see MemberRequest.standby */
  readonly standby?: (() => StandbyClaim | undefined) | undefined;
  /** The membership has ended for good. */
  readonly onFailed: (error: unknown) => void;
  /** How long a coordinator may take to answer a heartbeat, ms. Default: the session time-out. */
  readonly answerWithinMs?: number;
}

/** How long a dead process holds its partitions. Brokers allow no less by default (`group.min.session.timeout.ms`). */
const SESSION_TIMEOUT_MS = 6_000;
/** A member learns from its heartbeats that the group shares its partitions out again. */
const HEARTBEAT_MS = 500;
/**
 * The group counts out a member that has not joined again by then. Six heartbeats: a member joins again between two of
 * them, because its tasks continue meanwhile. If it were much longer, a chain of members that stand still would delay
 * everybody's share.
 */
const REBALANCE_TIMEOUT_MS = 3_000;
const RETRY_MS = 50;
const LAST_RETRY_MS = 1_000;

class Unanswered extends Error {
  /** kafkajs marks its own errors in the same way. */
  readonly retriable = true;
}

/** False: by then the group has counted out a member that still waits. */
async function isAnswered(request: Promise<void>, withinMs: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(withinMs, false, { ref: false, signal: timer.signal }).catch(() => false);
  try {
    return await Promise.race([request.then(() => true), late]);
  } finally {
    timer.abort();
  }
}

/**
 * The membership of a group, in Kafka's classic protocol (JoinGroup, SyncGroup, Heartbeat). kafkajs's consumer stops
 * reading while a group shares its partitions out, and that waits for every member that is dead or stands still. This
 * membership only reports the outcome to its owner, who reads and writes the owned partitions until then. That is safe,
 * because a newer owner of a partition fences the older one (runtime/task-state.ts).
 */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #signal = createSignal();
  #cluster: Cluster;
  #memberId = '';
  #generation = -1;
  #assigned: readonly number[] = [];
  /** How many partitions the topic had when this member, as the leader, shared them out; null: it is not the leader. */
  #sharedOut: number | null = null;
  #joined = false;
  #leaving = false;
  #wantsToJoin = false;
  #turns = 0;
  #life: Promise<void> = Promise.resolve();

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#cluster = options.open();
  }

  /** Rejects if the log cannot be reached. */
  connect(): Promise<void> {
    return this.#cluster.connect();
  }

  disconnect(): Promise<void> {
    return this.#cluster.disconnect();
  }

  /** Resolves when the group was joined, or when the first attempt has failed; more attempts follow. */
  async start(): Promise<void> {
    const first = createDeferred<undefined>();
    this.#life = this.#live(() => first.resolve(undefined));
    await first.promise;
  }

  isJoined(): boolean {
    return this.#joined;
  }

  /** Counts every request, also a failed one. */
  turns(): number {
    return this.#turns;
  }

  /** The identity for commits of offsets; null: none. */
  identity(): { readonly memberId: string; readonly groupGenerationId: number } | null {
    return this.#memberId === '' ? null : { memberId: this.#memberId, groupGenerationId: this.#generation };
  }

  /** Joins again, without a claim to these partitions, so that a new generation decides the owners. */
  rejoin(lost: readonly number[]): void {
    this.#assigned = this.#assigned.filter((partition) => !lost.includes(partition));
    this.#wantsToJoin = true;
    this.#signal.notify();
  }

  /** @param other a connection that no pending join holds up */
  async leave(other: Cluster): Promise<void> {
    this.#leaving = true;
    this.#joined = false;
    this.#signal.notify();
    const { group: groupId } = this.#options;
    // If the broker has not named this member yet, its answer to the join will.
    if (this.#memberId === '') await this.#life;
    const memberId = this.#memberId;
    if (memberId === '') return;
    const coordinator = await other.findGroupCoordinator({ groupId });
    await coordinator.leaveGroup({ groupId, memberId });
    await this.#life;
  }

  // ------------------------------------------------------------------------------------------------------------ its life

  async #live(onFirst: () => void): Promise<void> {
    let failures = 0;
    while (!this.#isLeaving()) {
      try {
        const coordinator = await this.#join();
        onFirst();
        failures = 0;
        await this.#stay(coordinator);
      } catch (error) {
        onFirst();
        if (this.#isLeaving()) return;
        failures += 1;
        const waitMs = this.#afterError(error, failures);
        if (waitMs === null) return;
        await sleep(waitMs, undefined, { ref: false });
      }
      this.#turns += 1;
    }
  }

  #isLeaving(): boolean {
    return this.#leaving;
  }

  async #join(): Promise<Coordinator> {
    const { group: groupId, topic, logger, onAssignment } = this.#options;
    const cluster = this.#cluster;
    logger.debug({ group: groupId, generation: this.#generation }, 'joining the group');
    this.#wantsToJoin = false;
    await cluster.connect();
    await cluster.addMultipleTargetTopics([topic]);
    const coordinator = await cluster.findGroupCoordinator({ groupId });
    const claim = { generation: this.#generation, partitions: this.#assigned, standby: this.#options.standby?.() };
    const joined = await coordinator.joinGroup({
      groupId,
      sessionTimeout: SESSION_TIMEOUT_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      memberId: this.#memberId,
      groupProtocols: [{ name: PROTOCOL, metadata: encodeClaim(topic, claim) }],
    });
    this.#turns += 1;
    const { memberId, generationId, leaderId, members } = joined;
    this.#memberId = memberId;
    if (this.#isLeaving()) return coordinator;
    const partitions = leaderId === memberId ? await this.#partitions() : null;
    const groupAssignment = partitions === null ? [] : shareOut(topic, members, partitions);
    const { memberAssignment } = await coordinator.syncGroup({ groupId, generationId, memberId, groupAssignment });
    this.#turns += 1;
    if (this.#isLeaving()) return coordinator;
    this.#generation = generationId;
    const assigned = readAssignment(topic, memberAssignment);
    this.#assigned = assigned.partitions;
    this.#sharedOut = partitions?.length ?? null;
    this.#joined = true;
    onAssignment(assigned);
    return coordinator;
  }

  async #partitions(): Promise<readonly number[]> {
    const cluster = this.#cluster;
    await cluster.refreshMetadata();
    return cluster.findTopicPartitionMetadata(this.#options.topic).map(({ partitionId }) => partitionId);
  }

  /** Sends heartbeats until it is time to join again. */
  async #stay(coordinator: Coordinator): Promise<void> {
    const { group: groupId, topic, answerWithinMs = SESSION_TIMEOUT_MS } = this.#options;
    const cluster = this.#cluster;
    for (;;) {
      await this.#signal.wait(HEARTBEAT_MS);
      if (this.#isLeaving() || this.#wantsToJoin) return;
      const heartbeat = { groupId, memberId: this.#memberId, groupGenerationId: this.#generation };
      if (!(await isAnswered(coordinator.heartbeat(heartbeat), answerWithinMs))) {
        this.#abandonCluster();
        throw new Unanswered(`group ${groupId}: the coordinator has not answered for ${answerWithinMs} ms`);
      }
      this.#turns += 1;
      if (this.#sharedOut === null) continue;
      await cluster.refreshMetadataIfNecessary().catch(() => undefined);
      if (cluster.findTopicPartitionMetadata(topic).length > this.#sharedOut) return;
    }
  }

  /**
   * Continues with another connection. kafkajs closes the old one only when the pending request has timed out, after 30
   * s. It would then also close every connection opened meanwhile on the same cluster.
   */
  #abandonCluster(): void {
    const old = this.#cluster;
    this.#cluster = this.#options.open();
    old.disconnect().catch(() => undefined);
  }

  /** How long to wait before the next attempt, ms; null: there is none. */
  #afterError(error: unknown, failures: number): number | null {
    const { group, logger, onFailed } = this.#options;
    const types = protocolTypes(error);
    if (types.includes('REBALANCE_IN_PROGRESS') || types.includes('ILLEGAL_GENERATION')) {
      return failures === 1 ? 0 : jittered(RETRY_MS);
    }
    if (types.includes('UNKNOWN_MEMBER_ID')) {
      if (this.#joined) logger.info({ group }, 'the group no longer knows this member');
      this.#memberId = '';
      this.#joined = false;
      return failures === 1 ? 0 : jittered(RETRY_MS);
    }
    this.#joined = false;
    if (!isPassing(error)) {
      onFailed(error);
      return null;
    }
    // Error answers of a broker that starts or stops are normal; errors that do not pass are not.
    if (failures === 3)
      logger.warn({ group, error: messageOf(error) }, 'the member could not join its group and tries again');
    else logger.debug({ group, error: messageOf(error) }, 'the member could not join its group and tries again');
    return jittered(backoffMs(failures, RETRY_MS, LAST_RETRY_MS));
  }
}
