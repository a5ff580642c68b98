import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { packageRoot } from '../../../src/common';
import { loadConfig } from '../../../src/config';
import { startFold, startFoldThreads } from '../../../src/fold';
import {
  createEventCodec,
  createKafkaAdmin,
  createMemoryLog,
  type LogRecord,
  type OutRecord,
  partitionOf,
  topicDefinitions,
} from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { type Connected, connectKafka, foldSettingsOf } from '../../../src/wiring';
import { aConversation } from '../../support/conversation/conversation-builders';
import { eventOf } from '../../support/conversation/conversation-fold';
import { readAll } from '../../support/log/read-all';
import { type QueuefoldProcess, startQueuefold } from '../../support/processes/pipeline-processes';
import { until } from '../../support/processes/until';
import { kafkaForTests, registryForTests } from '../../support/services/services';

/** Folds as they are installed: one of two threads, and two processes of which one takes over from the other. */
const LIMIT_MS = 120_000;
const CONVERSATIONS = 60;
const logger = pino({ enabled: false });
let env: Record<string, string>;
let connected: Connected;

beforeAll(async () => {
  const [{ brokers }, registry] = await Promise.all([kafkaForTests(), registryForTests()]);
  env = {
    KAFKA_BROKERS: brokers.join(','),
    SCHEMA_REGISTRY_URL: registry.url,
    TOPIC_PREFIX: `threads-${randomUUID()}`,
    PARTITIONS: '4',
    REPLICATION_FACTOR: '1',
    HTTP_PORT: '0',
    HTTP_HOST: '127.0.0.1',
    FOLD_THREADS: '2',
  };
  await setUp(env);
  connected = connectKafka(loadConfig({ env }), logger, createMetrics());
});
afterAll(() => connected.log.close());

async function setUp(settings: Readonly<Record<string, string>>): Promise<void> {
  await promisify(execFile)(process.execPath, [join(packageRoot(), 'bin', 'queuefold.js'), 'setup'], {
    env: { PATH: process.env['PATH'], ...settings },
  });
}

async function callersWait(count: number): Promise<readonly string[]> {
  const { log, schemas, topics } = connected;
  const codec = await createEventCodec(schemas, topics);
  const producer = await log.createProducer();
  const ids = Array.from({ length: count }, () => randomUUID());
  await producer.send(
    ids.map((id) => {
      const event = eventOf(aConversation(id).called().queued().at(5));
      if (event === null) throw new Error('no event');
      return { topic: topics.events, key: id, value: codec.encode(event) };
    }),
  );
  await producer.close();
  return ids;
}

async function keysOfState(): Promise<readonly string[]> {
  return (await readAll(connected.log, connected.topics.state)).map(({ key }) => String(key));
}

test('both threads of one process fold, each event once, with one health, one set of metrics and one end', async () => {
  const fold = startQueuefold(['fold'], env);
  try {
    await fold.ready();
    const shares = (): readonly string[] =>
      [1, 2].filter((thread) => new RegExp(`"thread":${thread},.*"partitions":\\[\\d`).test(fold.stderr())).map(String);
    await until('both threads to have partitions', LIMIT_MS, () => shares().length === 2);
    const ids = await callersWait(CONVERSATIONS);
    await until('all rows', LIMIT_MS, async () => (await keysOfState()).length >= CONVERSATIONS);
    expect([...(await keysOfState())].sort()).toEqual([...ids].sort());
    await until('one sum of both', LIMIT_MS, async () =>
      (await fold.get('/metrics')).includes(`fold_events_total{outcome="folded"} ${CONVERSATIONS}`),
    );
    await until('one health of both', LIMIT_MS, async () => {
      const states = (await fold.get('/health/ready')).match(/\d RUNNING/g);
      return states?.length === 4;
    });
  } finally {
    await fold.stop();
  }
});

test('a thread that dies ends the fold with a clear message, and the other thread with it', async () => {
  const workers: Worker[] = [];
  const ended: number[] = [];
  const role = startFoldThreads({
    count: 2,
    startThread: (index) => {
      const file = join(packageRoot(), 'dist', 'cli', 'fold-thread.js');
      const worker = new Worker(file, { workerData: { index, globals: {} }, env, execArgv: [] });
      worker.on('exit', () => void ended.push(index));
      workers.push(worker);
      return worker;
    },
    ...{ log: connected.log, topics: connected.topics, logger },
  });
  const failed = role.done.then(
    () => 'done',
    (error: unknown) => String(error),
  );
  await until('both threads to be ready', LIMIT_MS, async () => (await role.ready['tasks']?.())?.ok === true);
  await workers[0]?.terminate();
  expect(await failed).toContain('fold: thread 1 of 2 ended with 1. The process ends too');
  await until('the other to end', LIMIT_MS, () => ended.includes(2));
  await role.stop();
});

/** Half of each conversation: a call that queues, and its end. */
function halvesOf(id: string): readonly [readonly string[], readonly string[]] {
  const story = aConversation(id).called().queued();
  return [[story.at(5), story.alerting('a1').at(10), story.answeredBy('a1', 15).at(16)], [story.hungUp(30).at(31)]];
}

