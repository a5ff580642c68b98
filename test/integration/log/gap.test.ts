import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createKafkaLog } from '../../../src/log/kafkajs/log';
import type { Log, LogRecord } from '../../../src/log/port';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { eventually } from '../../support/processes/until';
import { kafkaForTests } from '../../support/services/services';

/** A reader whose next offset Kafka does not have, as after the topic was deleted and created again. */
const topic = `gap-${randomUUID()}`;
let admin: Awaited<ReturnType<typeof createStockAdmin>>;
let log: Log;

beforeAll(async () => {
  const { brokers } = await kafkaForTests();
  admin = await createStockAdmin(brokers);
  log = createKafkaLog({ brokers, clientId: 'test', logger: pino({ enabled: false }) });
  await admin.createTopic(topic, 1);
  const producer = await log.createProducer();
  await producer.send(['a', 'b', 'c', 'd', 'e'].map((key) => ({ topic, key, value: null })));
  await producer.close();
  await admin.deleteRecords(topic, 0, 3);
});
afterAll(async () => {
  await log.close();
  await admin.close();
});

async function readFromBeyondTheEnd(onGap?: 'end') {
  const keys: string[] = [];
  const onRecord = ({ key }: LogRecord): void => void keys.push(String(key));
  const from = new Map([[0, 100]]);
  const reading = await log.read({ topics: [topic], from, follow: true, onRecord, ...(onGap && { onGap }) });
  reading.caughtUp.catch(() => undefined);
  return { reading, keys };
}

test('a reader that must not miss a tombstone ends when Kafka does not have its next offset', async () => {
  const { reading, keys } = await readFromBeyondTheEnd('end');
  await expect(reading.done).rejects.toThrow(/offset is not within the range|out.of.range/i);
  expect(keys).toEqual([]);
  await reading.stop();
});

test('any other reader whose next offset Kafka does not have continues at the beginning', async () => {
  const { reading, keys } = await readFromBeyondTheEnd();
  await eventually(() => keys.length === 2);
  expect(keys).toEqual(['d', 'e']);
  await reading.stop();
});
