import type { Logger } from 'pino';
import { OperatorError } from '../../common';
import type { Metrics } from '../../ops';
import type { RunningSubscription, Subscription } from '../port';
import type { Backend, PartitionOffsets } from './backend';
import { createRuntimeMetrics } from './runtime-metrics';
import { createDeferred, jittered } from './signal';

export interface SubscriptionOptions {
  readonly backend: Backend;
  readonly subscription: Subscription;
  readonly logger: Logger;
  readonly metrics: Metrics | undefined;
}

/** One owned partition; a new object for every assignment, so that answers to an older one are recognised. */
interface Owned {
  readonly partition: number;
  started: boolean;
  nextOffset: number;
  endOffset: number | null;
}

const RETRY_MS = 500;

/** Reads a topic as one member of a group, at least once: the subscriber says where to start and what is committed. */
export async function startSubscription(options: SubscriptionOptions): Promise<RunningSubscription> {
  const { backend, subscription } = options;
  const { group, topic } = subscription;
  const logger = options.logger.child({ group, topic });
  const metrics = createRuntimeMetrics(options.metrics, group);
  const owned = new Map<number, Owned>();
  const end = createDeferred<undefined>();
  let paused = false;
  let stopping: Promise<void> | null = null;

  const isCurrent = (entry: Owned): boolean => stopping === null && owned.get(entry.partition) === entry;

  const offsetsOf = async (entries: readonly Owned[]): Promise<readonly PartitionOffsets[]> => {
    for (;;) {
      const current = entries.filter(isCurrent);
      if (current.length === 0) return [];
      try {
        return await backend.groupOffsets(
          group,
          topic,
          current.map(({ partition }) => partition),
        );
      } catch (error) {
        logger.warn({ err: error }, 'committed offsets are not to be had yet');
        await new Promise((resolve) => setTimeout(resolve, jittered(RETRY_MS)));
      }
    }
  };

  const begin = async (entries: readonly Owned[]): Promise<void> => {
    const offsets = await offsetsOf(entries);
    if (offsets.length === 0) return;
    const chosen = await subscription.onAssigned(offsets);
    for (const bounds of offsets) {
      const entry = entries.find(({ partition }) => partition === bounds.partition);
      if (entry === undefined || !isCurrent(entry)) continue;
      entry.nextOffset = startOffset(bounds, chosen.get(bounds.partition));
      entry.endOffset = bounds.endOffset;
      entry.started = true;
      member.start(entry.partition, entry.nextOffset);
      if (paused) member.pause(entry.partition);
    }
  };

  const startOffset = (bounds: PartitionOffsets, chosen: number | undefined): number => {
    const wanted = chosen ?? bounds.committedOffset ?? bounds.beginningOffset;
    if (wanted > bounds.endOffset) {
      throw new OperatorError(
        `${topic}/${bounds.partition}: group ${group} goes on at offset ${wanted}, but the topic ends at ${bounds.endOffset}: ` +
          `it was made anew. Stop every reader of the group, then ` +
          `kafka-consumer-groups --group ${group} --topic ${topic} --reset-offsets --to-earliest --execute`,
      );
    }
    if (wanted < bounds.beginningOffset) {
      logger.warn(
        { partition: bounds.partition, wanted, begins: bounds.beginningOffset },
        'records were deleted unread',
      );
      return bounds.beginningOffset;
    }
    return wanted;
  };

  const assign = (partitions: readonly number[]): void => {
    if (stopping !== null) return;
    metrics.onAssignment();
    logger.info({ partitions }, 'partitions assigned');
    const revoked = [...owned.keys()].filter((partition) => !partitions.includes(partition));
    for (const partition of revoked) owned.delete(partition);
    if (revoked.length > 0) attempt(() => subscription.onRevoked(revoked));
    const added: Owned[] = [];
    for (const partition of partitions) {
      if (owned.has(partition)) continue;
      const entry: Owned = { partition, started: false, nextOffset: 0, endOffset: null };
      owned.set(partition, entry);
      added.push(entry);
    }
    if (added.length > 0) begin(added).catch(fail);
  };

  const attempt = (call: () => void): void => {
    try {
      call();
    } catch (error) {
      fail(error);
    }
  };

  const shutDown = async (): Promise<void> => {
    await member.leave();
    owned.clear();
  };

  function fail(error: unknown): void {
    if (stopping !== null) return;
    logger.error({ err: error }, 'the subscription ends');
    stopping = shutDown().catch((later: unknown) => logger.warn({ err: later }, 'stopping after an error'));
    void stopping.then(() => end.reject(error));
  }

  const outOfRange = async (entry: Owned): Promise<void> => {
    const [bounds] = await offsetsOf([entry]);
    if (bounds === undefined || !isCurrent(entry)) return;
    entry.nextOffset = startOffset(bounds, entry.nextOffset);
    member.start(entry.partition, entry.nextOffset);
  };

  const member = backend.member({
    group,
    topic,
    listener: {
      onAssignment: assign,
      onRecords(partition, records, nextOffset, endOffset) {
        const entry = owned.get(partition);
        if (entry?.started !== true || stopping !== null) return;
        entry.nextOffset = nextOffset;
        entry.endOffset = endOffset;
        attempt(() => subscription.onRecords(partition, records, nextOffset));
      },
      onOutOfRange(partition) {
        const entry = owned.get(partition);
        if (entry !== undefined) outOfRange(entry).catch(fail);
      },
      onFailed: fail,
    },
  });

  await member.join();
  return {
    done: end.promise,
    status: () =>
      [...owned.values()].map(({ partition, nextOffset, endOffset }) => ({
        partition,
        nextOffset,
        lag: endOffset === null ? null : Math.max(0, endOffset - nextOffset),
      })),
    ready: () => stopping === null && member.joined() && [...owned.values()].every(({ started }) => started),
    turns: member.turns,
    pause() {
      paused = true;
      for (const { partition, started } of owned.values()) if (started) member.pause(partition);
    },
    resume() {
      paused = false;
      for (const { partition, started } of owned.values()) if (started) member.resume(partition);
    },
    async commit(offsets) {
      const mine = offsets.filter(({ partition }) => owned.get(partition)?.started === true);
      if (mine.length > 0) await member.commit(mine);
    },
    async stop() {
      if (stopping === null) {
        stopping = shutDown();
        stopping.then(() => end.resolve(undefined), end.reject);
      }
      await stopping;
    },
  };
}
