import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import {
  DEFAULT_FOLD_SETTINGS,
  type ConversationEvent,
  type QueueConversation,
  type QueueVisit,
} from '../../../src/conversation';
import { adoptFold, startFold } from '../../../src/fold';
import {
  createEventCodec,
  createKafkaAdmin,
  createKafkaLog,
  createLocalSchemas,
  createRowCodec,
  createVisitCodec,
  type Log,
  type OutRecord,
  type RunningTasks,
  type SchemaSource,
  topicNames,
  type TopicNames,
  type ValueCodec,
} from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { aConversation, ms } from '../../support/conversation/conversation-builders';
import { eventOf } from '../../support/conversation/conversation-fold';
import { pathsBelow } from '../../support/files/folders';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { lastingTopics } from '../../support/kafka/lasting-topics';
import { readAll } from '../../support/log/read-all';
import { type Environment, startQueuefold } from '../../support/processes/pipeline-processes';
import { eventually } from '../../support/processes/until';
import { ownKafkaForTests, registryForTests } from '../../support/services/services';

/** The fold itself, on a broker with Kafka's default limits, of which somebody takes topics and records away. */
const schemas = createLocalSchemas();
const logger = pino({ enabled: false });
let kafka: Awaited<ReturnType<typeof ownKafkaForTests>>;
let admin: Awaited<ReturnType<typeof createStockAdmin>>;
let log: Log;
let scenes = 0;

beforeAll(async () => {
  kafka = await ownKafkaForTests({ overrides: { 'message.max.bytes': 1_048_588 } });
  await open();
});
afterAll(async () => {
  await log.close();
  await admin.close();
  await kafka.dispose();
});

async function open(): Promise<void> {
  admin = await createStockAdmin(kafka.brokers);
  log = createKafkaLog({ brokers: kafka.brokers, clientId: 'test', logger });
}

async function setUp(topics: TopicNames): Promise<void> {
  const setup = await createKafkaAdmin({ brokers: kafka.brokers, clientId: 'setup', logger });
  const definitions = lastingTopics(topics);
  await setup.setupTopics({ definitions, partitions: 1, replicationFactor: 1, dryRun: false });
  await setup.close();
}

interface Scene {
  readonly topics: TopicNames;
  readonly rows: ValueCodec<QueueConversation>;
  readonly events: ValueCodec<ConversationEvent>;
}

/** Topics of one partition. */
async function newScene(): Promise<Scene> {
  const topics = topicNames(`losses${++scenes}`);
  await setUp(topics);
  return { topics, rows: await createRowCodec(schemas, topics), events: await createEventCodec(schemas, topics) };
}

async function send(...records: readonly OutRecord[]): Promise<void> {
  const producer = await log.createProducer();
  await producer.send(records);
  await producer.close();
}

const recordOf = ({ topics, events }: Scene, event: ConversationEvent): OutRecord => ({
  topic: topics.events,
  key: event.conversationId,
  // Its time is that of producing, as the bridge's are: from one of months ago the broker deletes it within minutes.
  value: events.encode(event),
});

function read(line: string): ConversationEvent {
  const event = eventOf(line);
  if (event === null) throw new Error('no event');
  return event;
}

/** A caller who waits since second 2. */
const waiting = (id: string) => aConversation(id).called().queued();

async function wait(scene: Scene, ...ids: readonly string[]): Promise<void> {
  await send(...ids.map((id) => recordOf(scene, read(waiting(id).at(5)))));
}

async function hangUp(scene: Scene, ...ids: readonly string[]): Promise<void> {
  await send(...ids.map((id) => recordOf(scene, read(waiting(id).hungUp(60).at(61)))));
}

async function goneWith(scene: Scene, conversationId: string, hasRow: boolean) {
  const event = { conversationId, receivedAt: ms(70), source: 'rest', fingerprint: null, participants: [] } as const;
  await send(recordOf(scene, { ...event, gone: true, hasRow }));
}

const foldOf = ({ topics }: Scene, source: SchemaSource = schemas) => ({
  ...{ log, schemas: source, topics, timers: false },
  settings: DEFAULT_FOLD_SETTINGS,
  deadLetterLimits: { maxConsecutive: 0, maxRatio: 0 },
  metrics: createMetrics(),
});

const adopt = (scene: Scene): Promise<readonly string[]> => adoptFold(foldOf(scene));

async function refusal(scene: Scene, source?: SchemaSource): Promise<string> {
  const tasks = await startFold(foldOf(scene, source));
  return tasks.done.then(
    () => 'ended without an error',
    (error: unknown) => (error as Error).message,
  );
}

