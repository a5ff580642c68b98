import { pino } from 'pino';
import { createClient, kafkajs, PATIENT } from '../../../src/log/kafkajs/client';

export { kafkajs };

/** The actions of tests on a cluster, outside of the log. */
export async function createStockAdmin(brokers: readonly string[]) {
  const logger = pino({ enabled: false });
  const kafka = createClient({ brokers, clientId: 'test-admin', logger }, PATIENT);
  const admin = kafka.admin();
  await admin.connect();
  return {
    kafka,
    admin,
    async createTopic(
      topic: string,
      partitions: number,
      config: Readonly<Record<string, string>> = {},
      replicationFactor = 1,
    ) {
      const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
      await admin.createTopics({
        waitForLeaders: false,
        topics: [{ topic, numPartitions: partitions, replicationFactor, configEntries }],
      });
      // kafkajs's own waiting fails if a broker does not know the topic yet.
      for (;;) {
        const known = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => null);
        if (known?.topics[0]?.partitions.every(({ leader }) => leader >= 0) === true) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    /** Resolves when no broker shows it any more. */
    async deleteTopic(topic: string) {
      await admin.deleteTopics({ topics: [topic] });
      while ((await admin.listTopics()).includes(topic)) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    async deleteRecords(topic: string, partition: number, offset: number) {
      // kafkajs finds the metadata only in an admin that has asked for the topic itself.
      const own = kafka.admin();
      await own.connect();
      try {
        for (let tries = 1; ; tries++) {
          await own.fetchTopicOffsets(topic);
          try {
            await own.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
            return;
          } catch (error) {
            if (tries === 20) throw new Error(`${topic}: ${JSON.stringify(error)}`, { cause: error });
            await new Promise((resolve) => setTimeout(resolve, 100));
          }
        }
      } finally {
        await own.disconnect();
      }
    },
    async addPartitions(topic: string, count: number) {
      await admin.createPartitions({ topicPartitions: [{ topic, count }] });
      for (;;) {
        const [known] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics;
        if (known?.partitions.length === count && known.partitions.every(({ leader }) => leader >= 0)) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    /** These replace all of the topic's own settings. */
    async alterTopic(topic: string, config: Readonly<Record<string, string>>) {
      const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
      const type = kafkajs().ConfigResourceTypes.TOPIC;
      await admin.alterConfigs({ validateOnly: false, resources: [{ type, name: topic, configEntries }] });
      // The controller has it; the broker learns it a moment later.
      for (;;) {
        const { resources } = await admin.describeConfigs({
          includeSynonyms: false,
          resources: [{ type, name: topic }],
        });
        const own = (resources[0]?.configEntries ?? []).filter(
          ({ configSource }) => configSource === kafkajs().ConfigSource.TOPIC_CONFIG,
        );
        const found = new Map(own.map(({ configName, configValue }) => [configName, configValue]));
        const isShown = configEntries.every(({ name, value }) => found.get(name) === value);
        if (isShown && found.size === configEntries.length) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async fence(transactionalId: string) {
      const producer = kafka.producer({ transactionalId, transactionTimeout: 15_000 });
      await producer.connect();
      await (await producer.transaction()).abort();
      await producer.disconnect();
    },
    async deleteGroup(group: string) {
      await admin.deleteGroups([group]);
    },
    close: () => admin.disconnect(),
  };
}
