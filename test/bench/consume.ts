import { createEventReader, createLocalSchemas, type TopicNames } from '../../src/log';
import { createClient, PATIENT } from '../../src/log/kafkajs/client';
import type { BenchCluster } from './cluster';

/** Reads all events with kafkajs alone, with the fold's fetch sizes. Answers events a second. */
export async function measureConsume(
  cluster: BenchCluster,
  topics: TopicNames,
  events: number,
  mode: 'raw' | 'decode',
): Promise<number> {
  const reader = await createEventReader(createLocalSchemas(), topics);
  const consumer = createClient(cluster.connection, PATIENT).consumer({
    groupId: `bench-${mode}`,
    maxWaitTimeInMs: 100,
    maxBytesPerPartition: 4 * 1024 * 1024,
    maxBytes: 32 * 1024 * 1024,
  });
  let count = 0;
  let from = 0;
  consumer.on(consumer.events.GROUP_JOIN, () => (from = performance.now()));
  await consumer.connect();
  await consumer.subscribe({ topic: topics.events, fromBeginning: true });
  const seconds = await new Promise<number>((resolve, reject) => {
    consumer
      .run({
        autoCommit: false,
        eachBatch: ({ batch }) => {
          if (mode === 'decode') {
            for (const { value } of batch.messages) {
              if (value !== null && !reader.decode(value).ok) reject(new Error('an event that cannot be decoded'));
            }
          }
          count += batch.messages.length;
          if (count >= events) resolve((performance.now() - from) / 1000);
          return Promise.resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return events / seconds;
}
