import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import { messageOf } from '../../common';
import type { Member, MemberRequest } from '../runtime/backend';
import { jittered } from '../runtime/signal';
import { createClient, PATIENT, type KafkaConnection } from './client';
import { protocolTypes } from './internals';
import { toRecords } from './records';
import { unreadableIn } from './repairs/r13-compression';
import { onOffsetOutOfRange } from './repairs/r7-offset-resets';
import { stickyAssigner } from './sticky-assigner';

/** A partition that is being delivered. `position` is this member's own truth; kafkajs's is set by `seek`. */
interface Flow {
  position: number;
  paused: boolean;
}

/** A dead process holds its partitions for so long. */
const SESSION_TIMEOUT_MS = 6_000;
const HEARTBEAT_MS = 1_000;
const REBALANCE_TIMEOUT_MS = 30_000;
/** The fetch's long poll, and how long kafkajs sleeps while everything is paused. */
const MAX_WAIT_MS = 100;
const PARTITION_BYTES = 1024 * 1024;
const FETCH_BYTES = 4 * 1024 * 1024;
/** A member that lost its tasks to another lets that one act first. */
const REJOIN_MS = 1_000;
const LEAVE_WITHIN_MS = 3_000;
/** What a coordinator answers to the commit of somebody who is no longer in the group, or not in this generation. */
const NOT_MINE_ANY_MORE = ['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS'];

/**
 * A membership on kafkajs's consumer. What is not obvious:
 * - GROUP_JOIN listeners run inside joinAndSync, before the next fetch, but only their synchronous part: everything that
 *   must precede a fetch happens synchronously here.
 * - After every join kafkajs takes positions from the group's committed offsets again: each kept partition is sought.
 * - A fetch under way while a partition is paused or sought is dropped by kafkajs, except when another fetcher (there is
 *   one a broker) has joined meanwhile; `fetchedOffset` shows such a batch, and it is not delivered beyond a gap.
 */
