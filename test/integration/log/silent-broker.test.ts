import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import type { createKafkaAdmin, KafkaAdmin } from '../../../src/log/kafkajs/admin/admin';
import type { checkKafka } from '../../../src/log/kafkajs/doctor';
import { topicDefinitions, topicNames } from '../../../src/log/topics';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { kafkaForTests } from '../../support/services/services';

/**
 * A managed Kafka that takes a setting without a word and keeps its own. No Kafka of ours does so: here the requests that
 * change settings never leave, and count as taken. All else is a real broker's answer.
 */
jest.mock('../../../src/log/kafkajs/admin/topic-requests', () => ({
  ...jest.requireActual<object>('../../../src/log/kafkajs/admin/topic-requests'),
  askToAlter: () => Promise.resolve(null),
}));

/** Loaded behind the mock: an import would be before it. */
const kafkaAdmin = jest.requireActual<{ createKafkaAdmin: typeof createKafkaAdmin }>(
  '../../../src/log/kafkajs/admin/admin',
);
const doctor = jest.requireActual<{ checkKafka: typeof checkKafka }>('../../../src/log/kafkajs/doctor');

const logger = pino({ enabled: false });
const names = topicNames(`silent-${Date.now().toString(36)}`);
const definitions = topicDefinitions(names, 1);
const request = { definitions, partitions: 2, replicationFactor: 1 };
let brokers: readonly string[];
let admin: KafkaAdmin;

beforeAll(async () => {
  brokers = (await kafkaForTests()).brokers;
  admin = await kafkaAdmin.createKafkaAdmin({ brokers, clientId: 'silent', logger });
  const stock = await createStockAdmin(brokers);
  // All that is needed, and nothing that only improves matters.
  for (const { topic, config, optional, partitions = 2 } of definitions) {
    const needed = Object.entries(config).filter(([name]) => !optional.has(name));
    await stock.createTopic(topic, partitions, Object.fromEntries(needed));
  }
  await stock.close();
});
afterAll(async () => {
  await admin.deleteTopics(definitions.map(({ topic }) => topic));
  await admin.close();
});

async function setUp(dryRun: boolean) {
  const notes: string[] = [];
  const changes = await admin.setupTopics({ ...request, dryRun, onNote: (note) => notes.push(note) });
  return { changes, notes: notes.filter((note) => note.startsWith(`${names.state}: `)) };
}

test('a broker that keeps its own setting without a word is never said to have changed, and is noted each time', async () => {
  for (const time of ['first', 'second']) {
    const planned = await setUp(true);
    expect({ time, changes: planned.changes }).toEqual({ time, changes: [] });
    expect(planned.notes).toContain(
      `${names.state}: setup asks for min.cleanable.dirty.ratio=0.1 instead of 0.5. A managed broker may keep its own value.`,
    );
    const done = await setUp(false);
    expect({ time, changes: done.changes }).toEqual({ time, changes: [] });
    expect(done.notes).toContainEqual(
      expect.stringContaining('min.cleanable.dirty.ratio stays 0.5: the broker accepts 0.1 but does not keep it'),
    );
  }
  const findings = await doctor.checkKafka({ ...request, connection: { brokers, clientId: 'silent', logger }, names });
  expect(findings.find(({ name }) => name === `kafka topic ${names.state}`)).toMatchObject({
    outcome: 'ok',
    detail: expect.stringContaining('min.cleanable.dirty.ratio is 0.5, better 0.1') as unknown,
  });
});
