import { replaceExports, requireInternal, type KafkajsError } from '../internals';
import type { GroupMessagesPerPartition } from './r2-quadratic-grouping';

/** What is written to one partition. */
interface Batch {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly unknown[];
  /** How many partitions the topic had when the partition was chosen. */
  readonly of: number;
  /** What the broker has answered; null: nothing yet. */
  answer: object | null;
}

interface TopicData {
  readonly topic: string;
  readonly partitions: { readonly partition: number; readonly messages: readonly unknown[]; firstSequence?: number }[];
}

interface Broker {
  produce(request: object): Promise<unknown>;
}

interface Metadata {
  readonly partitionId: number;
  readonly leader: number;
}

interface Cluster {
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  refreshMetadata(): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly Metadata[];
  findBroker(node: { readonly nodeId: number }): Promise<Broker>;
  removeBroker(address: { readonly host: unknown; readonly port: unknown }): void;
  isConnected(): boolean;
  connect(): Promise<void>;
}

interface EosManager {
  acquireBrokerLock(broker: Broker): Promise<void>;
  releaseBrokerLock(broker: Broker): Promise<void>;
  isTransactional(): boolean;
  addPartitionsToTransaction(data: readonly TopicData[]): Promise<void>;
  getSequence(topic: string, partition: number): number;
  updateSequence(topic: string, partition: number, by: number): void;
  getTransactionalId(): string;
  getProducerId(): unknown;
  getProducerEpoch(): unknown;
}

interface Parts {
  readonly logger: { error(message: string, payload: object): void };
  readonly cluster: Cluster;
  readonly partitioner: Parameters<GroupMessagesPerPartition>[0]['partitioner'];
  readonly eosManager: EosManager;
  readonly retrier: <T>(
    act: (bail: (error: unknown) => void, retryCount: number, retryTime: number) => Promise<T>,
  ) => Promise<T>;
}

interface Request {
  readonly acks: number;
  readonly timeout: number;
  readonly compression: unknown;
  readonly topicMessages: readonly { readonly topic: string; readonly messages: readonly unknown[] }[];
}

export type CreateSendMessages = (parts: Parts) => (request: Request) => Promise<readonly object[]>;

/** The errors after which another broker may lead the partition. */
const STALE = new Set(['KafkaJSMetadataNotLoaded', 'KafkaJSConnectionError', 'KafkaJSConnectionClosedError']);

/**
 * R15: records are lost when a leader moves. `producer/sendMessages` remembers which brokers have answered, not which
 * partitions. One broker takes its partitions, another one answers that it no longer leads its own. If these now belong
 * to the first broker, kafkajs never sends them, and reports success. The same happens to a partition without metadata.
 * It also begins again while a request of the failed attempt is under way, and then sends that request's records twice.
 * Repair: remember the partitions, wait for every request of an attempt, and refuse a partition that has no metadata. If
 * the topic has another number of partitions by then, the send ends, so that the caller chooses partitions again.
 */
export function repairMovedLeaders(): void {
  replaceExports<CreateSendMessages>('producer/sendMessages', () => createSendMessages);
}

const createSendMessages: CreateSendMessages = (parts) => (request) => {
  const { cluster, retrier, logger } = parts;
  const sending = new Sending(parts, request);
  return retrier(async (bail, retryCount, retryTime) => {
    await cluster.addMultipleTargetTopics(request.topicMessages.map(({ topic }) => topic));
    try {
      return await sending.attempt();
    } catch (error) {
      const { name, message, retriable, host, port } = error as KafkajsError & { host?: unknown; port?: unknown };
      if (name === 'KafkaJSConnectionClosedError') cluster.removeBroker({ host, port });
      if (!cluster.isConnected()) {
        await cluster.connect();
        await sending.refresh();
        throw error;
      }
      if (STALE.has(name) || (name === 'KafkaJSProtocolError' && retriable === true)) {
        logger.error(`Failed to send messages to ${topicsOf(request)}: ${message}`, { retryCount, retryTime });
        await sending.refresh();
        throw error;
      }
      logger.error(message, { retryCount, retryTime });
      if (retriable === true) throw error;
      bail(error);
      return [];
    }
  });
};

function topicsOf({ topicMessages }: Request): string {
  return [...new Set(topicMessages.map(({ topic }) => topic))].join(', ');
}

/** One call of `sendMessages`, over all its attempts. */
class Sending {
  readonly #parts: Parts;
  readonly #request: Request;
  /** Null: not known before there is metadata. The next attempts keep to it. */
  #batches: readonly Batch[] | null = null;
  /** The metadata is newer than the last attempt. */
  #isFresh = false;

  constructor(parts: Parts, request: Request) {
    this.#parts = parts;
    this.#request = request;
  }

  async refresh(): Promise<void> {
    await this.#parts.cluster.refreshMetadata();
    this.#isFresh = true;
  }