/** Runs a fold until it has folded all that is there, and something. */
async function foldAll(scene: Scene): Promise<void> {
  const tasks = await startFold(foldOf(scene));
  await folded(scene, tasks);
  await tasks.stop();
  // What was committed may for a moment still count as open.
  for (const topic of [scene.topics.state, scene.topics.visits]) {
    await eventually(async () => (await log.endOffsets(topic)).get(0) === (await log.writtenOffsets(topic)).get(0));
  }
}

async function folded({ topics }: Scene, tasks: RunningTasks): Promise<void> {
  const end = (await log.endOffsets(topics.events)).get(0) ?? 0;
  await Promise.race([tasks.done, eventually(() => tasks.ready() && tasks.status()[0]?.nextOffset === end)]);
}

/** The queue of each conversation in the state topic, null for one that ended. */
async function table({ topics, rows }: Scene): Promise<Record<string, string | null>> {
  const queues = new Map<string, string | null>();
  for (const { key, value } of await readAll(log, topics.state)) {
    const row = value === null ? null : rows.decode(value);
    queues.set(String(key), row === null ? null : row.ok ? row.value.queue_id : 'unreadable');
  }
  return Object.fromEntries([...queues].sort());
}

/** The conversations of the state topic, whatever the registry calls the schema of their rows. */
async function keysOf({ topics }: Scene): Promise<readonly string[]> {
  return [...new Set((await readAll(log, topics.state)).map(({ key }) => String(key)))].sort();
}

async function remake({ topics }: Scene, topic: keyof TopicNames): Promise<void> {
  await admin.deleteTopic(topics[topic]);
  await setUp(topics);
}

const ids = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `c${String(from + i).padStart(3, '0')}`);

test('rows still end after their changelog was deleted, once they are adopted', async () => {
  const scene = await newScene();
  await wait(scene, 'a', 'b');
  await foldAll(scene);
  await remake(scene, 'changelog');
  await hangUp(scene, 'a');
  expect(await refusal(scene)).toMatch(/changelog\.v1\/0: it has no checkpoint.*queuefold setup --adopt/);
  expect(await table(scene)).toEqual({ a: 'Q1', b: 'Q1' });
  expect(await adopt(scene)).toEqual([expect.stringMatching(/continues at offset 2, with the state of 2 rows/)]);
  await foldAll(scene);
  expect(await table(scene)).toEqual({ a: null, b: 'Q1' });
  await goneWith(scene, 'b', false);
  await foldAll(scene);
  expect(await table(scene)).toEqual({ a: null, b: null });
});

test.each(['changelog', 'state', 'visits'] as const)(
  'a running fold whose topic is deleted ends with the name of the topic, and continues when the topic is back (%s)',
  async (topic) => {
    const scene = await newScene();
    await wait(scene, 'a');
    const running = await startFold(foldOf(scene));
    await folded(scene, running);
    await admin.deleteTopic(scene.topics[topic]);
    await wait(scene, 'b');
    await expect(running.done).rejects.toThrow(`Topic ${scene.topics[topic]} does not exist. Run \`queuefold setup\``);
    await setUp(scene.topics);
    if (topic === 'changelog') await adopt(scene);
    await foldAll(scene);
    expect(await table(scene)).toEqual({ a: 'Q1', b: 'Q1' });
  },
);

test('a changelog with cleanup.policy=delete is refused before Kafka deletes', async () => {
  const scene = await newScene();
  await wait(scene, 'a');
  await foldAll(scene);
  await admin.alterTopic(scene.topics.changelog, { 'cleanup.policy': 'compact,delete' });
  expect(await refusal(scene)).toMatch(/cleanup.policy is compact,delete.*kafka-configs --alter --topic losses/);
  await admin.alterTopic(scene.topics.changelog, { 'cleanup.policy': 'compact' });
  const running = await startFold(foldOf(scene));
  await folded(scene, running);
  await admin.alterTopic(scene.topics.changelog, { 'cleanup.policy': 'delete' });
  await expect(running.done).rejects.toThrow(/cleanup.policy is delete.*kafka-configs --alter --topic losses/);
  await admin.alterTopic(scene.topics.changelog, { 'cleanup.policy': 'compact' });
  await foldAll(scene);
});

test('a gone removes a row that the fold does not know, if the bridge has seen one', async () => {
  const scene = await newScene();
  await wait(scene, 'a');
  await foldAll(scene);
  const [row] = await rowsOf(scene);
  if (row === undefined) throw new Error('no row');
  const strange = (id: string) => ({
    ...{ topic: scene.topics.state, key: id },
    value: scene.rows.encode({ ...row, conversation_id: id }),
  });
  await send(strange('seen'), strange('unseen'));
  await goneWith(scene, 'seen', true);
  await goneWith(scene, 'unseen', false);
  await foldAll(scene);
  expect(await table(scene)).toEqual({ a: 'Q1', seen: null, unseen: 'Q1' });
});

