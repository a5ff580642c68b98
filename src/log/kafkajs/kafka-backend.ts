import { messageOf, MissingError, UsageError } from '../../common';
import type { LogRecord, Topology } from '../port';
import type {
  Backend,
  FencedProducer,
  Member,
  MemberRequest,
  PartitionOffsets,
  Range,
  TaskHooks,
  TopicFacts,
} from '../runtime/backend';
import type { KafkaConnection } from './client';
import { isUnknownTopic, UnknownTopicError } from './cluster';
import { openFencedProducer, partitionBounds, readRange } from './fenced-producer';
import { KafkaMember } from './group/member';
import { protocolTypes } from './internals';
import { boundsOf } from './reader';
import type { Service } from './service';
import { settingOf, topicNumber } from './topic-config';
import { askTopic } from './topic-id';

/** @throws MissingError if the topic does not exist */
export async function partitionsOf(service: Service, topic: string): Promise<readonly number[]> {
  try {
    return await service.ask([topic], (cluster) =>
      Promise.resolve(cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)),
    );
  } catch (error) {
    if (protocolTypes(error).includes('TOPIC_AUTHORIZATION_FAILED')) {
      throw new UsageError(
        `Topic ${topic}: the broker does not let this user see it (TOPIC_AUTHORIZATION_FAILED). Give it the ACLs of ` +
          'its role (docs/how-to/secure.md), or check the KAFKA_SASL_… and KAFKA_SSL_… settings.',
        { cause: error },
      );
    }
    if (!isUnknownTopic(error)) throw error;
    throw new MissingError(`Topic ${topic} does not exist. Run \`queuefold setup\` to create the topics.`, {
      cause: error,
    });
  }
}

/** The runtime's view of Kafka. */
export class KafkaBackend implements Backend {
  readonly #connection: KafkaConnection;
  readonly #service: Service;
  /** Topics whose cleanup.policy the broker did not show at the last attempt. */
  readonly #untold = new Set<string>();

  constructor(connection: KafkaConnection, service: Service) {
    this.#connection = connection;
    this.#service = service;
  }

  member(request: MemberRequest): Member {
    return new KafkaMember(this.#connection, request);
  }

  async openFencedProducer(topology: Topology, partition: number, hooks: TaskHooks): Promise<FencedProducer> {
    try {
      return await openFencedProducer(this.#connection, this.#service, topology, partition, hooks);
    } catch (error) {
      if (!isUnknownTopic(error)) throw error;
      // The barrier's topic.
      await partitionsOf(this.#service, topology.changelog);
      throw new UnknownTopicError([topology.changelog]);
    }
  }

  groupOffsets(group: string, topic: string, partitions: readonly number[]): Promise<readonly PartitionOffsets[]> {
    return this.#service.ask([topic], async (cluster) => {
      const coordinator = await cluster.findGroupCoordinator({ groupId: group });
      const asked = [{ topic, partitions: partitions.map((partition) => ({ partition })) }];
      const [{ responses }, first, end] = await Promise.all([
        coordinator.offsetFetch({ groupId: group, topics: asked }),
        boundsOf(cluster, topic, partitions, 'beginning'),
        boundsOf(cluster, topic, partitions, 'end'),
      ]);
      const committed = new Map(responses[0]?.partitions.map((one) => [one.partition, one]));
      return partitions.map((partition) => {
        const one = committed.get(partition);
        const offset = Number(one?.offset ?? -1);
        return {
          partition,
          committedOffset: offset < 0 ? null : offset,
          committedMetadata: offset < 0 || one === undefined || one.metadata === '' ? null : one.metadata,
          beginningOffset: first.get(partition) ?? 0,
          endOffset: end.get(partition) ?? 0,
        };
      });
    });
  }

  async endOffset(topic: string, partition: number): Promise<number> {
    const ends = await this.#service.ask([topic], (cluster) => boundsOf(cluster, topic, [partition], 'end'));
    return ends.get(partition) ?? 0;
  }

  async topics(names: readonly string[]): Promise<ReadonlyMap<string, TopicFacts>> {
    const facts = names.map(async (topic) => {
      const { length } = await partitionsOf(this.#service, topic);
      const { id, partitions } = await this.#service.ask([topic], (cluster) => askTopic(cluster, topic));
      return [topic, { id, partitions: partitions ?? length }] as const;
    });
    return new Map(await Promise.all(facts));
  }

  bounds(topic: string, partition: number): ReturnType<Backend['bounds']> {
    return partitionBounds(this.#service, topic, partition);
  }

  inSync(names: readonly string[], partition: number): Promise<boolean> {
    return this.#service.ask(names, async (cluster) => {
      await cluster.refreshMetadata();
      return names.every((topic) => {
        const found = cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition);
        return found !== undefined && found.isr.length === found.replicas.length;
      });
    });
  }

  async cleanupPolicy(topic: string): Promise<string | null> {
    try {
      const policy = await this.#service.ask([topic], (cluster) => settingOf(cluster, topic, 'cleanup.policy'));
      this.#untold.delete(topic);
      return policy ?? null;
    } catch (error) {
      // Running tasks ask repeatedly.
      if (!this.#untold.has(topic)) {
        this.#connection.logger.warn(
          { topic, error: messageOf(error) },
          'the broker does not show cleanup.policy of the changelog. Is DescribeConfigs permitted?',
        );
      }
      this.#untold.add(topic);
      return null;
    }
  }

  tombstoneRetentionMs(topic: string): Promise<number> {
    return this.#service.ask([topic], (cluster) => topicNumber(cluster, topic, 'delete.retention.ms'));
  }

  readRange(range: Range, onRecord: (record: LogRecord) => void, until: () => boolean): Promise<void> {
    return readRange(this.#service, range, onRecord, until);
  }
}
