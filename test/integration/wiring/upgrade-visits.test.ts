import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Type } from 'avsc';
import { loadConfig } from '../../../src/config';
import {
  type ConversationEvent,
  createPartitionFold,
  DEFAULT_FOLD_SETTINGS,
  printableVisit,
} from '../../../src/conversation';
import { startFold } from '../../../src/fold';
import { createFoldTask } from '../../../src/fold/task';
import {
  type AvroSchema,
  createChangelogCodec,
  createEventReader,
  createKafkaAdmin,
  createKafkaLog,
  createMemoryCluster,
  createRegistrySchemas,
  createRowCodec,
  loadSchema,
  type Log,
  registerSchema,
  type RunningTasks,
  type SchemaSource,
  topicNames,
  valueSubject,
} from '../../../src/log';
import { typeOf } from '../../../src/log/codec/schemas';
import { createValueCodec } from '../../../src/log/codec/value-codec';
import { createMetrics } from '../../../src/ops';
import { type RunningSinkRole, startSinkRole } from '../../../src/sink';
import { topicSchemas } from '../../../src/wiring';
import { until } from '../../support/clickhouse/sink';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { QUIET } from '../../support/clickhouse/store-rows';
import { eventOf } from '../../support/conversation/conversation-fold';
import { lastingTopics } from '../../support/kafka/lasting-topics';
import { kafkaForTests, registryForTests } from '../../support/services/services';

/** docs/how-to/upgrade.md, "From a version without visits": that version's records, then this version's processes. */
const topics = topicNames(`upgrade-${Date.now()}`);
const PARTITIONS = 2;
const LIMITS = { maxConsecutive: 5, maxRatio: 0 };
let tests: TestStore;
let stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  tests = await storeForTests();
});
afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
  stops = [];
  await tests.clear();
});
afterAll(() => tests.close());

/** What both versions run on. */
interface Ground {
  readonly schemas: SchemaSource;
  /** A log of its own, as each process has. */
  connect(): Log;
  /** What `setup` of that version makes. */
  setUp(version: 'without visits' | 'this'): Promise<void>;
}

function inMemory(): Promise<Ground> {
  const cluster = createMemoryCluster({ partitions: PARTITIONS, identity: 'first' });
  return Promise.resolve({
    schemas: createSchemas(),
    connect: () => cluster.connect(),
    setUp: () => Promise.resolve(),
  });
}

async function onKafka(): Promise<Ground> {
  const [{ brokers }, { url }] = await Promise.all([kafkaForTests(), registryForTests()]);
  const connection = { brokers, clientId: topics.prefix, logger: QUIET };
  const registry = { url, logger: QUIET };
  return {
    schemas: createRegistrySchemas(registry),
    connect: () => {
      const log = createKafkaLog(connection);
      stops.push(() => log.close());
      return log;
    },
    setUp: async (version) => {
      const isOld = version === 'without visits';
      const definitions = lastingTopics(topics).filter(({ topic }) => !isOld || topic !== topics.visits);
      const admin = await createKafkaAdmin(connection);
      await admin.setupTopics({ definitions, partitions: PARTITIONS, replicationFactor: 1, dryRun: false });
      await admin.close();
      for (const { subject, schema } of topicSchemas(topics)) {
        if (isOld && schema.name === 'queue-visit') continue;
        const { name } = schema;
        const hasChanged = name === 'conversation-event' || name === 'fold-state';
        await registerSchema(registry, subject, isOld && hasChanged ? older(name) : schema, 'apply');
      }
    },
  };
}

/** A registry of several versions of a schema. */
function createSchemas(): SchemaSource {
  const texts: string[] = [];
  return {
    idOf: (_subject, { text }) => {
      if (!texts.includes(text)) texts.push(text);
      return Promise.resolve(texts.indexOf(text) + 1);
    },
    writerOf: (id): Promise<Type | null> => {
      const text = texts[id - 1];
      return Promise.resolve(text === undefined ? null : typeOf(text));
    },
  };
}

