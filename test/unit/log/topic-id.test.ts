import { expect, test } from '@jest/globals';
import type { Cluster } from '../../../src/log/kafkajs/cluster';
import { topicIdOf } from '../../../src/log/kafkajs/topic-id';

/** A broker of Kafka 2.7 ends at Metadata v9; asking it for v10 would close the connection. */
test('a broker that tells no ids is not asked', async () => {
  const broker = {
    versions: { 3: { maxVersion: 9 } },
    connectionPool: { send: () => Promise.reject(new Error('asked')) },
  };
  const cluster = {
    findTopicPartitionMetadata: () => [{ partitionId: 0, leader: 1 }],
    findBroker: () => Promise.resolve(broker),
  } as unknown as Cluster;
  expect(await topicIdOf(cluster, 'topic')).toBeNull();
});
