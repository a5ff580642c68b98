import type { QueueConversation } from '../../../src/conversation';
import { createLocalSchemas, createMemoryCluster, createRowCodec, topicNames } from '../../../src/log';
import { aRow } from '../conversation/rows';

/** A state topic in memory, and who writes rows and other records to it. */
export async function aRowTopic(prefix: string) {
  const cluster = createMemoryCluster({ partitions: 2 });
  const log = cluster.connect();
  const topics = topicNames(prefix);
  const topic = topics.state;
  const codec = await createRowCodec(createLocalSchemas(), topics);
  const put = async (key: string | null, value: Buffer | null): Promise<void> => {
    const producer = await log.createProducer();
    await producer.send([{ topic, key, value }]);
    await producer.close();
  };
  const row = (differences: Partial<QueueConversation>): Promise<void> => {
    const written = aRow(differences);
    return put(written.conversation_id, codec.encode(written));
  };
  return { cluster, log, topic, put, row };
}