/** The schema without what visits brought: `startAlertingTime` of a communication, `consult` of a participant. */
function older(name: 'conversation-event' | 'fold-state'): AvroSchema {
  const schema = loadSchema(name);
  let taken = 0;
  const without = (value: unknown): unknown => {
    if (Array.isArray(value)) {
      const kept = value.filter((one: { name?: string } | null) => {
        const isNew = one?.name === 'startAlertingTime' || one?.name === 'consult';
        taken += Number(isNew);
        return !isNew;
      });
      return kept.map(without);
    }
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, without(one)]));
  };
  const text = JSON.stringify(without(JSON.parse(schema.text)));
  expect(taken).toBe(2);
  return { name, text };
}

const time = (second: number): string => new Date(Date.UTC(2026, 2, 2, 9, 0, second)).toISOString();

interface Told {
  readonly queue?: object;
  readonly agent?: object;
}

/** A caller in queue Q1, and perhaps an agent; the words of one moment. */
function said(id: string, second: number, { queue = {}, agent }: Told): ConversationEvent {
  const customer = { id: 'cu', purpose: 'customer', calls: [{ id: 'l0', state: 'connected', connectedTime: time(0) }] };
  const acd = { id: 'acd', purpose: 'acd', queueId: 'Q1' };
  const call = { id: 'l1', state: 'connected', connectedTime: time(1), ...queue };
  const participants: object[] = [customer, { ...acd, calls: [call] }];
  if (agent !== undefined) {
    participants.push({ id: 'ag', purpose: 'agent', userId: 'u1', calls: [{ id: 'l2', state: 'alerting', ...agent }] });
  }
  const event = eventOf(JSON.stringify({ receivedAt: time(second), event: { id, participants } }));
  if (event === null) throw new Error('no event');
  return event;
}

const ANSWERED = { state: 'terminated', disconnectedTime: time(20), disconnectType: 'transfer' };
const TALKS = { state: 'connected', connectedTime: time(20) };
const BEFORE: readonly ConversationEvent[] = [
  said('waits', 2, {}),
  said('alerts', 2, { agent: {} }),
  said('talks', 2, {}),
  said('talks', 21, { queue: ANSWERED, agent: TALKS }),
  said('over', 2, {}),
  { ...said('over', 22, {}), gone: true, participants: [] },
];
const AFTER: readonly ConversationEvent[] = [
  said('waits', 40, { queue: { ...ANSWERED, disconnectedTime: time(39), disconnectType: 'peer' } }),
  said('alerts', 40, { agent: { startAlertingTime: time(2), state: 'terminated', disconnectedTime: time(39) } }),
  said('talks', 40, { queue: ANSWERED, agent: { ...TALKS, state: 'terminated', disconnectedTime: time(39) } }),
  said('new', 41, { agent: { startAlertingTime: time(40) } }),
];

async function send(
  { schemas, connect }: Ground,
  events: readonly ConversationEvent[],
  schema: AvroSchema,
): Promise<void> {
  const codec = await createValueCodec<ConversationEvent>({
    ...{ schemas, subject: valueSubject(topics.events), schema },
    toAvro: (event) => event,
    fromAvro: (decoded) => decoded as ConversationEvent,
  });
  const producer = await connect().createProducer();
  await producer.send(
    events.map((event) => ({ topic: topics.events, key: event.conversationId, value: codec.encode(event) })),
  );
  await producer.close();
}

/** A fold of the version without visits: none are written, and its changelog knows nothing of them. */
async function startOldFold(log: Log, schemas: SchemaSource): Promise<RunningTasks> {
  const { idOf } = schemas;
  const schema = older('fold-state');
  const changelog = await createChangelogCodec({ ...schemas, idOf: (subject) => idOf(subject, schema) }, topics);
  const written = await createValueCodec<object>({
    ...{ schemas, subject: valueSubject(topics.changelog), schema },
    toAvro: (value) => value,
    fromAvro: (decoded) => decoded,
  });
  const events = older('conversation-event');
  const { writer } = await createValueCodec<object>({
    ...{ schemas, subject: valueSubject(topics.events), schema: events },
    toAvro: (value) => value,
    fromAvro: (decoded) => decoded,
  });
  const reader = await createEventReader({ ...schemas, idOf: (subject) => idOf(subject, events) }, topics);
  const options = {
    ...{ schemas, topics, deadLetterLimits: LIMITS, metrics: createMetrics(), visits: null },
    events: { ...reader, writer },
    rows: await createRowCodec(schemas, topics),
    settings: { ...DEFAULT_FOLD_SETTINGS, visits: 'off' as const },
  };
  const encode: typeof changelog.encode = ({ state, checkpoint }) =>
    written.encode({
      open: state?.kind === 'open' ? state : null,
      ended: state?.kind === 'ended' ? state : null,
      checkpoint,
    });
  const { foldGroup: group, events: input, state, deadLetters } = topics;
  return log.runTasks(
    { group, input, changelog: topics.changelog, outputs: [state, deadLetters], tables: [state], timers: false },
    (partition) =>
      createFoldTask(partition, { ...options, changelog: { ...changelog, encode, writer: written.writer } }),
  );
}

