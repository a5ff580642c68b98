import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createKafkaAdmin, type KafkaAdmin } from '../../../src/log/kafkajs/admin/admin';
import { kafkajs } from '../../../src/log/kafkajs/client';
import { checkKafka } from '../../../src/log/kafkajs/doctor';
import { topicDefinitions, topicNames, type TopicDefinition } from '../../../src/log/topics';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { ownKafkaForTests } from '../../support/services/services';

/** A broker with test/fixtures/kafka/ManagedPolicy.java. */
const POLICY = 'ManagedPolicy';
const logger = pino({ enabled: false });
const LEFT_OUT = ['segment.ms', 'min.cleanable.dirty.ratio'];

let kafka: Awaited<ReturnType<typeof ownKafkaForTests>>;
let admin: KafkaAdmin;
let stock: Awaited<ReturnType<typeof createStockAdmin>>;
let count = 0;

beforeAll(async () => {
  kafka = await ownKafkaForTests({
    plugins: [join(__dirname, '../../fixtures/kafka')],
    overrides: { 'create.topic.policy.class.name': POLICY, 'alter.config.policy.class.name': POLICY },
  });
  admin = await createKafkaAdmin({ brokers: kafka.brokers, clientId: 'refused', logger });
  stock = await createStockAdmin(kafka.brokers);
});
afterAll(async () => {
  await stock.close();
  await admin.close();
  await kafka.dispose();
});

function wanted(change: (definition: TopicDefinition) => TopicDefinition = (one) => one) {
  const names = topicNames(`refused-${++count}`);
  const definitions = topicDefinitions(names, 1).map(change);
  return { names, definitions, partitions: 2, replicationFactor: 1, dryRun: false };
}

async function setUp(request: Parameters<KafkaAdmin['setupTopics']>[0]) {
  const notes: string[] = [];
  const changes = await admin.setupTopics({ ...request, onNote: (note) => notes.push(note) });
  return { changes, notes };
}

const topicsNow = async (): Promise<readonly string[]> => (await stock.admin.listTopics()).sort();

describe('what the broker refuses', () => {
  test('more replicas than there are brokers: each topic is named, with the setting and the broker’s reason, before anything is made', async () => {
    const before = await topicsNow();
    const request = { ...wanted(), replicationFactor: 3 };
    const refused =
      /refused-\d+\.names\.v1: the broker refuses to create it with replication factor 3 \(INVALID_REPLICATION_FACTOR: Unable to replicate.*1 broker.*\)\. Set REPLICATION_FACTOR/;
    await expect(setUp(request)).rejects.toThrow(refused);
    await expect(setUp({ ...request, dryRun: true })).rejects.toThrow(refused);
    expect(await topicsNow()).toEqual(before);
  });

  test('a setting that is needed: it is named with the broker’s reason, before anything is made', async () => {
    const before = await topicsNow();
    const longer = wanted(({ config, ...rest }) => ({ ...rest, config: { ...config, 'retention.ms': '1209600000' } }));
    await expect(setUp(longer)).rejects.toThrow(
      /conversation\.events\.v1: the broker refuses to create it with retention\.ms=1209600000 \(POLICY_VIOLATION: .*at most 604800000\).*Setup accepts/,
    );
    expect(await topicsNow()).toEqual(before);
  });

  test('settings that only improve matters: they are left out, said so, and not asked for again', async () => {
    const request = wanted();
    const planned = await setUp({ ...request, dryRun: true });
    expect(await setUp(request)).toEqual(planned);
    const { state } = request.names;
    expect(planned.notes.filter((note) => note.startsWith(`${state}:`))).toEqual(
      LEFT_OUT.map(
        (name) => expect.stringMatching(new RegExp(`setup leaves out ${name}=.*POLICY_VIOLATION: `)) as unknown,
      ),
    );
    expect(planned.changes.join()).not.toMatch(/segment\.ms|dirty/);
    const again = await setUp(request);
    expect(again.changes).toEqual([]);
    expect(again.notes).toEqual(planned.notes);
  });
});

test('doctor says the same of topics that are not there, and does not warn of what the broker keeps', async () => {
  const { names, definitions } = wanted();
  const options = {
    connection: { brokers: kafka.brokers, clientId: 'doctor', logger },
    names,
    definitions,
    partitions: 2,
  };
  const stateOf = async (replicationFactor: number) =>
    (await checkKafka({ ...options, replicationFactor })).find(({ name }) => name === `kafka topic ${names.state}`);
  expect(await stateOf(3)).toMatchObject({
    outcome: 'failed',
    detail: expect.stringMatching(
      /does not exist, and the broker refuses to create it with replication factor 3/,
    ) as unknown,
  });
  expect(await stateOf(1)).toMatchObject({
    outcome: 'failed',
    detail: expect.stringMatching(/does not exist.*setup leaves out segment\.ms/) as unknown,
  });
  await setUp({ definitions, partitions: 2, replicationFactor: 1, dryRun: false });
  expect(await stateOf(1)).toMatchObject({
    outcome: 'ok',
    detail: expect.stringMatching(
      /settings as needed; min\.cleanable\.dirty\.ratio is 0\.5, better 0\.1, segment\.ms is/,
    ) as unknown,
  });
});

test('topics that somebody made with more than we want are accepted as they are', async () => {
  const { names, ...request } = wanted();
  const day = 86_400_000;
  await stock.createTopic(names.events, 2, { 'retention.ms': String(3 * day), 'max.message.bytes': '20000000' });
  await stock.createTopic(names.deadLetters, 2, { 'retention.bytes': '-1', 'max.message.bytes': '20000000' });
  const { changes } = await setUp(request);
  expect(changes.filter((change) => change.startsWith('changed'))).toEqual([
    // Less than we want is raised.
    `changed ${names.events}: retention.ms from ${3 * day} to ${7 * day}`,
  ]);
  const { resources } = await stock.admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs().ConfigResourceTypes.TOPIC, name: names.events }],
  });
  const size = resources[0]?.configEntries.find(({ configName }) => configName === 'max.message.bytes');
  expect(size?.configValue).toBe('20000000');
});
