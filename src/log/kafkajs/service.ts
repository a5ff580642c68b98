import { setTimeout as sleep } from 'node:timers/promises';
import { atMost, jittered } from '../../common';
import { createClient, IMPATIENT, type KafkaConnection, PATIENT } from './client';
import { type Cluster, createCluster, isUnknownTopic, UnknownTopicError } from './cluster';
import { unreachableError } from './unreachable';

/** A connection for questions, shared by the process; the first question opens it. */
export interface Service {
  /** Asks a question. If it fails, asks again a few times, on fresh metadata. The cluster learns the topics first. */
  ask<T>(topics: readonly string[], question: (cluster: Cluster) => Promise<T>): Promise<T>;
  /** @throws AwayError if no broker answers; UsageError if a setting is wrong */
  checkReachable(): Promise<void>;
  close(): Promise<void>;
}

const ATTEMPTS = 5;
const RETRY_MS = 200;
/** `close` does not wait longer for a connection that is still being opened. */
const CLOSE_WITHIN_MS = 1_000;

export function createService(connection: KafkaConnection): Service {
  let opened: Promise<Cluster> | null = null;
  let isClosed = false;

  const open = (): Promise<Cluster> => {
    // Nobody would close a connection that a question opens after the end.
    if (isClosed) return Promise.reject(new Error('the connection to Kafka is closed'));
    opened ??= (async () => {
      const cluster = createCluster(createClient(connection, PATIENT));
      await cluster.connect();
      return cluster;
    })();
    opened.catch(() => (opened = null));
    return opened;
  };

  return {
    ask: (topics, question) =>
      askPatiently(open, { attempts: ATTEMPTS, retryMs: RETRY_MS }, async (cluster) => {
        await learn(cluster, topics);
        return question(cluster);
      }).catch((error: unknown) => {
        throw isUnknownTopic(error) ? new UnknownTopicError(topics) : error;
      }),
    async checkReachable() {
      const cluster = createCluster(createClient(connection, IMPATIENT));
      try {
        await cluster.connect();
        await cluster.refreshMetadata();
      } catch (error) {
        throw await unreachableError(connection, error);
      } finally {
        await cluster.disconnect().catch(() => undefined);
      }
    },
    async close() {
      isClosed = true;
      const closing = opened?.then((cluster) => cluster.disconnect());
      opened = null;
      await atMost(CLOSE_WITHIN_MS, closing);
    },
  };
}

/**
 * Loads the metadata of the topics. kafkajs asks for all topics at once that it has ever learned. One that was deleted
 * since fails the request, also for all others, and the answer does not name it.
 */
async function learn(cluster: Cluster, topics: readonly string[]): Promise<void> {
  try {
    await cluster.addMultipleTargetTopics(topics);
    // kafkajs looks again only after an error, but a topic may have got more partitions.
    await cluster.refreshMetadataIfNecessary();
  } catch (error) {
    if (!isUnknownTopic(error) || cluster.targetTopics.size === 0) throw error;
    const deleted = await forgetDeleted(cluster, topics);
    if (topics.some((topic) => deleted.has(topic))) throw error;
    throw new Error(`kafkajs asked for topics that no longer exist: ${[...deleted].join(', ')}`);
  }
}

/** Returns the topics that do not exist: of those that kafkajs has learned, and of these. */
async function forgetDeleted(cluster: Cluster, topics: readonly string[]): Promise<ReadonlySet<string>> {
  const broker = await cluster.findControllerBroker();
  const deleted = new Set<string>();
  for (const topic of new Set([...topics, ...cluster.targetTopics])) {
    try {
      await broker.metadata([topic]);
    } catch (error) {
      if (!isUnknownTopic(error)) throw error;
      deleted.add(topic);
      cluster.targetTopics.delete(topic);
    }
  }
  return deleted;
}

export interface Patience {
  readonly attempts: number;
  /** The first pause. Each later pause is longer by the same time, with jitter. */
  readonly retryMs: number;
}

/**
 * Asks a cluster a question. If that fails, it asks again on fresh metadata: right after a topic was created, or a
 * leader has changed, brokers and metadata may disagree for a moment. An unknown topic is an answer, and no failure.
 * @param open called for each attempt
 */
export async function askPatiently<T>(
  open: () => Promise<Cluster>,
  { attempts, retryMs }: Patience,
  question: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const cluster = await open();
    try {
      return await question(cluster);
    } catch (error) {
      if (attempt >= attempts || isUnknownTopic(error)) throw error;
      await sleep(jittered(retryMs * attempt));
      await cluster.refreshMetadata().catch(() => undefined);
    }
  }
}