export function createKafkaMember(connection: KafkaConnection, request: MemberRequest): Member {
  const { group, topic, listener } = request;
  const { logger } = connection;
  const flows = new Map<number, Flow>();
  let assigned: readonly number[] = [];
  let isJoined = false;
  let isLeaving = false;
  let turns = 0;

  // Its own client: the consumers of one client share a cache of committed offsets.
  const consumer = createClient(connection, PATIENT).consumer({
    groupId: group,
    partitionAssigners: [stickyAssigner(() => assigned)],
    sessionTimeout: SESSION_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_MS,
    rebalanceTimeout: REBALANCE_TIMEOUT_MS,
    maxWaitTimeInMs: MAX_WAIT_MS,
    maxBytesPerPartition: PARTITION_BYTES,
    maxBytes: FETCH_BYTES,
    allowAutoTopicCreation: false,
    retry: { ...PATIENT, restartOnFailure: (error) => Promise.resolve(!isLeaving && unreadableIn(error) === null) },
  });

  /** While kafkajs starts anew after an error there is nothing to pause or seek; the next join does all of it. */
  const whileRunning = (act: (consumer: Consumer) => void): void => {
    try {
      act(consumer);
    } catch (error) {
      logger.debug({ err: error }, 'the consumer is not running');
    }
  };
  const apply = (partition: number): void => {
    const flow = flows.get(partition);
    whileRunning((running) => {
      const target = [{ topic, partitions: [partition] }];
      if (flow === undefined || flow.paused) running.pause(target);
      else running.resume(target);
    });
  };
  const seek = (partition: number, position: number): void =>
    whileRunning((running) => running.seek({ topic, partition, offset: String(position) }));

  const onBatch = ({ batch }: EachBatchPayload): Promise<void> => {
    const { partition } = batch;
    const flow = flows.get(partition);
    if (flow === undefined || isLeaving) return Promise.resolve();
    if (flow.paused) {
      // Paused by what another batch of the same fetch brought; kafkajs takes this one for done, and nothing may follow it.
      seek(partition, flow.position);
      return Promise.resolve();
    }
    if (Number((batch as typeof batch & { fetchedOffset: string }).fetchedOffset) > flow.position) {
      seek(partition, flow.position);
      return Promise.resolve();
    }
    const nextOffset = Number(batch.lastOffset()) + 1;
    if (nextOffset <= flow.position) return Promise.resolve();
    const records = toRecords(topic, partition, batch.messages, flow.position);
    flow.position = nextOffset;
    listener.onRecords(partition, records, nextOffset, Number(batch.highWatermark));
    return Promise.resolve();
  };

  const onJoin = (partitions: readonly number[]): void => {
    if (isLeaving) {
      // stop() during a join is lost on kafkajs's runner, which would then run for ever.
      setTimeout(() => void consumer.disconnect().catch(() => undefined), 0);
      return;
    }
    for (const partition of assigned) if (!partitions.includes(partition)) flows.delete(partition);
    assigned = partitions;
    isJoined = true;
    for (const partition of partitions) {
      const flow = flows.get(partition);
      apply(partition);
      if (flow !== undefined) seek(partition, flow.position);
    }
    listener.onAssignment(partitions);
  };

  const forgetAll = (): void => {
    flows.clear();
    assigned = [];
    isJoined = false;
  };
  const run = (): Promise<void> => consumer.run({ autoCommit: false, eachBatch: onBatch });

  const { GROUP_JOIN, CRASH, FETCH_START, HEARTBEAT, REBALANCING, REQUEST_TIMEOUT } = consumer.events;
  // Whatever it waits for ends within kafkajs's own time-outs, the longest of which is that of a rebalance.
  for (const event of [GROUP_JOIN, CRASH, FETCH_START, HEARTBEAT, REBALANCING, REQUEST_TIMEOUT]) {
    consumer.on(event, () => void (turns += 1));
  }
  consumer.on(GROUP_JOIN, ({ payload }) => onJoin([...(payload.memberAssignment[topic] ?? [])].sort((a, b) => a - b)));
  consumer.on(CRASH, ({ payload }) => {
    isJoined = false;
    if (isLeaving) return;
    if (payload.restart) logger.warn({ error: messageOf(payload.error) }, 'the consumer starts anew');
    else listener.onFailed(unreadableIn(payload.error) ?? payload.error);
  });
  onOffsetOutOfRange(consumer, ({ partition }) => {
    const flow = flows.get(partition);
    whileRunning((running) => running.pause([{ topic, partitions: [partition] }]));
    if (flow !== undefined) listener.onOutOfRange(partition, flow.position);
  });

  return {
    async join() {
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await run();
    },
    joined: () => isJoined,
    turns: () => turns,
    start(partition, offset) {
      if (!assigned.includes(partition)) return;
      flows.set(partition, { position: offset, paused: false });
      seek(partition, offset);
      apply(partition);
    },
    pause(partition) {
      const flow = flows.get(partition);
      if (flow !== undefined) flow.paused = true;
      if (assigned.includes(partition)) apply(partition);
    },
    resume(partition) {
      const flow = flows.get(partition);
      if (flow === undefined) return;
      flow.paused = false;
      apply(partition);
    },
    async commit(offsets) {
      const commits = offsets.map(({ partition, offset, metadata }) => ({
        topic,
        partition,
        offset: String(offset),
        metadata: metadata ?? null,
      }));
      try {
        await consumer.commitOffsets(commits);
      } catch (error) {
        if (!protocolTypes(error).some((type) => NOT_MINE_ANY_MORE.includes(type))) throw error;
        logger.debug({ err: error }, 'the group has moved on: nothing committed');
      }
    },
    async rejoin() {
      await consumer.stop();
      forgetAll();
      listener.onAssignment([]);
      await new Promise((resolve) => setTimeout(resolve, jittered(REJOIN_MS)));
      if (!isLeaving) await run();
    },
    async leave() {
      isLeaving = true;
      forgetAll();
      // Without a broker kafkajs would wait for its retries; the group forgets this member by itself.
      await Promise.race([consumer.disconnect(), sleep(LEAVE_WITHIN_MS, undefined, { ref: false })]);
    },
  };
}