async function untilFolded(log: Log, tasks: RunningTasks): Promise<void> {
  const ends = await log.endOffsets(topics.events);
  const reached = until(
    () => Promise.resolve(new Map(tasks.status().map(({ partition, nextOffset }) => [partition, nextOffset ?? 0]))),
    (offsets) => [...ends].every(([partition, end]) => (offsets.get(partition) ?? 0) >= end),
  );
  // A fold that ends with an error is not waited for.
  await Promise.race([reached, tasks.done]);
}

const stored = () => tests.rows(`SELECT * FROM \`${tests.store.database}\`.queue_visit ORDER BY conversation_id`);

async function aSink({ schemas, connect }: Ground, env: Record<string, string>): Promise<RunningSinkRole> {
  const config = loadConfig({ env: { SINK_FLUSH_MS: '50', ...env } });
  const parts = { config, logger: QUIET, metrics: createMetrics(), log: connect(), schemas, topics };
  const role = await startSinkRole({ ...parts, store: tests.store }, { names: 'left-out' });
  stops.push(() => role.stop());
  return role;
}

describe.each([
  ['an in-memory log', inMemory],
  ['a Kafka and a registry', onKafka],
] as const)('on %s', (_, open) => {
  test('after the upgrade, live conversations have their visits from their next change on, and new conversations have all of theirs', async () => {
    const ground = await open();
    const { schemas, connect } = ground;
    await ground.setUp('without visits');
    await send(ground, BEFORE, older('conversation-event'));
    const oldSink = await aSink(ground, { VISITS: 'off' });
    const oldLog = connect();
    const oldFold = await startOldFold(oldLog, schemas);
    await untilFolded(oldLog, oldFold);

    // First the topic; then the new sink, which is there before anything writes to it; then the fold.
    await ground.setUp('this');
    await oldSink.stop();
    const sink = await aSink(ground, {});
    expect(sink.visitsStored()).not.toBeNull();
    await oldFold.stop();
    const log = connect();
    const settings = DEFAULT_FOLD_SETTINGS;
    const fold = await startFold({
      ...{ log, schemas, topics, settings, deadLetterLimits: LIMITS, metrics: createMetrics(), timers: false },
    });
    stops.push(() => fold.stop());
    // … and events of a bridge that has not been replaced yet, then of a new one.
    await send(ground, AFTER.slice(0, 1), older('conversation-event'));
    await send(ground, AFTER.slice(1), loadSchema('conversation-event'));
    await untilFolded(log, fold);

    const undisturbed = createPartitionFold(DEFAULT_FOLD_SETTINGS);
    const expected = [...BEFORE, ...AFTER].flatMap((event) =>
      undisturbed.apply(event).visits.map(({ visit }) => visit),
    );
    const last = new Map(expected.map((visit) => [visit.conversation_id, visit]));
    // Complete before the upgrade: not written later.
    expect(last.delete('over')).toBe(true);
    const wanted = [...last.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, visit]) => printableVisit(visit));
    expect(await until(stored, (rows) => rows.length === wanted.length)).toEqual(wanted);
    expect(wanted).toMatchObject([
      { conversation_id: 'alerts', outcome: 'waiting', offers: 1, offers_missed: 1 },
      { conversation_id: 'new', outcome: 'waiting', offers: 1 },
      { conversation_id: 'talks', outcome: 'answered', agent_left_time: time(39) },
      { conversation_id: 'waits', outcome: 'abandoned', left_time: time(39) },
    ]);
  });
});
