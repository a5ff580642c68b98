import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { loadConfig } from '../../../src/config';
import { createMetrics } from '../../../src/ops';
import { generateEvents } from '../../../src/simulator';
import { type Connected, connectKafka } from '../../../src/wiring';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { readAll } from '../../support/log/read-all';
import { startQueuefold, type Environment, type QueuefoldProcess } from '../../support/processes/pipeline-processes';
import { until } from '../../support/processes/until';
import { kafkaForTests, registryForTests } from '../../support/services/services';
import { compareTopics } from './check';

const LIMIT_MS = 120_000;
const KILL_AT_COMMIT = pathToFileURL(join(__dirname, 'kill-at-commit.mjs')).href;

const disposers: (() => Promise<unknown>)[] = [];
let brokers: readonly string[];
let env: Environment;
let connected: Connected;

beforeAll(async () => {
  const [kafka, { url }] = await Promise.all([kafkaForTests(), registryForTests()]);
  ({ brokers } = kafka);
  env = {
    KAFKA_BROKERS: brokers.join(),
    SCHEMA_REGISTRY_URL: url,
    REPLICATION_FACTOR: '1',
    PARTITIONS: '2',
    TOPIC_PREFIX: `killed-${Date.now()}`,
    HTTP_PORT: '0',
    HTTP_HOST: '127.0.0.1',
  };
  connected = connectKafka(loadConfig({ env }), pino({ enabled: false }), createMetrics());
  disposers.push(() => connected.log.close());
  await start(['setup']).done();
});
afterAll(async () => {
  for (const dispose of disposers.reverse()) await dispose();
});

test('a fold killed between send and commit leaves nothing that readers see, and the next one writes every record once', async () => {
  const { log, topics } = connected;
  await start(['bridge', '--events', await record()]).done();

  const killed = start(['fold'], { NODE_OPTIONS: `--import ${KILL_AT_COMMIT}` });
  await expect(killed.done()).rejects.toThrow('queuefold fold ended with killed');
  await untilHeldUncommitted([topics.state, topics.visits]);
  for (const topic of [topics.state, topics.visits]) {
    const seen = await readAll(log, topic);
    expect(seen.map(({ key }) => String(key))).toEqual([]);
  }

  const next = start(['fold']);
  await until('the next fold to fold everything', LIMIT_MS, async () => {
    const { differences } = await compareTopics(connected, env);
    return differences.length === 0;
  });
  await next.stop();
  const { differences, events, state } = await compareTopics(connected, env);
  expect(differences).toEqual([]);
  expect(events.length).toBeGreaterThan(300);
  expect(state.length).toBeGreaterThan(100);
});

function start(args: readonly string[], more: Environment = {}): QueuefoldProcess {
  const running = startQueuefold(args, { ...env, ...more });
  disposers.push(() => running.kill());
  return running;
}

/** Conversations of the last half-hour, for some of which the recording ends before they do. */
async function record(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'queuefold-killed-'));
  disposers.push(() => rm(folder, { recursive: true, force: true }));
  const lines: string[] = [];
  const stream = generateEvents({
    ...{ seed: 5, conversations: 60, conversationsPerSecond: 2, heartbeatMs: 0 },
    startAt: Date.now() - 1_800_000,
  });
  for (const { at, frame } of stream) {
    lines.push(JSON.stringify({ receivedAt: new Date(at).toISOString(), event: frame }));
    if (lines.length >= 400) break;
  }
  const file = join(folder, 'recording.ndjson');
  await writeFile(file, lines.join('\n'));
  return file;
}

/** Resolves when a reader that also reads open transactions has found records in each topic. */
async function untilHeldUncommitted(topics: readonly string[]): Promise<void> {
  const { kafka, admin } = await createStockAdmin(brokers);
  const consumer = kafka.consumer({ groupId: `uncommitted-${randomUUID()}`, readUncommitted: true });
  const found = new Set<string>();
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({ eachMessage: ({ topic }) => Promise.resolve(void found.add(topic)) });
    await until(`records in ${topics.join(' and ')}`, LIMIT_MS, () => found.size === topics.length);
  } finally {
    await consumer.disconnect();
    await admin.disconnect();
  }
}