async function rowsOf({ topics, rows }: Scene): Promise<readonly QueueConversation[]> {
  return (await readAll(log, topics.state)).flatMap(({ value }) => {
    const row = value === null ? null : rows.decode(value);
    return row?.ok === true ? [row.value] : [];
  });
}

test('a state topic that was recreated has all live conversations at once, although none of them changes', async () => {
  const scene = await newScene();
  await wait(scene, ...ids(0, 50));
  await hangUp(scene, ...ids(0, 10));
  await foldAll(scene);
  const before = new Map((await rowsOf(scene)).map((row) => [row.conversation_id, row]));
  await remake(scene, 'state');
  await foldAll(scene);
  const after = await rowsOf(scene);
  expect(after.map((row) => row.conversation_id).sort()).toEqual(ids(10, 50));
  for (const row of after) expect(row).toEqual(before.get(row.conversation_id));
});

test('a visits topic that was recreated has the visits of all open conversations at once, at a start and while they run', async () => {
  const scene = await newScene();
  await wait(scene, ...ids(0, 50));
  await hangUp(scene, ...ids(0, 10));
  await foldAll(scene);
  const before = await visitsOf(scene);
  expect(before.size).toBe(50);
  const open = new Map([...before].filter(([, { outcome }]) => outcome === 'waiting'));
  await remake(scene, 'visits');
  const running = await startFold(foldOf(scene));
  await folded(scene, running);
  expect(await visitsOf(scene)).toEqual(open);
  await remake(scene, 'visits');
  await eventually(async () => (await visitsOf(scene)).size === 40);
  expect(await visitsOf(scene)).toEqual(open);
  await running.stop();
  expect(Object.keys(await table(scene))).toHaveLength(50);
});

/** The last of each key. */
async function visitsOf({ topics }: Scene): Promise<ReadonlyMap<string, QueueVisit>> {
  const visits = await createVisitCodec(schemas, topics);
  const found = new Map<string, QueueVisit>();
  for (const { key, value } of await readAll(log, topics.visits)) {
    const visit = value === null ? null : visits.decode(value);
    if (visit?.ok === true) found.set(String(key), visit.value);
  }
  return found;
}

test('an events topic that was recreated is not folded from the old offset on', async () => {
  const scene = await newScene();
  await wait(scene, ...ids(0, 60));
  await foldAll(scene);
  await remake(scene, 'events');
  await wait(scene, ...ids(100, 200));
  for (const start of [1, 2]) {
    const said = await refusal(scene);
    expect({ start, said }).toEqual({
      start,
      said: expect.stringMatching(/events\.v1\/0: it was deleted and recreated/),
    });
  }
  expect(await adopt(scene)).toEqual([expect.stringMatching(/continues at offset 0$/)]);
  await foldAll(scene);
  expect(Object.keys(await table(scene))).toEqual([...ids(0, 60), ...ids(100, 200)]);
});

test('a fold whose group was deleted continues at its checkpoint', async () => {
  const scene = await newScene();
  await wait(scene, 'a');
  await foldAll(scene);
  await admin.deleteGroup(scene.topics.foldGroup);
  await wait(scene, 'b');
  await foldAll(scene);
  expect(await rowsOf(scene)).toHaveLength(2);
});

test('a fold refuses a registry in which the ids mean other schemas, and names it', async () => {
  const scene = await newScene();
  await wait(scene, 'a');
  await foldAll(scene);
  const subjects = new Map<string, number>();
  const replaced: SchemaSource = {
    idOf: async (subject, schema) => {
      const id = 1_000 - (await schemas.idOf(subject, schema));
      subjects.set(subject, id);
      return id;
    },
    writerOf: async (id) => schemas.writerOf(1_000 - id),
  };
  expect(await refusal(scene, replaced)).toMatch(/the registry has (no|another) schema.* under id \d+/);
  await foldAll(scene);
});

/** What Kafka keeps of a topic's only partition. */
async function folderOf(topic: string): Promise<string> {
  const paths = await pathsBelow(kafka.dataDir);
  return join(kafka.dataDir, paths.find((path) => path.endsWith(`${topic}-0`)) ?? topic);
}

/** While the broker is down. */
async function whileDown(work: () => Promise<void>): Promise<void> {
  await log.close();
  await admin.close();
  await kafka.kill9();
  await work();
  await kafka.restart();
  await open();
}