/** For each key what was written, in order: value and time. */
function historiesOf(records: readonly LogRecord[]): ReadonlyMap<string, readonly string[]> {
  const histories = new Map<string, string[]>();
  for (const { key, value, timestamp } of records) {
    const history = histories.get(String(key)) ?? [];
    histories.set(String(key), [...history, `${timestamp} ${value?.toString('hex') ?? 'deleted'}`]);
  }
  return histories;
}

/** A sample of /metrics; 0 where there is none. */
async function measured(fold: QueuefoldProcess, sample: string): Promise<number> {
  const metrics = await fold.get('/metrics');
  const line = metrics.split('\n').find((each) => each.startsWith(`queuefold_${sample} `));
  return Number(line?.split(' ')[1] ?? 0);
}

test('the fold that takes over from a killed one has its states already: it reads only the rest, and no record differs', async () => {
  const own = {
    ...env,
    TOPIC_PREFIX: `standby-${randomUUID()}`,
    PARTITIONS: '2',
    FOLD_THREADS: '1',
    FOLD_STANDBY: 'on',
  };
  await setUp(own);
  const config = loadConfig({ env: own });
  const { log, schemas, topics } = connectKafka(config, logger, createMetrics());
  // Without compaction: the records carry the times of the story, so Kafka would compact them at once.
  const { brokers } = await kafkaForTests();
  const admin = await createKafkaAdmin({ brokers, clientId: 'test', logger });
  const definitions = topicDefinitions(topics, 1, 'replay');
  await admin.setupTopics({ definitions, partitions: 2, replicationFactor: 1, dryRun: false });
  await admin.close();
  const codec = await createEventCodec(schemas, topics);
  const events: OutRecord[] = [];
  const producer = await log.createProducer();
  const send = async (id: string, lines: readonly string[]): Promise<void> => {
    const records = lines.map((line): OutRecord => {
      const event = eventOf(line);
      if (event === null) throw new Error('no event');
      return { topic: topics.events, key: id, value: codec.encode(event) };
    });
    events.push(...records);
    await producer.send(records);
  };
  /** What one undisturbed fold in memory makes of the same events. */
  const expected = async (): Promise<ReadonlyMap<string, readonly string[]>> => {
    const memory = createMemoryLog({ partitions: 2, logger });
    const tasks = await startFold({
      ...{ log: memory, schemas, topics, settings: foldSettingsOf(config), deadLetterLimits: config.deadLetters },
      ...{ metrics: createMetrics(), timers: false },
    });
    const sender = await memory.createProducer();
    await sender.send(events);
    const folded = (): number => tasks.status().reduce((sum, { nextOffset }) => sum + (nextOffset ?? 0), 0);
    await until('the fold in memory', LIMIT_MS, () => folded() === events.length);
    const histories = historiesOf(await readAll(memory, topics.state));
    await memory.close();
    return histories;
  };
  const stateIsRight = async (): Promise<void> => {
    const wanted = await expected();
    const count = [...wanted.values()].flat().length;
    await until('all records', LIMIT_MS, async () => (await readAll(log, topics.state)).length >= count);
    expect(historiesOf(await readAll(log, topics.state))).toEqual(wanted);
  };

  const folds = [startQueuefold(['fold'], own), startQueuefold(['fold'], own)] as const;
  const [owner, heir] = folds;
  try {
    await Promise.all(folds.map((fold) => fold.ready()));
    await until('each to have a partition', LIMIT_MS, () =>
      folds.every((fold) => /"partitions":\[\d\],"standby":\[\d\]/.test(fold.stderr())),
    );
    const ids = Array.from({ length: CONVERSATIONS }, () => randomUUID());
    for (const id of ids) await send(id, halvesOf(id)[0]);
    await stateIsRight();
    // Nothing is written any more: what has a lag of 0 now has read everything.
    const [, place] = /"standby":\[(\d)\]/.exec(heir.stderr()) ?? [];
    const written = (await readAll(log, topics.changelog)).filter(({ partition }) => String(partition) === place);
    await until(
      'a warm copy',
      LIMIT_MS,
      async () => (await measured(heir, 'fold_standby_partitions{state="warm"}')) === 1,
    );
    const before = await measured(heir, 'fold_restored_records_total{copy="none"}');
    await owner.kill();
    await until('the heir to have all', LIMIT_MS, () =>
      /"partitions":\[0,1\](?!.*"partitions":\[\d\])/s.test(heir.stderr()),
    );
    for (const id of ids) await send(id, halvesOf(id)[1]);
    await stateIsRight();
    expect(await measured(heir, 'fold_restored_records_total{copy="none"}')).toBe(before);
    const rest = await measured(heir, 'fold_restored_records_total{copy="warm"}');
    expect(heir.stderr()).toContain('a standby copy takes over');
    // A state of each conversation at least, and a checkpoint.
    expect(written.length).toBeGreaterThan(ids.filter((id) => partitionOf(id, 2) === Number(place)).length);
    expect(rest).toBeLessThan(written.length);
  } finally {
    await Promise.all([owner.kill(), heir.stop()]);
    await producer.close();
    await log.close();
  }
});
