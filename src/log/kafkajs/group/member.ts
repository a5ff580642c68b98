import { setTimeout as sleep } from 'node:timers/promises';
import { jittered } from '../../../common';
import type { Member, MemberRequest } from '../../runtime/backend';
import { createClient, IMPATIENT, type KafkaConnection } from '../client';
import { createCluster, type Cluster, type Coordinator } from '../cluster';
import { protocolTypes } from '../internals';
import { isPassing } from '../unreachable';
import type { Assigned } from './claims';
import { Fetcher } from './fetcher';
import { Membership } from './membership';

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
export class KafkaMember implements Member {
  readonly #request: MemberRequest;
  readonly #connection: KafkaConnection;
  readonly #membership: Membership;
  /** The connection of the fetcher and of the commits. */
  readonly #reading: Cluster;
  readonly #fetcher: Fetcher;
  #assigned: readonly number[] = [];
  #isLeaving = false;
  /** The counters at the last turn. */
  readonly #seen = { membership: 0, fetcher: 0, turns: 0 };

  constructor(connection: KafkaConnection, request: MemberRequest) {
    const { group, topic, standby, listener } = request;
    this.#request = request;
    this.#connection = connection;
    this.#reading = clusterOf(connection);
    const onFailed = (error: unknown): void => {
      if (!this.#isLeaving) listener.onFailed(error);
    };
    const { onRecords, onOutOfRange } = listener;
    this.#fetcher = new Fetcher({ cluster: this.#reading, topic, onRecords, onOutOfRange, onFailed });
    this.#membership = new Membership({
      open: () => clusterOf(connection),
      ...{ group, topic, standby, onFailed },
      logger: connection.logger,
      onAssignment: (assigned) => this.#assign(assigned),
    });
  }

  #assign({ partitions, standby }: Assigned): void {
    if (this.#isLeaving) return;
    for (const partition of this.#assigned) if (!partitions.includes(partition)) this.#fetcher.drop(partition);
    this.#assigned = partitions;
    this.#request.listener.onAssignment(partitions, standby);
  }

  async join(): Promise<void> {
    await this.#patiently(async () => {
      await Promise.all([this.#membership.connect(), this.#reading.connect()]);
      await this.#reading.addMultipleTargetTopics([this.#request.topic]);
    });
    await this.#membership.start();
  }

  joined(): boolean {
    return this.#membership.isJoined();
  }

  /** Both must make progress: one that hangs must not hide behind the other. */
  turns(): number {
    const seen = this.#seen;
    const [membership, fetcher] = [this.#membership.turns(), this.#fetcher.turns()];
    if (membership !== seen.membership && (fetcher !== seen.fetcher || this.#fetcher.isIdle())) {
      Object.assign(seen, { membership, fetcher, turns: seen.turns + 1 });
    }
    return seen.turns;
  }

  start(partition: number, offset: number): void {
    if (this.#assigned.includes(partition)) this.#fetcher.start(partition, offset);
  }

  pause(partition: number): void {
    this.#fetcher.pause(partition);
  }

  resume(partition: number): void {
    this.#fetcher.resume(partition);
  }

  commit(offsets: Parameters<Member['commit']>[0]): Promise<void> {
    const partitions = offsets.map(({ partition, offset, metadata }) => {
      return { partition, offset: String(offset), metadata: metadata ?? null };
    });
    return this.#patiently(() => this.#commit([{ topic: this.#request.topic, partitions }]));
  }

  async #commit(topics: Parameters<Coordinator['offsetCommit']>[0]['topics']): Promise<void> {
    const groupId = this.#request.group;
    const identity = this.#membership.identity();
    if (identity === null) return;
    const coordinator = await this.#reading.findGroupCoordinator({ groupId });
    try {
      await coordinator.offsetCommit({ groupId, ...identity, topics });
    } catch (error) {
      if (!protocolTypes(error).some((type) => NOT_MINE_ANY_MORE.includes(type))) throw error;
      this.#connection.logger.debug({ err: error }, 'the group has a newer generation, so nothing was committed');
    }
  }

  rejoin(lost: readonly number[]): void {
    this.#membership.rejoin(lost);
  }

  async leave(): Promise<void> {
    this.#isLeaving = true;
    this.#fetcher.stop();
    // Without a broker this would take long, and the group drops a silent member anyway.
    await Promise.race([this.#sayGoodbye().catch(() => undefined), sleep(LEAVE_WITHIN_MS, undefined, { ref: false })]);
  }

  async #sayGoodbye(): Promise<void> {
    try {
      await this.#membership.leave(this.#reading);
    } finally {
      await Promise.all([this.#membership.disconnect(), this.#reading.disconnect()]);
    }
  }

  async #patiently(act: () => Promise<unknown>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await act();
        return;
      } catch (error) {
        if (attempt >= ATTEMPTS || this.#isLeaving || !isPassing(error)) throw error;
        await sleep(jittered(RETRY_MS * attempt), undefined, { ref: false });
      }
    }
  }
}

/** The loops that use it begin again for as long as it takes. */
function clusterOf(connection: KafkaConnection): Cluster {
  return createCluster(createClient(connection, IMPATIENT));
}