test('an events topic that went back to an older copy is refused, also when it has grown since', async () => {
  const scene = await newScene();
  await wait(scene, 'a', 'b');
  const folder = await folderOf(scene.topics.events);
  const copy = join(kafka.dataDir, 'copy');
  await whileDown(() => cp(folder, copy, { recursive: true }));
  await wait(scene, 'c', 'd');
  await foldAll(scene);
  await whileDown(async () => {
    await rm(folder, { recursive: true });
    await cp(copy, folder, { recursive: true });
  });
  expect(await refusal(scene)).toMatch(/the fold needs offset 4, but the topic ends at 2/);
  await wait(scene, 'e', 'f', 'g');
  expect(await refusal(scene)).toMatch(/the record at offset 3 is not the one that the fold read/);
  expect(await adopt(scene)).toEqual([expect.stringMatching(/continues at offset 0$/)]);
  await foldAll(scene);
  expect(Object.keys(await table(scene))).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
});

test('a state topic that went back to an older copy gets all rows again', async () => {
  const scene = await newScene();
  await wait(scene, 'a');
  await foldAll(scene);
  const folder = await folderOf(scene.topics.state);
  const copy = join(kafka.dataDir, 'copy-of-state');
  await whileDown(() => cp(folder, copy, { recursive: true }));
  await wait(scene, 'b');
  await foldAll(scene);
  await wait(scene, 'c');
  await foldAll(scene);
  await whileDown(async () => {
    await rm(folder, { recursive: true });
    await cp(copy, folder, { recursive: true });
  });
  expect(await table(scene)).toEqual({ a: 'Q1' });
  await foldAll(scene);
  expect(await table(scene)).toEqual({ a: 'Q1', b: 'Q1', c: 'Q1' });
});

/** `queuefold`, and what it ended with. */
async function command(args: readonly string[], env: Environment): Promise<{ code: number; said: string }> {
  const running = startQueuefold(args, env);
  const failure = await running.done().then(
    () => null,
    (error: unknown) => String(error),
  );
  const code = failure === null ? 0 : Number(/ended with (\d+)/.exec(failure)?.[1]);
  return { code, said: `${running.stdout()}${running.stderr()}` };
}

test('the command in the refusal of a fold lets it continue', async () => {
  const scene = await newScene();
  const env: Environment = {
    ...{ KAFKA_BROKERS: kafka.brokers.join(), SCHEMA_REGISTRY_URL: (await registryForTests()).url },
    ...{ TOPIC_PREFIX: scene.topics.prefix, PARTITIONS: '1', REPLICATION_FACTOR: '1' },
    ...{ HTTP_PORT: '0', HTTP_HOST: '127.0.0.1' },
  };
  const folder = await mkdtemp(join(tmpdir(), 'queuefold-adopt-'));
  const feed = async (...conversations: readonly string[]): Promise<void> => {
    const file = join(folder, `${conversations.join('-')}.ndjson`);
    await writeFile(file, conversations.map((id) => waiting(id).at(5)).join('\n'));
    expect(await command(['bridge', '--events', file], env)).toMatchObject({ code: 0 });
  };
  const hasRows = async (...conversations: readonly string[]): Promise<void> =>
    eventually(async () => (await keysOf(scene)).join() === conversations.join());
  expect(await command(['setup'], env)).toMatchObject({ code: 0 });
  await feed('a', 'b');
  const first = startQueuefold(['fold'], env);
  try {
    await hasRows('a', 'b');
    const meanwhile = await command(['setup', '--adopt'], env);
    expect(meanwhile).toMatchObject({
      code: 1,
      said: expect.stringContaining('has members, so a fold still runs') as unknown,
    });
  } finally {
    await first.stop();
  }
  expect(await command(['setup', '--adopt'], env)).toMatchObject({
    code: 0,
    said: expect.stringContaining('nothing was lost, so there is nothing to adopt') as unknown,
  });

  await admin.deleteTopic(scene.topics.events);
  expect(await command(['setup'], env)).toMatchObject({ code: 0 });
  await feed('c');
  const refused = await command(['fold'], env);
  expect(refused).toMatchObject({
    code: 1,
    said: expect.stringContaining(`${scene.topics.events}/0: it was deleted and recreated`) as unknown,
  });
  const printed = /`queuefold ([^`]+)`/.exec(refused.said)?.[1] ?? '';
  expect(await command(printed.split(' '), env)).toMatchObject({
    code: 0,
    said: expect.stringContaining(`${scene.topics.events}/0: the fold continues at offset 0`) as unknown,
  });

  const again = startQueuefold(['fold'], env);
  try {
    await feed('d');
    await hasRows('a', 'b', 'c', 'd');
  } finally {
    await again.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
