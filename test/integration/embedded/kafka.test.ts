import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import { until } from '../../support/processes/until';
import { kafkaForTests, ownKafkaForTests } from '../../support/services/services';

const client = (brokers: readonly string[]) =>
  new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING, retry: { retries: 20, initialRetryTime: 50 } });

async function produce(brokers: readonly string[], topic: string, values: string[]) {
  const producer = client(brokers).producer();
  await producer.connect();
  await producer.send({ topic, messages: values.map((value) => ({ value })) });
  await producer.disconnect();
}

async function createTopic(brokers: readonly string[], topic: string, settings: Readonly<Record<string, string>> = {}) {
  const admin = client(brokers).admin();
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  await admin.connect();
  // kafkajs's own waiting fails where a leader takes its time.
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }], waitForLeaders: false });
  await until(`leaders of ${topic}`, 60_000, async () => {
    const [known] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics;
    return known?.partitions.every(({ leader }) => leader >= 0) ?? false;
  });
  await admin.disconnect();
}

/** The values of a topic, once there are `count`. */
async function consume(brokers: readonly string[], topic: string, count: number): Promise<string[]> {
  const consumer = client(brokers).consumer({ groupId: `reads-${topic}-${Date.now()}`, maxWaitTimeInMs: 100 });
  const values: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer.on('consumer.crash', ({ payload }) => reject(payload.error));
    void consumer.run({
      eachMessage: ({ message }) => {
        values.push(message.value?.toString() ?? '');
        if (values.length === count) resolve();
        return Promise.resolve();
      },
    });
  });
  await consumer.disconnect();
  return values;
}

describe('the shared Kafka of a test run', () => {
  test('takes and gives back records', async () => {
    const { brokers } = await kafkaForTests();
    await createTopic(brokers, 'embedded-shared');
    await produce(brokers, 'embedded-shared', ['a', 'b']);
    expect(await consume(brokers, 'embedded-shared', 2)).toEqual(['a', 'b']);
  });

  test('is the same one for whoever asks again', async () => {
    expect(await kafkaForTests()).toEqual(await kafkaForTests());
  });
});

describe('an embedded Kafka', () => {
  let kafka: Awaited<ReturnType<typeof ownKafkaForTests>>;
  beforeAll(async () => {
    kafka = await ownKafkaForTests({ heapMb: 256 });
  });
  afterAll(() => kafka.dispose());

  test('takes a record of 8 MiB where the topic does, with limits of its own as every broker has them', async () => {
    await createTopic(kafka.brokers, 'large', { 'max.message.bytes': String(9 * 1024 * 1024) });
    await produce(kafka.brokers, 'large', ['x'.repeat(8 * 1024 * 1024)]);
    expect((await consume(kafka.brokers, 'large', 1))[0]).toHaveLength(8 * 1024 * 1024);
  });

  test('does not create topics by itself', async () => {
    const producer = new Kafka({
      brokers: [...kafka.brokers],
      logLevel: logLevel.NOTHING,
      retry: { retries: 2 },
    }).producer();
    await producer.connect();
    await expect(producer.send({ topic: 'never-created', messages: [{ value: 'x' }] })).rejects.toThrow(
      /does not host this topic-partition/,
    );
    await producer.disconnect();
  });

  test('keeps its data and its port over a restart and over kill -9', async () => {
    await createTopic(kafka.brokers, 'kept');
    await produce(kafka.brokers, 'kept', ['before']);
    const before = kafka.pid;
    await kafka.restart();
    await produce(kafka.brokers, 'kept', ['between']);
    await kafka.kill9();
    await kafka.restart();
    expect(kafka.pid).not.toBe(before);
    expect(await consume(kafka.brokers, 'kept', 2)).toEqual(['before', 'between']);
  });
});
