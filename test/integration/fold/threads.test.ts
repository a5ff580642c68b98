import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { packageRoot } from '../../../src/common';
import { loadConfig } from '../../../src/config';
import { startFoldThreads } from '../../../src/fold';
import { createEventCodec } from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { type Connected, connectKafka } from '../../../src/wiring';
import { aConversation } from '../../support/conversation/conversation-builders';
import { eventOf } from '../../support/conversation/conversation-fold';
import { startQueuefold } from '../../support/processes/pipeline-processes';
import { until } from '../../support/processes/until';
import { kafkaForTests, registryForTests } from '../../support/services/services';

/** A fold of two threads, as it is installed. */
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
  await promisify(execFile)(process.execPath, [join(packageRoot(), 'bin', 'queuefold.js'), 'setup'], {
    env: { PATH: process.env['PATH'], ...env },
  });
  connected = connectKafka(loadConfig({ env }), logger, createMetrics());
});
afterAll(() => connected.log.close());

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
  const keys: string[] = [];
  const reading = await connected.log.read({
    topics: [connected.topics.state],
    follow: false,
    onRecord: ({ key }) => void keys.push(String(key)),
  });
  await reading.caughtUp;
  await reading.stop();
  return keys;
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
