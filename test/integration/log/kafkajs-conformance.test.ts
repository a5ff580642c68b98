import { pino } from 'pino';
import { createKafkaLog } from '../../../src/log/kafkajs/log';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { describeLog } from '../../support/log/log-conformance';
import { kafkaForTests } from '../../support/services/services';

describeLog('on Kafka', async () => {
  const kafka = await kafkaForTests();
  const admin = await createStockAdmin(kafka.brokers);
  const logger = pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' });
  let clients = 0;
  return {
    createTopic: (name, partitions, largest) =>
      admin.createTopic(name, partitions, {
        // Some records are of years ago: the broker, which looks every five minutes, may not take them from a test.
        'retention.ms': '-1',
        ...(largest === undefined ? {} : { 'max.message.bytes': String(largest) }),
        // A changelog that Kafka deletes from is refused.
        ...(name.endsWith('-changelog') ? { 'cleanup.policy': 'compact' } : {}),
      }),
    fence: admin.fence,
    expireOffsets: admin.deleteGroup,
    async committedOffset(groupId, topic, partition) {
      const [found] = await admin.admin.fetchOffsets({ groupId, topics: [topic] });
      const offset = Number(found?.partitions.find((one) => one.partition === partition)?.offset ?? -1);
      return offset < 0 ? null : offset;
    },
    deleteTopic: admin.deleteTopic,
    async deleteRecords(topic, partition, offset) {
      // Kafka deletes no records of a topic that is only compacted.
      const isCompacted = topic.endsWith('-changelog');
      if (isCompacted) await admin.alterTopic(topic, { 'cleanup.policy': 'compact,delete' });
      await admin.deleteRecords(topic, partition, offset);
      if (isCompacted) await admin.alterTopic(topic, { 'cleanup.policy': 'compact' });
    },
    addPartitions: admin.addPartitions,
    connect(hooks) {
      clients += 1;
      const clientId = `client-${clients}`;
      return Promise.resolve(
        createKafkaLog({
          brokers: kafka.brokers,
          clientId,
          logger: logger.child({ client: clientId }),
          ...(hooks === undefined ? {} : { hooks }),
        }),
      );
    },
    close: admin.close,
  };
});
