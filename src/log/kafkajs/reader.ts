import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs, jittered } from '../../common';
import type { LogRecord, ReadRequest } from '../port';
import { batchClass, READ_COMMITTED, READ_UNCOMMITTED, type Cluster, type FetchedBatch } from './cluster';
import { protocolTypes, type KafkajsError } from './internals';
import { toRecords } from './records';
import { unreadableIn } from './repairs';

/** One partition that is read without a group. */
export interface ReadPosition {
  readonly topic: string;
  readonly partition: number;
  position: number;
  /** The offset at which reading ends; null: never. */
  readonly until: number | null;
}

export interface ReaderOptions {
  readonly cluster: Cluster;
  readonly positions: readonly ReadPosition[];
  readonly onBatch: (partition: ReadPosition, records: readonly LogRecord[]) => void;
  readonly isStopped: () => boolean;
  /** After this many failures in a row the reader gives up. */
  readonly attempts: number;
  /** @see ReadRequest.onGap */
  readonly onGap?: ReadRequest['onGap'];
  /** All leaders have answered, and their records were handed over. */
  readonly onRound?: (round: ReadRound) => void;
  /** The reader will try again, on fresh metadata. */
  readonly onFailure?: (error: unknown) => void;
}

export interface ReadRound {
  /** When the leaders were asked, epoch ms. */
  readonly askedAt: number;
  /** The log held no committed records beyond those that were handed over. */
  readonly isAtEnd: boolean;
}

/** Large, for catching up: the restore of a task or the first reading of a topic. */
const MAX_BYTES = 32 * 1024 * 1024;
const PARTITION_BYTES = 8 * 1024 * 1024;
const MAX_WAIT_MS = 100;
const RETRY_MS = 200;
const LAST_RETRY_MS = 2_000;

/** Reads until every position has reached its end, or until stopped. Committed records only. */
export async function readPositions(options: ReaderOptions): Promise<void> {
  const { cluster, positions, isStopped, attempts } = options;
  let failures = 0;
  for (;;) {
    const open = positions.filter(({ position, until }) => until === null || position < until);
    if (open.length === 0 || isStopped()) return;
    let batches: readonly Fetched[] | null = null;
    const askedAt = Date.now();
    try {
      const leaders = groupBy(open, (one) => leaderOf(cluster, one));
      const fetches = [...leaders].map(([nodeId, mine]) => fetchFrom(cluster, nodeId, mine));
      batches = (await Promise.all(fetches)).flat();
      failures = 0;
    } catch (error) {
      failures += 1;
      // A batch that cannot be decompressed will not change.
      if (failures >= attempts || isStopped() || unreadableIn(error) !== null) throw error;
      options.onFailure?.(error);
      const { name, host, port } = error as KafkajsError & { host?: string; port?: number };
      if (name === 'KafkaJSConnectionClosedError' && host !== undefined && port !== undefined) {
        cluster.removeBroker({ host, port });
      }
      if (protocolTypes(error).includes('OFFSET_OUT_OF_RANGE')) {
        if (options.onGap === 'end') throw error;
        await backToBeginning(cluster, open);
      }
      await sleep(jittered(backoffMs(failures, RETRY_MS, LAST_RETRY_MS)));
      await cluster.refreshMetadata().catch(() => undefined);
    }
    // Outside of the try: an error of the receiver is not one of the log, and must not lead to a retry.
    if (isStopped()) return;
    if (batches === null) continue;
    for (const { batch } of batches) deliver(batch, open, options.onBatch);
    options.onRound?.({ askedAt, isAtEnd: batches.every(({ batch, end }) => positionOf(batch, open) >= end) });
  }
}

/** One partition's part of an answer, and the partition's end (the LSO) at that moment. */
interface Fetched {
  readonly batch: FetchedBatch;
  readonly end: number;
}

function findPosition({ topic, partition }: FetchedBatch, open: readonly ReadPosition[]): ReadPosition | undefined {
  return open.find((one) => one.topic === topic && one.partition === partition);
}

function positionOf(batch: FetchedBatch, open: readonly ReadPosition[]): number {
  return findPosition(batch, open)?.position ?? Infinity;
}

