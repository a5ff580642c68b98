import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createKafkaLog, createRegistrySchemas, createRowCodec, topicNames } from '../../../src/log';
import { serverForTests } from '../../support/clickhouse/clickhouse-server';
import { until } from '../../support/clickhouse/sink';
import { QUIET } from '../../support/clickhouse/store-rows';
import { aRow } from '../../support/conversation/rows';
import { FAULTS, startFaultyProxy, type FaultyProxy } from '../../support/network/faulty-proxy';
import { startQueuefold, type Environment } from '../../support/processes/pipeline-processes';
import { createRandom } from '../../support/processes/random';
import { kafkaForTests, registryForTests } from '../../support/services/services';

const topics = topicNames(`sinks-${Date.now()}`);
const disposers: (() => Promise<unknown>)[] = [];
let env: Environment;
let proxy: FaultyProxy;
let put: (changes: readonly (readonly [key: string, state: string | null])[]) => Promise<void>;
let table: () => Promise<Record<string, string>>;

beforeAll(async () => {
  const [kafka, registry, server] = await Promise.all([kafkaForTests(), registryForTests(), serverForTests()]);
  disposers.push(server.dispose);
  const database = server.newDatabase();
  proxy = await startFaultyProxy(server.url);
  disposers.push(proxy.close);
  env = {
    KAFKA_BROKERS: kafka.brokers.join(),
    SCHEMA_REGISTRY_URL: registry.url,
    ...server.env(database, proxy.url),
    REPLICATION_FACTOR: '1',
    PARTITIONS: '4',
    TOPIC_PREFIX: topics.prefix,
    HTTP_PORT: '0',
    HTTP_HOST: '127.0.0.1',
    SINK_FLUSH_MS: '50',
  };
  await startQueuefold(['setup'], env).done();

  const log = createKafkaLog({ brokers: kafka.brokers, clientId: 'test', logger: QUIET });
  disposers.push(() => log.close());
  const rows = await createRowCodec(createRegistrySchemas({ url: registry.url, logger: QUIET }), topics);
  const producer = await log.createProducer();
  disposers.push(() => producer.close());
  put = async (changes) => {
    await producer.send(
      changes.map(([key, state]) => ({
        topic: topics.state,
        key,
        value: state === null ? null : rows.encode(aRow({ conversation_id: key, state })),
      })),
    );
  };
  const store = server.connect(database);
  disposers.push(() => store.close());
  table = async () => {
    const query = `SELECT conversation_id AS id, state FROM ${database}.queue_conversation ORDER BY id`;
    const result = await store.client.query({ query, format: 'JSONEachRow' });
    return Object.fromEntries((await result.json<{ id: string; state: string }>()).map(({ id, state }) => [id, state]));
  };
});
afterAll(async () => {
  for (const dispose of disposers.reverse()) await dispose();
});

test('of two sinks one is killed while requests fail: the other takes over, and the table equals the topic', async () => {
  const random = createRandom(6);
  // What hangs until the client gives up takes 2 minutes at these settings; the test of all faults has it.
  const quick = FAULTS.filter((fault) => !fault.startsWith('no answer'));
  const expected = new Map<string, string>();
  const change = async (round: number): Promise<void> => {
    const changes = Array.from({ length: 40 }, (_, i): [string, string | null] => {
      const key = `c${random.below(60)}`;
      return [key, random.below(4) === 0 ? null : `${round}-${i}`];
    });
    for (const [key, state] of changes) {
      if (state === null) expected.delete(key);
      else expected.set(key, state);
    }
    await put(changes);
  };

  const sinks = [startQueuefold(['sink'], env), startQueuefold(['sink'], env)] as const;
  await Promise.all(sinks.map((sink) => sink.ready()));
  proxy.setFaults(() => (random.below(4) > 0 ? null : (quick[random.below(quick.length)] ?? null)));
  const injected = () => [...proxy.injected.values()].reduce((sum, count) => sum + count, 0);
  let round = 0;
  const changeUntil = async (faults: number): Promise<void> => {
    while (injected() < faults) {
      await change(round++);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await changeUntil(5);
  await sinks[0].kill();
  await changeUntil(15);
  proxy.setFaults(() => null);
  const rows = [...expected].sort(([one], [other]) => (one < other ? -1 : 1));
  expect(rows.length).toBeGreaterThan(10);
  expect(await until(table, (found) => JSON.stringify(Object.entries(found)) === JSON.stringify(rows))).toEqual(
    Object.fromEntries(rows),
  );
  await sinks[1].stop();
});
