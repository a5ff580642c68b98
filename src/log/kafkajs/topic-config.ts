import { kafkajs } from './client';
import type { Cluster } from './cluster';

const SETTING = 'delete.retention.ms';

/** In force for the topic, ms. @throws an error of type TOPIC_AUTHORIZATION_FAILED without DescribeConfigs on the topic */
export async function tombstoneRetentionOf(cluster: Cluster, topic: string): Promise<number> {
  const leader = cluster.findTopicPartitionMetadata(topic)[0]?.leader;
  if (leader === undefined) throw new Error(`${topic}: no leader known`);
  const broker = await cluster.findBroker({ nodeId: leader });
  const { resources } = await broker.describeConfigs({
    resources: [{ type: kafkajs().ConfigResourceTypes.TOPIC, name: topic, configNames: [SETTING] }],
  });
  const value = Number(resources[0]?.configEntries.find(({ configName }) => configName === SETTING)?.configValue);
  if (Number.isNaN(value)) throw new Error(`${topic}: the broker does not tell ${SETTING}`);
  return value;
}
