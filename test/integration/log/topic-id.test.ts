import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createKafkaLog } from '../../../src/log/kafkajs/log';
import type { Log } from '../../../src/log/port';
import { pathsBelow } from '../../support/files/folders';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { eventually } from '../../support/processes/until';
import { ownKafkaForTests } from '../../support/services/services';

type Kafka = Awaited<ReturnType<typeof ownKafkaForTests>>;
let kafka: Kafka;
let admin: Awaited<ReturnType<typeof createStockAdmin>>;
let log: Log;

beforeAll(async () => {
  kafka = await ownKafkaForTests();
  admin = await createStockAdmin(kafka.brokers);
  log = createKafkaLog({ brokers: kafka.brokers, clientId: 'test', logger: pino({ enabled: false }) });
});
afterAll(async () => {
  await log.close();
  await admin.close();
  await kafka.dispose();
});

/** What the broker itself writes beside the topic's first partition, a moment after it has made it. */
async function idOnDisk(topic: string): Promise<string> {
  let id = '';
  await eventually(async () => {
    const files = await pathsBelow(kafka.dataDir);
    const file = files.find((path) => path.endsWith(join(`${topic}-0`, 'partition.metadata')));
    const text = await readFile(join(kafka.dataDir, file ?? 'none'), 'utf8').catch(() => '');
    id = /^topic_id: (\S+)$/m.exec(text)?.[1] ?? '';
    return id !== '';
  });
  return Buffer.from(id, 'base64url').toString('hex');
}

test('the id of a topic is the one that the broker keeps, also with several partitions and topics', async () => {
  await admin.createTopic('one', 3);
  await admin.createTopic('two', 1);
  expect([await log.topicId('one'), await log.topicId('two')]).toEqual([await idOnDisk('one'), await idOnDisk('two')]);
});

test('a topic that was deleted and recreated has another id', async () => {
  await admin.createTopic('again', 1);
  const before = await log.topicId('again');
  await admin.admin.deleteTopics({ topics: ['again'] });
  while ((await admin.admin.listTopics()).includes('again')) await new Promise((resolve) => setTimeout(resolve, 20));
  await expect(log.topicId('again')).rejects.toMatchObject({ type: 'UNKNOWN_TOPIC_OR_PARTITION' });
  await admin.createTopic('again', 1);
  const after = await log.topicId('again');
  expect(after).toMatch(/^[0-9a-f]{32}$/);
  expect(after).not.toBe(before);
});

test('a deleted topic is named, and questions about others are answered', async () => {
  await Promise.all(['kept', 'deleted', 'new'].map((topic) => admin.createTopic(topic, 1)));
  for (const topic of ['kept', 'deleted']) await log.endOffsets(topic);
  await admin.deleteTopic('deleted');
  // The first question about a topic loads the metadata of all.
  const asked = ['new', 'deleted', 'kept', 'deleted'].map((topic) => log.endOffsets(topic));
  await Promise.allSettled(asked);
  await expect(asked[0]).resolves.toEqual(new Map([[0, 0]]));
  await expect(asked[2]).resolves.toEqual(new Map([[0, 0]]));
  for (const one of [asked[1], asked[3]])
    await expect(one).rejects.toThrow(/^(Topic|Kafka does not know topic) deleted /);
  await expect(log.endOffsets('deleted')).rejects.toThrow(/^Topic deleted does not exist. Run `queuefold setup`/);
});

test('a reading names its topic while the topic is deleted, and goes on when it is back', async () => {
  await admin.createTopic('read', 1);
  const reading = await log.read({ topics: ['read'], follow: true, onRecord: () => undefined });
  await reading.caughtUp;
  await admin.deleteTopic('read');
  await eventually(() => reading.progress().problem?.startsWith('Kafka does not know topic read ') === true);
  await admin.createTopic('read', 1);
  await eventually(() => reading.progress().problem === null);
  await reading.stop();
});

test('asking for an id creates no topic', async () => {
  await expect(log.topicId('nobody-made-me')).rejects.toThrow();
  expect(await admin.admin.listTopics()).not.toContain('nobody-made-me');
});

test('the retention of tombstones is the one in force', async () => {
  await admin.createTopic('compacted', 1, { 'cleanup.policy': 'compact', 'delete.retention.ms': '1234' });
  expect(await log.tombstoneRetentionMs('compacted')).toBe(1_234);
  expect(await log.tombstoneRetentionMs('one')).toBe(86_400_000);
});
