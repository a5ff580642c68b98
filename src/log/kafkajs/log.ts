import { atMost, messageOf, MissingError, UsageError } from '../../common';
import type { Metrics } from '../../ops';
import type { Log, LogProducer, Topology } from '../port';
import { adoptPartitions } from '../runtime/adopt';
import type { Backend, TaskHooks } from '../runtime/backend';
import { Closers } from '../runtime/closers';
import { checkCoPartitioned, topicsOf } from '../runtime/co-partitioned';
import { startSubscription } from '../runtime/subscription';
import { startTasks } from '../runtime/tasks';
import type { KafkaConnection } from './client';
import { isUnknownTopic } from './cluster';
import { openFencedProducer, partitionBounds, readRange } from './fenced-producer';
import { protocolTypes } from './internals';
import { KafkaMember } from './group/member';
import { createKafkaProducer } from './producer';
import { boundsOf, writtenOffsetsOf } from './reader';
import { readKafka } from './reading';
import { createService, type Service } from './service';
import { settingOf, topicNumber } from './topic-config';
import { askTopic, topicIdOf } from './topic-id';
import { explainUnreachable, isPassing } from './unreachable';

export interface KafkaLogOptions extends KafkaConnection {
  readonly metrics?: Metrics;
  /** For tests. */
  readonly hooks?: TaskHooks;
}

/** The log on Kafka. It connects only when it needs to; a failure to connect is then an OperatorError. */
export function createKafkaLog(options: KafkaLogOptions): Log {
  const { metrics, hooks = {} } = options;
  const { brokers, clientId, ssl, sasl, compression, logger } = options;
  const connection: KafkaConnection = {
    brokers,
    clientId,
    logger: logger.child({ component: 'kafka' }),
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
    ...(compression === undefined ? {} : { compression }),
  };
  const service = createService(connection);
  const backend = createBackend(connection, service);
  const closers = new Closers();
  const reach = async (topics: readonly string[]): Promise<void> => {
    await service.checkReachable();
    for (const topic of topics) await partitionsOf(service, topic);
  };

  /** Answers the number of partitions, the same for all of the topology's topics. */
  const reachAll = async (topology: Topology): Promise<number> => {
    const topics = topicsOf(topology);
    await reach(topics);
    const counts = new Map<string, number>();
    for (const topic of topics) counts.set(topic, (await partitionsOf(service, topic)).length);
    checkCoPartitioned(topology, (topic) => counts.get(topic) ?? 0);
    return counts.get(topology.input) ?? 0;
  };

  return {
    async runTasks(topology, createTask) {
      await reachAll(topology);
      return closers.closing(
        await startTasks({ backend, topology, createTask, hooks, logger: connection.logger, metrics }),
      );
    },
    async adopt(topology, createTask) {
      const partitions = await reachAll(topology);
      return adoptPartitions({ backend, topology, createTask, partitions, hooks });
    },
    async subscribe(subscription) {
      await reach([subscription.topic]);
      return closers.closing(await startSubscription({ backend, subscription, logger: connection.logger, metrics }));
    },
    async createProducer() {
      await service.checkReachable();
      const producer = createKafkaProducer(connection);
      const close = async (): Promise<void> => {
        await producer.close();
        closers.forget(close);
      };
      closers.add(close);
      return { send: producer.send, close } satisfies LogProducer;
    },
    async read(request) {
      await reach(request.topics);
      return closers.closing(await readKafka(connection, request));
    },
    async endOffsets(topic) {
      const partitions = await partitionsOf(service, topic);
      return service.ask([topic], (cluster) => boundsOf(cluster, topic, partitions, 'end'));
    },
    async writtenOffsets(topic) {
      await partitionsOf(service, topic);
      return service.ask([topic], (cluster) => writtenOffsetsOf(cluster, topic));
    },
    reach,
    isTransient: isPassing,
    topicId: (topic) => service.ask([topic], (cluster) => topicIdOf(cluster, topic)),
    tombstoneRetentionMs: backend.tombstoneRetentionMs,
    largestRecordBytes: (topic) => service.ask([topic], (cluster) => topicNumber(cluster, topic, 'max.message.bytes')),
    explain: async (error) => {
      const { detail, remedy } = await explainUnreachable(connection, error);
      return remedy === null ? detail : `${detail}. ${remedy}`;
    },
    async close() {
      await atMost(CLOSE_WITHIN_MS, Promise.allSettled(closers.closeAll()));
      await service.close();
    },
  };
}

/** The end of the process ends work that takes longer. */
const CLOSE_WITHIN_MS = 5_000;

/** @throws MissingError if the topic does not exist */
async function partitionsOf(service: Service, topic: string): Promise<readonly number[]> {
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

function createBackend(connection: KafkaConnection, service: Service): Backend {
  /** Topics whose cleanup.policy the broker did not tell at the last attempt. */
  const untold = new Set<string>();
  return {
    member: (request) => new KafkaMember(connection, request),
    openFencedProducer: (topology, partition, hooks) =>
      openFencedProducer(connection, service, topology, partition, hooks),
    groupOffsets: (group, topic, partitions) =>
      service.ask([topic], async (cluster) => {
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
      }),
    endOffset: async (topic, partition) =>
      (await service.ask([topic], (cluster) => boundsOf(cluster, topic, [partition], 'end'))).get(partition) ?? 0,
    topics: async (names) => {
      const facts = names.map(async (topic) => {
        const { length } = await partitionsOf(service, topic);
        const { id, partitions } = await service.ask([topic], (cluster) => askTopic(cluster, topic));
        return [topic, { id, partitions: partitions ?? length }] as const;
      });
      return new Map(await Promise.all(facts));
    },
    bounds: (topic, partition) => partitionBounds(service, topic, partition),
    inSync: (names, partition) =>
      service.ask(names, async (cluster) => {
        await cluster.refreshMetadata();
        return names.every((topic) => {
          const found = cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition);
          return found !== undefined && found.isr.length === found.replicas.length;
        });
      }),
    cleanupPolicy: async (topic) => {
      try {
        const policy = await service.ask([topic], (cluster) => settingOf(cluster, topic, 'cleanup.policy'));
        untold.delete(topic);
        return policy ?? null;
      } catch (error) {
        // Running tasks ask repeatedly.
        if (!untold.has(topic)) {
          connection.logger.warn(
            { topic, error: messageOf(error) },
            'the broker does not tell cleanup.policy of the changelog. Is DescribeConfigs permitted?',
          );
        }
        untold.add(topic);
        return null;
      }
    },
    tombstoneRetentionMs: (topic) =>
      service.ask([topic], (cluster) => topicNumber(cluster, topic, 'delete.retention.ms')),
    readRange: (range, onRecord, until) => readRange(service, range, onRecord, until),
  };
}