function deliver(batch: FetchedBatch, open: readonly ReadPosition[], onBatch: ReaderOptions['onBatch']): void {
  const one = findPosition(batch, open);
  if (one === undefined || batch.rawMessages.length === 0) return;
  const { position, until } = one;
  one.position = Math.max(position, Number(batch.lastOffset()) + 1);
  const records = toRecords(batch.topic, batch.partition, batch.messages, position);
  onBatch(one, until === null ? records : records.filter(({ offset }) => offset < until));
}

function leaderOf(cluster: Cluster, { topic, partition }: ReadPosition): number {
  const found = cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition);
  if (found === undefined) throw new Error(`${topic}/${partition}: no leader known`);
  return found.leader;
}

async function fetchFrom(cluster: Cluster, nodeId: number, open: readonly ReadPosition[]): Promise<readonly Fetched[]> {
  const broker = await cluster.findBroker({ nodeId });
  const positions = new Map(open.map(({ topic, partition, position }) => [`${partition} ${topic}`, String(position)]));
  const { responses } = await broker.fetch({
    maxWaitTime: MAX_WAIT_MS,
    minBytes: 1,
    maxBytes: MAX_BYTES,
    isolationLevel: READ_COMMITTED,
    topics: [...groupBy(open, ({ topic }) => topic)].map(([topic, mine]) => ({
      topic,
      partitions: mine.map(({ partition, position }) => ({
        partition,
        fetchOffset: String(position),
        maxBytes: PARTITION_BYTES,
      })),
    })),
  });
  const Batch = batchClass();
  return responses.flatMap(({ topicName, partitions }) =>
    partitions.map((data) => ({
      batch: new Batch(topicName, positions.get(`${data.partition} ${topicName}`) ?? '0', data),
      end: Number(data.lastStableOffset),
    })),
  );
}

/**
 * Retention, or the deletion of the topic, has deleted the missing records, so a reader without a group starts over.
 */
async function backToBeginning(cluster: Cluster, open: readonly ReadPosition[]): Promise<void> {
  for (const one of open) {
    const [first, last] = await Promise.all([boundOf(cluster, one, 'beginning'), boundOf(cluster, one, 'end')]);
    if (one.position < first || one.position > last) one.position = first;
  }
}

async function boundOf(cluster: Cluster, one: ReadPosition, bound: 'beginning' | 'end'): Promise<number> {
  return (await boundsOf(cluster, one.topic, [one.partition], bound)).get(one.partition) ?? 0;
}

/**
 * The first offsets of partitions, or their ends (the LSO).
 * @throws Error if the cluster's metadata, which may be a minute old, lacks one of them
 */
export async function boundsOf(
  cluster: Cluster,
  topic: string,
  partitions: readonly number[],
  bound: 'beginning' | 'end' | { readonly since: number },
): Promise<ReadonlyMap<number, number>> {
  const asked = partitions.map((partition) => ({ partition }));
  const time = typeof bound === 'object' ? { fromTimestamp: bound.since } : {};
  const [answer] = await cluster.fetchTopicsOffset([
    { topic, partitions: asked, fromBeginning: bound === 'beginning', ...time },
  ]);
  const bounds = new Map(answer?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
  const unknown = partitions.find((partition) => !bounds.has(partition));
  if (unknown !== undefined)
    throw new Error(`${topic}/${unknown}: the partition is not known yet, so no broker was asked`);
  return bounds;
}

/** ListOffsets: the latest. */
const LATEST = -1;

/** The ends of partitions, including the records of open transactions (the high watermarks). */
export async function writtenOffsetsOf(cluster: Cluster, topic: string): Promise<ReadonlyMap<number, number>> {
  const ends = cluster.findTopicPartitionMetadata(topic).map(async ({ partitionId, leader }) => {
    const broker = await cluster.findBroker({ nodeId: leader });
    const { responses } = await broker.listOffsets({
      isolationLevel: READ_UNCOMMITTED,
      topics: [{ topic, partitions: [{ partition: partitionId, timestamp: LATEST }] }],
    });
    return [partitionId, Number(responses[0]?.partitions[0]?.offset ?? 0)] as const;
  });
  return new Map(await Promise.all(ends));
}

/** `Map.groupBy`, which Node.js 20 lacks. */
function groupBy<K, T>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
