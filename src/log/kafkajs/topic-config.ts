import { kafkajs } from './client';
import type { Cluster } from './cluster';

/**
 * A number in force for the topic: its own, else the broker's.
 * @throws an error of type TOPIC_AUTHORIZATION_FAILED without DescribeConfigs on the topic
 */
export async function topicNumber(
  cluster: Cluster,
  topic: string,
  setting: 'delete.retention.ms' | 'max.message.bytes',
): Promise<number> {
  const value = Number(await settingOf(cluster, topic, setting));
  if (Number.isNaN(value)) throw new Error(`${topic}: the broker does not show ${setting}`);
  return value;
}

/**
 * The setting in force for the topic; undefined: the broker knows no such setting.
 * @throws an error of type TOPIC_AUTHORIZATION_FAILED without DescribeConfigs on the topic
 */
export async function settingOf(cluster: Cluster, topic: string, setting: string): Promise<string | undefined> {
  const leader = cluster.findTopicPartitionMetadata(topic)[0]?.leader;
  if (leader === undefined) throw new Error(`${topic}: no leader known`);
  const broker = await cluster.findBroker({ nodeId: leader });
  const { resources } = await broker.describeConfigs({
    resources: [{ type: kafkajs().ConfigResourceTypes.TOPIC, name: topic, configNames: [setting] }],
  });
  return resources[0]?.configEntries.find(({ configName }) => configName === setting)?.configValue;
}
