import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { topicNames } from '../../../src/log';
import { serverForTests, type TestServer } from '../../support/clickhouse/clickhouse-server';
import { createStockAdmin, kafkajs } from '../../support/kafka/kafka-admin';
import { startQueuefold, type Environment } from '../../support/processes/pipeline-processes';
import { until } from '../../support/processes/until';
import { ownKafkaForTests, registryForTests } from '../../support/services/services';

/** Four events of one conversation, which are in no end yet: one row is left. */
const EVENTS = join(__dirname, '../../fixtures/consult-of-four-events.ndjson');
const CODECS = ['gzip', 'snappy', 'lz4', 'zstd'] as const;
const LIMIT_MS = 120_000;

let kafka: Awaited<ReturnType<typeof ownKafkaForTests>>;
let admin: Awaited<ReturnType<typeof createStockAdmin>>;
let server: TestServer;
let common: Environment;
const disposers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const [own, registry, clickhouse] = await Promise.all([ownKafkaForTests(), registryForTests(), serverForTests()]);
  [kafka, server] = [own, clickhouse];
  disposers.push(() => kafka.dispose(), server.dispose);
  admin = await createStockAdmin(kafka.brokers);
  disposers.push(() => admin.close());
  common = {
    KAFKA_BROKERS: kafka.brokers.join(),
    SCHEMA_REGISTRY_URL: registry.url,
    REPLICATION_FACTOR: '1',
    PARTITIONS: '2',
    HTTP_PORT: '0',
    HTTP_HOST: '127.0.0.1',
    SINK_FLUSH_MS: '50',
  };
});
afterAll(async () => {
  for (const dispose of disposers.reverse()) await dispose();
});

async function environment(prefix: string): Promise<Environment> {
  const env = { ...common, ...server.env(server.newDatabase()), TOPIC_PREFIX: `${prefix}-${Date.now().toString(36)}` };
  await startQueuefold(['setup'], env).done();
  return env;
}

/** The topics' own `compression.type`; undefined: the broker's. */
async function compressTopics(env: Environment, codec: string | undefined): Promise<void> {
  const { events, state, changelog, names, deadLetters } = topicNames(env['TOPIC_PREFIX'] ?? '');
  for (const topic of [events, state, changelog, names, deadLetters]) {
    const { ConfigResourceTypes, ConfigSource } = kafkajs();
    const type = ConfigResourceTypes.TOPIC;
    const { resources } = await admin.admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type, name: topic }],
    });
    const own = (resources[0]?.configEntries ?? []).filter(
      ({ configSource }) => configSource === ConfigSource.TOPIC_CONFIG,
    );
    const config = Object.fromEntries(own.map(({ configName, configValue }) => [configName, configValue]));
    delete config['compression.type'];
    await admin.alterTopic(topic, { ...config, ...(codec === undefined ? {} : { 'compression.type': codec }) });
  }
}

/** Of every topic that does not say otherwise. */
async function compressBroker(codec: string): Promise<void> {
  const type = kafkajs().ConfigResourceTypes.BROKER;
  const resources = [{ type, name: '1', configEntries: [{ name: 'compression.type', value: codec }] }];
  await admin.admin.alterConfigs({ validateOnly: false, resources });
}

/** Every role in turn, with doctor and a replay; what is in the table in the end. */
async function throughAllRoles(env: Environment): Promise<string> {
  await startQueuefold(['bridge', '--events', EVENTS], env).done();
  const roles = ['fold', 'sink'].map((role) => startQueuefold([role], env));
  try {
    await Promise.all(roles.map((role) => role.ready()));
    let rows = '';
    const database = env['CLICKHOUSE_DATABASE'] ?? '';
    const store = server.connect(database);
    await until('the row', LIMIT_MS, async () => {
      const query = `SELECT conversation_id, state, user_id FROM ${database}.queue_conversation`;
      rows = await (await store.client.query({ query, format: 'TabSeparated' })).text();
      // Of four events that the sink may have got one by one.
      return rows === ROW;
    })
      .catch(() => undefined)
      .finally(() => store.close());
    // A fold that starts again reads its own changelog.
    await roles[0]?.stop();
    const again = startQueuefold(['fold'], env);
    roles[0] = again;
    await again.ready();
    return rows;
  } finally {
    await Promise.all(roles.map((role) => role.kill()));
  }
}

const ROW = 'c0000000-0000-4000-8000-00000000000c\tconnected\tuser-a\n';

describe.each(CODECS)('a Kafka that compresses with %s', (codec) => {
  test('for all topics: bridge, fold, sink, doctor and replay work', async () => {
    await compressBroker(codec);
    const env = await environment(`broker-${codec}`);
    await compressTopics(env, undefined);
    expect(await throughAllRoles(env)).toBe(ROW);
    const replay = startQueuefold(['replay', EVENTS, '--log', 'kafka', '--quiet'], env);
    await replay.done();
    expect(replay.stdout()).toContain('c0000000-0000-4000-8000-00000000000c');
    await compressBroker('producer');
  });

  test('for our topics: the same, and setup leaves what somebody set', async () => {
    const env = await environment(`topic-${codec}`);
    await compressTopics(env, codec);
    const setup = startQueuefold(['setup'], env);
    await setup.done();
    expect(setup.stdout()).toBe('nothing to change\n');
    expect(await throughAllRoles(env)).toBe(ROW);
    const doctor = startQueuefold(['doctor', '--json'], env);
    await doctor.done();
    expect(doctor.stdout()).not.toMatch(/compression/);
  });
});

test.each(CODECS.filter((codec) => codec !== 'zstd' || 'zstdCompressSync' in process.getBuiltinModule('node:zlib')))(
  'KAFKA_COMPRESSION=%s: what the roles write is compressed, and is read',
  async (codec) => {
    const env = { ...(await environment(`own-${codec}`)), KAFKA_COMPRESSION: codec };
    expect(await throughAllRoles(env)).toBe(ROW);
  },
);

test('a batch that is far too large ends fold and sink with its offset and a remedy, before it fills the memory', async () => {
  const env = await environment('hostile');
  const { events, state } = topicNames(env['TOPIC_PREFIX'] ?? '');
  const producer = admin.kafka.producer();
  await producer.connect();
  const compression = kafkajs().CompressionTypes.LZ4;
  for (const topic of [events, state]) {
    // It compresses to less than the largest message that the topics take.
    await producer.send({ topic, compression, messages: [{ key: 'k', value: Buffer.alloc(100 * 1024 * 1024) }] });
  }
  await producer.disconnect();
  for (const role of ['fold', 'sink']) {
    const running = startQueuefold([role], env);
    await expect(running.done()).rejects.toThrow(
      /ended with 1[^]*the batch at offset 0 cannot be read \(lz4: it is more than 64 MiB/,
    );
  }
});