  async attempt(): Promise<readonly object[]> {
    const { cluster } = this.#parts;
    // A topic that was missing at the last attempt may be another one now.
    if (this.#batches !== null && !this.#isFresh) await this.refresh();
    await cluster.refreshMetadataIfNecessary();
    this.#isFresh = false;
    const batches = (this.#batches ??= this.#grouped());
    const byBroker = new Map<Broker, Batch[]>();
    for (const batch of batches) {
      if (batch.answer !== null) continue;
      const broker = await cluster.findBroker({ nodeId: this.#leaderOf(batch) });
      byBroker.set(broker, [...(byBroker.get(broker) ?? []), batch]);
    }
    const results = await Promise.allSettled([...byBroker].map(([broker, mine]) => this.#produce(broker, mine)));
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    // An answer that stays the same decides, whatever passes at another broker.
    if (failures.length > 0) throw failures.find((error) => (error as KafkajsError).retriable === false) ?? failures[0];
    return batches.map(({ answer }) => answer).filter((answer) => answer !== null);
  }

  #grouped(): readonly Batch[] {
    const { cluster, partitioner } = this.#parts;
    const group = requireInternal('producer/groupMessagesPerPartition') as GroupMessagesPerPartition;
    return this.#request.topicMessages.flatMap(({ topic, messages }) => {
      const partitionMetadata = cluster.findTopicPartitionMetadata(topic);
      if (partitionMetadata.length === 0) throw notLoaded(topic);
      const groups = Object.entries(group({ topic, partitionMetadata, messages, partitioner }));
      return groups.map(([partition, mine]): Batch => ({
        ...{ topic, partition: Number(partition) },
        ...{ messages: mine, of: partitionMetadata.length, answer: null },
      }));
    });
  }

  /** @throws an error that ends the send if keys now belong to other partitions: the topic was recreated, or has grown */
  #leaderOf({ topic, partition, of }: Batch): number {
    const metadata = this.#parts.cluster.findTopicPartitionMetadata(topic);
    if (metadata.length > 0 && metadata.length !== of) throw repartitioned(topic, of, metadata.length);
    const found = metadata.find(({ partitionId }) => partitionId === partition);
    if (found === undefined) throw notLoaded(`${topic}[${partition}]`);
    return found.leader;
  }

  async #produce(broker: Broker, batches: readonly Batch[]): Promise<void> {
    const { eosManager } = this.#parts;
    const { acks, timeout, compression } = this.#request;
    const topicData = topicDataOf(batches);
    await eosManager.acquireBrokerLock(broker);
    try {
      if (eosManager.isTransactional()) await eosManager.addPartitionsToTransaction(topicData);
      this.#moveSequences(topicData, 1);
      let response: unknown;
      try {
        response = await broker.produce({
          transactionalId: eosManager.isTransactional() ? eosManager.getTransactionalId() : undefined,
          producerId: eosManager.getProducerId(),
          producerEpoch: eosManager.getProducerEpoch(),
          ...{ acks, timeout, compression, topicData },
        });
      } catch (error) {
        // What the broker has taken all the same, it recognizes by its sequence.
        this.#moveSequences(topicData, -1);
        throw error;
      }
      const answers = acks === 0 ? [] : answersOf(response);
      for (const batch of batches) {
        batch.answer =
          answers.find((one) => one.topicName === batch.topic && one.partition === batch.partition) ?? batch;
      }
    } finally {
      await eosManager.releaseBrokerLock(broker);
    }
  }

  #moveSequences(topicData: readonly TopicData[], direction: 1 | -1): void {
    const { eosManager } = this.#parts;
    for (const { topic, partitions } of topicData) {
      for (const entry of partitions) {
        if (direction === 1) entry.firstSequence = eosManager.getSequence(topic, entry.partition);
        eosManager.updateSequence(topic, entry.partition, direction * entry.messages.length);
      }
    }
  }
}

function topicDataOf(batches: readonly Batch[]): readonly TopicData[] {
  const byTopic = new Map<string, TopicData>();
  for (const { topic, partition, messages } of batches) {
    const data = byTopic.get(topic) ?? { topic, partitions: [] };
    byTopic.set(topic, data);
    data.partitions.push({ partition, messages });
  }
  return [...byTopic.values()];
}

interface Answer {
  readonly topicName: string;
  readonly partition: number;
}

function answersOf(response: unknown): readonly Answer[] {
  const flat = requireInternal('producer/responseSerializer') as (response: unknown) => readonly Answer[];
  return flat(response);
}

function notLoaded(what: string): Error {
  const { KafkaJSMetadataNotLoaded: NotLoaded } = requireInternal('errors') as {
    KafkaJSMetadataNotLoaded: new (message: string) => Error;
  };
  return new NotLoaded(`Producing to ${what} without metadata`);
}

function repartitioned(topic: string, before: number, now: number): Error {
  const { KafkaJSNonRetriableError: Final } = requireInternal('errors') as {
    KafkaJSNonRetriableError: new (message: string) => Error;
  };
  return new Final(`${topic} has ${now} partitions now, and had ${before} when its records were sent first`);
}
