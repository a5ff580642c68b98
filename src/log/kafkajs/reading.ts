import { atMost, createDeferred, messageOf } from '../../common';
import type { LogRecord, Reading, ReadProgress, ReadRequest } from '../port';
import { createClient, type KafkaConnection, PATIENT } from './client';
import { type Cluster, createCluster, isUnknownTopic, UnknownTopicError } from './cluster';
import { boundsOf, readPositions, type ReadPosition } from './reader';
import { askPatiently } from './service';

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
  try {
    await cluster.connect();
    await cluster.addMultipleTargetTopics(request.topics);
    const found = await askPatiently(
      () => Promise.resolve(cluster),
      { attempts: ATTEMPTS, retryMs: RETRY_MS },
      () => findPartitions(cluster, request),
    );
    return new KafkaReading(cluster, request, found);
  } catch (error) {
    await cluster.disconnect().catch(() => undefined);
    throw error;
  }
}

/** A partition to be read, and its end when the reading began. */
interface FoundPartition {
  readonly position: ReadPosition;
  readonly end: number;
}

class KafkaReading implements Reading {
  readonly caughtUp: Promise<void>;
  readonly done: Promise<void>;
  readonly #cluster: Cluster;
  readonly #request: ReadRequest;
  readonly #caughtUp = createDeferred<undefined>();
  readonly #done = createDeferred<undefined>();
  /** The ends that are not reached yet. */
  readonly #ends: Map<ReadPosition, number>;
  #progress: ReadProgress = { watermark: null, answeredAt: Date.now(), problem: null };
  #isStopped = false;

  constructor(cluster: Cluster, request: ReadRequest, found: readonly FoundPartition[]) {
    this.caughtUp = this.#caughtUp.promise;
    this.done = this.#done.promise;
    this.#cluster = cluster;
    this.#request = request;
    const behind = found.filter(({ position, end }) => position.position < end);
    this.#ends = new Map(behind.map(({ position, end }) => [position, end]));
    this.#noteEnd();
    this.#read(found.map(({ position }) => position)).then(
      () => this.#ended(),
      (error: unknown) => this.#failed(error),
    );
  }

  progress(): ReadProgress {
    return this.#progress;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#caughtUp.resolve(undefined);
    await atMost(STOP_WITHIN_MS, this.done);
    await atMost(STOP_WITHIN_MS, this.#cluster.disconnect());
  }

  #read(positions: readonly ReadPosition[]): Promise<void> {
    const { follow, onGap } = this.#request;
    return readPositions({
      cluster: this.#cluster,
      positions,
      isStopped: () => this.#isStopped,
      attempts: follow ? Infinity : ATTEMPTS,
      onGap,
      onRound: ({ askedAt, isAtEnd }) => {
        this.#progress = {
          watermark: isAtEnd ? askedAt : this.#progress.watermark,
          answeredAt: Date.now(),
          problem: null,
        };
      },
      onFailure: (error) => (this.#progress = { ...this.#progress, problem: this.#problemOf(error) }),
      onBatch: (position, records) => this.#deliver(position, records),
    });
  }

  #problemOf(error: unknown): string {
    return messageOf(isUnknownTopic(error) ? new UnknownTopicError(this.#request.topics) : error);
  }

  #deliver(one: ReadPosition, records: readonly LogRecord[]): void {
    for (const record of records) if (!this.#isStopped) this.#request.onRecord(record);
    if (one.position < (this.#ends.get(one) ?? Infinity)) return;
    this.#ends.delete(one);
    this.#noteEnd();
  }

  #noteEnd(): void {
    if (this.#ends.size === 0) this.#caughtUp.resolve(undefined);
  }

  #ended(): void {
    this.#caughtUp.resolve(undefined);
    this.#done.resolve(undefined);
    this.#disconnect();
  }

  #failed(error: unknown): void {
    if (this.#isStopped) {
      this.#done.resolve(undefined);
      return;
    }
    this.#caughtUp.reject(error);
    this.#done.reject(error);
    this.#disconnect();
  }

  /** Nobody needs to stop a reading that has ended by itself. */
  #disconnect(): void {
    void this.#cluster.disconnect().catch(() => undefined);
  }
}

async function findPartitions(cluster: Cluster, request: ReadRequest): Promise<readonly FoundPartition[]> {
  const { from, since, follow } = request;
  const found: FoundPartition[] = [];
  for (const topic of request.topics) {
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
      found.push({ position: { topic, partition, position, until: follow ? null : end }, end });
    }
  }
  return found;
}
