import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { ConversationEvent } from '../../../src/conversation';
import {
  createEventCodec,
  createKafkaLog,
  createRegistrySchemas,
  type Log,
  topicNames,
  type ValueCodec,
} from '../../../src/log';
import type { Store } from '../../../src/store';
import { serverForTests } from '../../support/clickhouse/clickhouse-server';
import { QUIET } from '../../support/clickhouse/store-rows';
import { aConversation } from '../../support/conversation/conversation-builders';
import { eventOf } from '../../support/conversation/conversation-fold';
import { readAll } from '../../support/log/read-all';
import { type Environment, type QueuefoldProcess, startQueuefold } from '../../support/processes/pipeline-processes';
import { EndedError, until } from '../../support/processes/until';
import { kafkaForTests, ownRegistryForTests } from '../../support/services/services';

/** A fold and a sink that run on while the registry loses its data and gives the same ids to other schemas. */
const topics = topicNames(`replaced-${Date.now()}`);
const LIMIT_MS = 180_000;
const disposers: (() => Promise<unknown>)[] = [];
let registry: Awaited<ReturnType<typeof ownRegistryForTests>>;
let env: Environment;
let log: Log;
let store: Store;

beforeAll(async () => {
  const [kafka, own, server] = await Promise.all([kafkaForTests(), ownRegistryForTests(), serverForTests()]);
  registry = own;
  disposers.push(own.dispose, server.dispose);
  const database = server.newDatabase();
  env = {
    ...{ KAFKA_BROKERS: kafka.brokers.join(), SCHEMA_REGISTRY_URL: registry.url, ...server.env(database) },
    ...{ REPLICATION_FACTOR: '1', PARTITIONS: '1', TOPIC_PREFIX: topics.prefix, SINK_FLUSH_MS: '50' },
    // Whatever it cannot read, it goes on: the test counts the dead letters.
    ...{ HTTP_PORT: '0', HTTP_HOST: '127.0.0.1', DLQ_MAX_CONSECUTIVE: '0' },
  };
  log = createKafkaLog({ brokers: kafka.brokers, clientId: 'test', logger: pino({ enabled: false }) });
  store = server.connect(database);
  disposers.push(
    () => log.close(),
    () => store.close(),
  );
  await startQueuefold(['setup'], env).done();
});
afterAll(async () => {
  for (const dispose of disposers.reverse()) await dispose();
});

const started: QueuefoldProcess[] = [];
function start(role: 'fold' | 'sink'): QueuefoldProcess {
  const running = startQueuefold([role], env);
  started.push(running);
  disposers.push(() => running.kill());
  return running;
}

/** Of what the registry says now. */
function eventCodec(): Promise<ValueCodec<ConversationEvent>> {
  return createEventCodec(createRegistrySchemas({ url: registry.url, logger: QUIET }), topics);
}

async function wait(codec: ValueCodec<ConversationEvent>, ...ids: readonly string[]): Promise<void> {
  const producer = await log.createProducer();
  const events = ids.map((id) => eventOf(aConversation(id).called().queued().at(5)));
  await producer.send(
    events.flatMap((event) =>
      event === null ? [] : [{ topic: topics.events, key: event.conversationId, value: codec.encode(event) }],
    ),
  );
  await producer.close();
}

async function table(): Promise<Readonly<Record<string, string>>> {
  const query = `SELECT conversation_id AS id, queue_id FROM ${store.database}.queue_conversation ORDER BY id`;
  const rows = await (
    await store.client.query({ query, format: 'JSONEachRow' })
  ).json<{ id: string; queue_id: string }>();
  return Object.fromEntries(rows.map(({ id, queue_id }) => [id, queue_id]));
}

/** The keys of the dead letters. */
async function deadLetters(): Promise<readonly string[]> {
  return (await readAll(log, topics.deadLetters)).map(({ key }) => String(key));
}

/** Loses all that it had, and then gives the first ids to schemas of somebody else. */
async function replaceRegistry(others: number): Promise<void> {
  await registry.kill9();
  await rm(join(registry.dataDir, 'registry', 'data'), { recursive: true });
  await registry.restart();
  for (let at = 0; at < others; at++) {
    const schema = JSON.stringify({ type: 'record', name: `Other${at}`, fields: [{ name: 'a', type: 'string' }] });
    const answer = await fetch(`${registry.url}/subjects/other${at}-value/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ schema }),
    });
    expect(answer.status).toBe(200);
  }
  await startQueuefold(['setup'], env).done();
}

test('a registry that is replaced while fold and sink run makes no wrong row, and a fold that starts then is refused', async () => {
  const [fold, sink] = [start('fold'), start('sink')];
  await Promise.all([fold.ready(), sink.ready()]);
  const before = await eventCodec();
  await wait(before, 'a');
  await until('the row', LIMIT_MS, async () => 'a' in (await table()));

  await replaceRegistry(1);
  const after = await eventCodec();
  // A bridge that still knows the old ids, and one that has just started.
  await wait(before, 'b');
  await wait(after, 'c');
  await wait(before, 'd');
  await until('a row or a dead letter of each', LIMIT_MS, async () => {
    if (started.some((one) => one.stderr().includes('"level":"fatal"'))) throw new EndedError(fold.stderr());
    return Object.keys(await table()).length + (await deadLetters()).length >= 4;
  });
  // What c has depends on the ids that the registry gave: another schema's is a dead letter, a new one can be read.
  const rows = { a: 'Q1', b: 'Q1', d: 'Q1' };
  const [lost] = await deadLetters();
  expect([await table(), lost]).toEqual(lost === undefined ? [{ ...rows, c: 'Q1' }, undefined] : [rows, 'c']);
  await Promise.all([fold.stop(), sink.stop()]);

  const again = start('fold');
  await expect(again.done()).rejects.toThrow(/the registry has (no|another) schema.* under id \d+/);
});
