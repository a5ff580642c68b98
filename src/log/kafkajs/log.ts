import { atMost } from '../../common';
import type { Metrics } from '../../ops';
import type { Log, LogProducer, Topology } from '../port';
import { adoptPartitions } from '../runtime/adopt';
import type { TaskHooks } from '../runtime/backend';
import { Closers } from '../runtime/closers';
import { checkCoPartitioned, topicsOf } from '../runtime/co-partitioned';
import { startSubscription } from '../runtime/subscription';
import { startTasks } from '../runtime/tasks';
import type { KafkaConnection } from './client';
import { KafkaBackend, partitionsOf } from './kafka-backend';
import { KafkaProducer } from './producer';
import { boundsOf, writtenOffsetsOf } from './reader';
import { readKafka } from './reading';
import { createService } from './service';
import { topicNumber } from './topic-config';
import { topicIdOf } from './topic-id';
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
  const backend = new KafkaBackend(connection, service);
  const closers = new Closers();
  const reach = async (topics: readonly string[]): Promise<void> => {
    await service.checkReachable();
    for (const topic of topics) await partitionsOf(service, topic);
  };

  /** Returns the number of partitions, the same for all of the topology's topics. */
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
      const producer = new KafkaProducer(connection, (topic) => partitionsOf(service, topic));
      const close = async (): Promise<void> => {
        await producer.close();
        closers.forget(close);
      };
      closers.add(close);
      return { send: (records) => producer.send(records), close } satisfies LogProducer;
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
    tombstoneRetentionMs: (topic) => backend.tombstoneRetentionMs(topic),
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
