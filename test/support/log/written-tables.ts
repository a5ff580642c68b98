import type { QueueConversation, QueueVisit } from '../../../src/conversation';
import {
  createKafkaLog,
  createRegistrySchemas,
  createRowCodec,
  createVisitCodec,
  loadSchema,
  registerSchema,
  topicNames,
  type TopicNames,
  valueSubject,
  visitKey,
} from '../../../src/log';
import { QUIET } from '../clickhouse/store-rows';
import { createStockAdmin } from '../kafka/kafka-admin';
import { kafkaForTests, registryForTests } from '../services/services';

/** The topics of rows and visits on the run's Kafka. The test writes into them, as a fold would. */
export interface WrittenTables {
  readonly brokers: readonly string[];
  /** The registry's address. It has the schemas of both topics. */
  readonly registry: string;
  readonly topics: TopicNames;
  readonly admin: Awaited<ReturnType<typeof createStockAdmin>>;
  encode(row: QueueConversation): Buffer;
  put(row: QueueConversation): Promise<void>;
  putVisit(visit: QueueVisit): Promise<void>;
  /** Any record. A value of null is a tombstone. */
  send(topic: string, key: string, value: Buffer | null): Promise<void>;
  close(): Promise<void>;
}

/** @param prefix of the topics; nobody else may have it. Each topic has two partitions. */
export async function writtenTables(prefix: string): Promise<WrittenTables> {
  const [{ brokers }, { url: registry }] = await Promise.all([kafkaForTests(), registryForTests()]);
  const topics = topicNames(prefix);
  const connection = { url: registry, logger: QUIET };
  const admin = await createStockAdmin(brokers);
  for (const [topic, schema] of [
    [topics.state, 'queue-conversation'],
    [topics.visits, 'queue-visit'],
  ] as const) {
    await admin.createTopic(topic, 2, { 'cleanup.policy': 'compact' });
    await registerSchema(connection, valueSubject(topic), loadSchema(schema), 'apply');
  }
  const log = createKafkaLog({ brokers, clientId: prefix, logger: QUIET });
  const producer = await log.createProducer();
  const schemas = createRegistrySchemas(connection);
  const [rows, visits] = [await createRowCodec(schemas, topics), await createVisitCodec(schemas, topics)];
  const send: WrittenTables['send'] = (topic, key, value) => producer.send([{ topic, key, value }]);
  return {
    ...{ brokers, registry, topics, admin, send },
    encode: (row) => rows.encode(row),
    put: (row) => send(topics.state, row.conversation_id, rows.encode(row)),
    putVisit: (visit) => send(topics.visits, visitKey(visit), visits.encode(visit)),
    close: async () => {
      await log.close();
      await admin.close();
    },
  };
}
