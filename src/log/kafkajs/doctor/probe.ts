import type { KafkaConnection } from '../client';
import { createClient } from '../client';
import { createCluster, type Cluster } from '../cluster';
import { requireInternal } from '../internals';

/** The part of kafkajs's own broker that tests permissions: each request goes out once, without retries. */
export interface ProbeBroker {
  readonly versions: ApiVersions;
  metadata(topics: readonly string[]): Promise<{
    readonly topicMetadata: readonly {
      readonly partitionMetadata: readonly { readonly partitionId: number; readonly leader: number }[];
    }[];
  }>;
  findGroupCoordinator(lookup: {
    readonly groupId: string;
    readonly coordinatorType: number;
  }): Promise<{ readonly coordinator: { readonly nodeId: number } }>;
  heartbeat(beat: {
    readonly groupId: string;
    readonly groupGenerationId: number;
    readonly memberId: string;
  }): Promise<unknown>;
  initProducerId(request: { readonly transactionalId: string; readonly transactionTimeout: number }): Promise<unknown>;
  fetch(request: object): Promise<unknown>;
  describeConfigs(request: { readonly resources: readonly TopicResource[] }): Promise<unknown>;
  alterConfigs(request: {
    readonly resources: readonly TopicResource[];
    readonly validateOnly: true;
  }): Promise<unknown>;
  createTopics(request: { readonly topics: readonly object[]; readonly validateOnly: true }): Promise<unknown>;
  readonly connectionPool: {
    send(protocol: { readonly request: object; readonly response: unknown }): Promise<unknown>;
  };
}

export const TOPIC_RESOURCE = 2 as const;

interface TopicResource {
  readonly type: typeof TOPIC_RESOURCE;
  readonly name: string;
  /** Empty: all. */
  readonly configNames: readonly string[];
  readonly configEntries: readonly object[];
}

export type ApiVersions = Readonly<
  Record<string, { readonly minVersion: number; readonly maxVersion: number } | undefined>
>;

export interface AdvertisedBroker {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/** A cluster as its bootstrap brokers describe it. Nothing has been sent to the advertised addresses yet. */
export interface Probe {
  readonly brokers: readonly AdvertisedBroker[];
  readonly versions: ApiVersions;
  /** Connected. */
  broker(nodeId: number): Promise<ProbeBroker>;
  close(): Promise<void>;
}

type ProbedCluster = Cluster & {
  readonly brokerPool: {
    readonly versions: ApiVersions;
    readonly metadata: { readonly brokers: readonly AdvertisedBroker[] };
  };
};

/** How long to wait for a first answer; kafkajs itself waits three times as long. */
const ANSWER_LIMIT_MS = 10_000;
const BRIEF = { initialRetryTime: 100, maxRetryTime: 500, retries: 1 };

/** @throws kafkajs's error if no bootstrap broker answers */
export async function openProbe(connection: KafkaConnection): Promise<Probe> {
  const cluster = createCluster(createClient(connection, BRIEF)) as ProbedCluster;
  try {
    await inTime(async () => {
      await cluster.connect();
      await cluster.refreshMetadata();
    });
  } catch (error) {
    // Not awaited, because it waits for the answer that does not come.
    cluster.disconnect().catch(() => undefined);
    throw error;
  }
  const { versions, metadata } = cluster.brokerPool;
  return {
    brokers: metadata.brokers,
    versions,
    broker: async (nodeId) => (await cluster.findBroker({ nodeId })) as unknown as ProbeBroker,
    close: () => cluster.disconnect(),
  };
}

/** Connects to a broker at this very address. */
export async function reach(connection: KafkaConnection, address: string): Promise<void> {
  const cluster = createCluster(createClient({ ...connection, brokers: [address] }, BRIEF));
  try {
    await inTime(() => cluster.connect());
  } finally {
    cluster.disconnect().catch(() => undefined);
  }
}

async function inTime(work: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${ANSWER_LIMIT_MS} ms`)), ANSWER_LIMIT_MS);
  });
  await Promise.race([work(), late]).finally(() => clearTimeout(timer));
}

interface RequestDefinition {
  readonly versions: readonly string[];
  readonly protocol: (at: { readonly version: number }) => (options: object) => { readonly response: unknown };
}

interface Encoder {
  writeString(text: string | null): Encoder;
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeArray(items: readonly Encoder[]): Encoder;
}

const definitions = (): Readonly<Record<string, RequestDefinition>> =>
  (requireInternal('protocol/requests') as { readonly requests: Readonly<Record<string, RequestDefinition>> }).requests;

/** The versions of a request that kafkajs speaks, by the request's name. */
export function spokenVersions(api: string): readonly number[] {
  return (definitions()[api]?.versions ?? []).map(Number);
}

export function apiKey(api: string): number | undefined {
  return (requireInternal('protocol/requests/apiKeys') as Readonly<Record<string, number | undefined>>)[api];
}

const PRODUCE_VERSION = 3;

/**
 * A produce request without a record batch. A broker checks the permission first and then finds the request invalid. So
 * it writes nothing, whatever it answers.
 */
export async function produceNothing(broker: ProbeBroker, topic: string, partition: number): Promise<void> {
  const EncoderClass = requireInternal('protocol/encoder') as new () => Encoder;
  const { response } = definitions()['Produce']?.protocol({ version: PRODUCE_VERSION })({ topicData: [] }) ?? {};
  const records = new EncoderClass().writeInt32(partition).writeInt32(0);
  const topicData = new EncoderClass().writeString(topic).writeArray([records]);
  const encode = () =>
    Promise.resolve(new EncoderClass().writeString(null).writeInt16(-1).writeInt32(3_000).writeArray([topicData]));
  const request = { apiKey: 0, apiVersion: PRODUCE_VERSION, apiName: 'Produce', expectResponse: () => true, encode };
  await broker.connectionPool.send({ request, response });
}
