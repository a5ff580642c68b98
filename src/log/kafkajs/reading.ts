import { atMost, createDeferred, jittered, messageOf } from '../../common';
import type { Reading, ReadProgress, ReadRequest } from '../port';
import { createClient, PATIENT, type KafkaConnection } from './client';
import { createCluster, isUnknownTopic } from './cluster';
import { boundsOf, readPositions, type ReadPosition } from './reader';

/**
 * A reader that does not follow gives up after this many failures in a row, about 20 s. One that follows never does.
 */
const ATTEMPTS = 12;
const RETRY_MS = 100;
/** How long to wait for a fetch, or for the pause before the next one: the log may be away. */
const STOP_WITHIN_MS = 1_000;

/** @see Log.read */
export async function readKafka(connection: KafkaConnection, request: ReadRequest): Promise<Reading> {
  const cluster = createCluster(createClient(connection, PATIENT));
  const caughtUp = createDeferred<undefined>();
  const done = createDeferred<undefined>();
  let isStopped = false;
  let progress: ReadProgress = { asOf: null, answeredAt: Date.now(), problem: null };
  try {
    await cluster.connect();
    await cluster.addMultipleTargetTopics(request.topics);
  } catch (error) {
    await cluster.disconnect().catch(() => undefined);
    throw error;
  }
  const { ends, positions } = await whenLeadersAreKnown(findPositions);
  if (ends.size === 0) caughtUp.resolve(undefined);
  readPositions({
    cluster,
    positions,
    isStopped: () => isStopped,
    attempts: request.follow ? Infinity : ATTEMPTS,
    onGap: request.onGap,
    onRound({ askedAt, isAtEnd }) {
      progress = { asOf: isAtEnd ? askedAt : progress.asOf, answeredAt: Date.now(), problem: null };
    },
    onFailure: (error) => (progress = { ...progress, problem: messageOf(error) }),
    onBatch(one, records) {
      for (const record of records) if (!isStopped) request.onRecord(record);
      if (one.position >= (ends.get(one) ?? Infinity)) {
        ends.delete(one);
        if (ends.size === 0) caughtUp.resolve(undefined);
      }
    },
  }).then(
    () => {
      caughtUp.resolve(undefined);
      done.resolve(undefined);
    },
    (error: unknown) => {
      if (isStopped) {
        done.resolve(undefined);
        return;
      }
      caughtUp.reject(error);
      done.reject(error);
      void cluster.disconnect().catch(() => undefined);
    },
  );

  /** Right after a topic was created, or a leader has changed, brokers and metadata may disagree for a moment. */
  async function whenLeadersAreKnown<T>(ask: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask();
      } catch (error) {
        if (attempt >= ATTEMPTS || isUnknownTopic(error)) {
          await cluster.disconnect().catch(() => undefined);
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, jittered(RETRY_MS * attempt)));
        await cluster.refreshMetadata().catch(() => undefined);
      }
    }
  }

  async function findPositions() {
    const found: ReadPosition[] = [];
    const all = new Map<ReadPosition, number>();
    for (const topic of request.topics) {
      const { from, since } = request;
      const partitions = cluster
        .findTopicPartitionMetadata(topic)
        .map(({ partitionId }) => partitionId)
        .filter((partition) => from === undefined || from.has(partition));
      const first = await boundsOf(cluster, topic, partitions, since === undefined ? 'beginning' : { since });
      const last = await boundsOf(cluster, topic, partitions, 'end');
      for (const partition of partitions) {
        const end = last.get(partition) ?? 0;
        const begin = first.get(partition) ?? 0;
        const position = Math.max(begin < 0 ? end : begin, from?.get(partition) ?? 0);
        const one = { topic, partition, position, until: request.follow ? null : end };
        found.push(one);
        if (one.position < end) all.set(one, end);
      }
    }
    return { ends: all, positions: found };
  }

  return {
    caughtUp: caughtUp.promise,
    done: done.promise,
    progress: () => progress,
    async stop() {
      isStopped = true;
      caughtUp.resolve(undefined);
      await atMost(STOP_WITHIN_MS, done.promise);
      await atMost(STOP_WITHIN_MS, cluster.disconnect());
    },
  };
}
