import type { Kafka, KafkaMessage } from 'kafkajs';
import { protocolTypes, requireInternal } from './internals';

/**
 * kafkajs's own cluster object: metadata, offsets and fetches without a group. Its public consumer can read only as a
 * member of a group. On a broker with default settings a group takes 3 s to form, and it stays behind.
 */
export interface Cluster {
  /** The topics of which it loads metadata. */
  readonly targetTopics: Set<string>;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  /** Refreshes metadata that is at least a minute old. */
  refreshMetadataIfNecessary(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[];
  findBroker(node: { readonly nodeId: number }): Promise<FetchBroker & RequestBroker>;
  /** Known once metadata is loaded. */
  findControllerBroker(): Promise<RequestBroker>;
  removeBroker(address: { readonly host: string; readonly port: number }): void;
  findGroupCoordinator(lookup: { readonly groupId: string }): Promise<Coordinator>;
  fetchTopicsOffset(
    topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number }[];
      readonly fromBeginning: boolean;
      /** Epoch ms; takes precedence. The offset of the first record of that time, or −1: there is none. */
      readonly fromTimestamp?: number;
    }[],
  ): Promise<readonly { readonly partitions: readonly { readonly partition: number; readonly offset: string }[] }[]>;
}

interface PartitionMetadata {
  readonly partitionId: number;
  readonly leader: number;
  readonly isr: readonly number[];
  readonly replicas: readonly number[];
}

interface FetchBroker {
  listOffsets(request: {
    readonly isolationLevel: number;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly timestamp: number }[];
    }[];
  }): Promise<{ readonly responses: readonly { readonly partitions: readonly { readonly offset: string }[] }[] }>;
  fetch(request: {
    readonly maxWaitTime: number;
    readonly minBytes: number;
    readonly maxBytes: number;
    readonly isolationLevel: number;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { partition: number; fetchOffset: string; maxBytes: number }[];
    }[];
  }): Promise<{
    readonly responses: readonly { readonly topicName: string; readonly partitions: readonly FetchedPartition[] }[];
  }>;
}

/** The part of a broker that takes requests for which kafkajs has no method. */
export interface RequestBroker {
  /** @throws an error of type UNKNOWN_TOPIC_OR_PARTITION if one of them does not exist */
  metadata(topics: readonly string[]): Promise<unknown>;
  /** By API key; null before the first connection. */
  readonly versions: Readonly<Record<number, { readonly maxVersion: number } | undefined>> | null;
  readonly connectionPool: {
    send<A, T>(protocol: {
      readonly request: {
        readonly apiKey: number;
        readonly apiVersion: number;
        readonly apiName: string;
        readonly encode: () => Promise<{ readonly buffer: Buffer }>;
      };
      readonly response: {
        readonly decode: (payload: Buffer) => Promise<A>;
        readonly parse: (answer: A) => Promise<T>;
      };
    }): Promise<T>;
  };
  describeConfigs(request: {
    readonly resources: readonly { readonly type: number; readonly name: string; readonly configNames: string[] }[];
  }): Promise<{
    readonly resources: readonly {
      readonly configEntries: readonly { readonly configName: string; readonly configValue: string }[];
    }[];
  }>;
}

/** One partition of a fetch's answer, in the form that kafkajs's batch takes. */
export interface FetchedPartition {
  readonly partition: number;
  /** The end of the committed records. */
  readonly lastStableOffset: string;
}

/** The part of a broker that a group needs. */
export interface Coordinator {
  joinGroup(request: {
    readonly groupId: string;
    readonly sessionTimeout: number;
    readonly rebalanceTimeout: number;
    /** Empty: a new member. */
    readonly memberId: string;
    readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[];
  }): Promise<{
    readonly generationId: number;
    readonly leaderId: string;
    readonly memberId: string;
    /** Filled in the leader's answer; else empty. */
    readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[];
  }>;
  syncGroup(request: {
    readonly groupId: string;
    readonly generationId: number;
    readonly memberId: string;
    readonly groupAssignment: readonly { readonly memberId: string; readonly memberAssignment: Buffer }[];
  }): Promise<{ readonly memberAssignment: Buffer }>;
  heartbeat(request: {
    readonly groupId: string;
    readonly groupGenerationId: number;
    readonly memberId: string;
  }): Promise<void>;
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<void>;
  offsetCommit(request: {
    readonly groupId: string;
    readonly groupGenerationId: number;
    readonly memberId: string;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly {
        readonly partition: number;
        readonly offset: string;
        readonly metadata: string | null;
      }[];
    }[];
  }): Promise<void>;
  offsetFetch(request: {
    readonly groupId: string;
    readonly topics: readonly { readonly topic: string; readonly partitions: readonly { partition: number }[] }[];
  }): Promise<{
    readonly responses: readonly {
      readonly partitions: readonly { partition: number; offset: string; metadata: string | null }[];
    }[];
  }>;
}

/** kafkajs's view of one partition of a fetch: committed records, without markers. */
export interface FetchedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly fetchedOffset: string;
  readonly messages: readonly KafkaMessage[];
  readonly rawMessages: readonly unknown[];
  lastOffset(): string;
}
export type BatchClass = new (topic: string, fetchedOffset: string, data: FetchedPartition) => FetchedBatch;

export const READ_UNCOMMITTED = 0;
export const READ_COMMITTED = 1;

/** A cluster whose offsets and fetches cover only committed records. It never creates topics. */
export function createCluster(kafka: Kafka): Cluster {
  const create = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  );
  if (create === undefined) throw new Error('kafkajs: no way to make a cluster');
  const make = (kafka as unknown as Record<symbol, (options: object) => Cluster>)[create];
  if (make === undefined) throw new Error('kafkajs: no way to make a cluster');
  return make({ metadataMaxAge: 60_000, allowAutoTopicCreation: false, isolationLevel: READ_COMMITTED });
}

export function batchClass(): BatchClass {
  return requireInternal('consumer/batch') as BatchClass;
}

/** The brokers' answer to a question about a missing topic, with its name, which the answer of kafkajs lacks. */
export class UnknownTopicError extends Error {
  readonly type = 'UNKNOWN_TOPIC_OR_PARTITION';
  readonly code = 3;
  /** The topic may be so new that this broker does not know it yet. */
  readonly retriable = true;

  constructor(topics: readonly string[]) {
    super(`Kafka does not know topic ${topics.join(' or ')} (UNKNOWN_TOPIC_OR_PARTITION). Was it deleted?`);
  }
}

export function isUnknownTopic(error: unknown): boolean {
  return protocolTypes(error).includes('UNKNOWN_TOPIC_OR_PARTITION');
}
