import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { QueueConversation } from '../../../src/conversation';
import { createKafkaLog, createRegistrySchemas, createRowCodec, partitionOf, topicNames } from '../../../src/log';
import { aConversation } from '../../support/conversation/conversation-builders';
import { readAll } from '../../support/log/read-all';
import { startQueuefold, type Environment, type QueuefoldProcess } from '../../support/processes/pipeline-processes';
import { until } from '../../support/processes/until';
import { ownKafkaForTests, registryForTests } from '../../support/services/services';

const SECRET = 'the secret of this test';
const LIMIT_MS = 120_000;
let kafka: Awaited<ReturnType<typeof ownKafkaForTests>>;
let folder: string;
let env: Environment;
const disposers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  kafka = await ownKafkaForTests();
  disposers.push(() => kafka.dispose());
  folder = await mkdtemp(join(tmpdir(), 'queuefold-events-'));
  disposers.push(() => rm(folder, { recursive: true, force: true }));
  env = {
    KAFKA_BROKERS: kafka.brokers.join(),
    SCHEMA_REGISTRY_URL: (await registryForTests()).url,
    REPLICATION_FACTOR: '1',
    PARTITIONS: '2',
    TOPIC_PREFIX: `events-${Date.now()}`,
    HTTP_PORT: '0',
    HTTP_HOST: '127.0.0.1',
  };
  await startQueuefold(['setup'], env).done();
});
afterAll(async () => {
  for (const dispose of disposers.reverse()) await dispose();
});

function start(args: readonly string[], more: Environment = {}): QueuefoldProcess {
  const running = startQueuefold(args, { ...env, ...more });
  disposers.push(() => running.kill());
  return running;
}

const envelope = (id: string): string =>
  JSON.stringify({
    id: 'aws-id',
    detail: {
      topicName: 'v2.routing.queues.Q1.conversations',
      eventBody: aConversation(id).called().queued('Q1').body,
      timestamp: '2026-03-02T09:00:00.395Z',
    },
  });

/** Keys of the events topic and reasons of the dead letters, as they are now. */
async function inKafka(): Promise<{ keys: string[]; reasons: (string | undefined)[] }> {
  const log = createKafkaLog({ brokers: kafka.brokers, clientId: 'reader', logger: pino({ level: 'silent' }) });
  const { events, deadLetters } = topicNames(env['TOPIC_PREFIX'] ?? '');
  const records = await readAll(log, events, deadLetters);
  await log.close();
  return {
    keys: records.flatMap(({ topic, key }) => (topic === events ? [String(key)] : [])).sort(),
    reasons: records.flatMap(({ topic, headers }) => (topic === deadLetters ? [headers['error.reason']] : [])),
  };
}

async function post(bridge: QueuefoldProcess, body: string, secret = SECRET) {
  const url = /"metrics":"(http:[^"]+)\/metrics"/.exec(bridge.stderr())?.[1] ?? '';
  const answer = await fetch(`${url}/events`, { method: 'POST', body, headers: { authorization: `Bearer ${secret}` } });
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), said: await answer.text() };
}

describe('POST /events of a bridge without Genesys', () => {
  test('the answer is 2xx when Kafka has the events and 503 while Kafka is down, and no event is lost', async () => {
    const bridge = start(['bridge'], { EVENTS_SECRET: SECRET });
    await bridge.ready();
    expect(await post(bridge, envelope('h1'))).toMatchObject({ status: 200 });
    expect((await inKafka()).keys).toEqual(['h1']);
    expect(await post(bridge, '{"detail":{"topicName":"v2.users.u.conversations","eventBody":{}}}')).toMatchObject({
      status: 400,
      said: expect.stringContaining('"events":0,"skipped":0,"invalid":1}') as unknown,
    });
    expect((await inKafka()).reasons).toEqual(['no-conversation-id']);

    await kafka.kill9();
    expect(await post(bridge, envelope('h2'))).toMatchObject({ status: 503, retryAfter: '5' });
    await until('the bridge to be unready', LIMIT_MS, async () =>
      (await bridge.get('/health/ready')).includes('"failing"'),
    );
    // As EventBridge does: again, until it is taken.
    expect(await post(bridge, envelope('h3'))).toMatchObject({ status: 503 });
    await kafka.restart();
    await until('h3 to be taken', LIMIT_MS, async () => (await post(bridge, envelope('h3'))).status === 200);
    await bridge.ready();

    // The one that nobody sent again was waiting in the bridge.
    await until('h2 in Kafka', LIMIT_MS, async () => (await inKafka()).keys.includes('h2'));
    const { keys } = await inKafka();
    expect([...new Set(keys)]).toEqual(['h1', 'h2', 'h3']);
    await bridge.stop();
    expect(bridge.stderr()).not.toContain(SECRET);
  });

  test('does not exist without the secret', async () => {
    const bridge = start(['bridge', '--events', '-']);
    await until('metrics', LIMIT_MS, () => bridge.stderr().includes('"metrics"'));
    expect(await post(bridge, envelope('h9'))).toMatchObject({ status: 404 });
    await bridge.kill();
  });
});

/** Versions of the row of a conversation, null where it is deleted. */
async function rowsOf(id: string): Promise<readonly (QueueConversation | null)[]> {
  const logger = pino({ level: 'silent' });
  const log = createKafkaLog({ brokers: kafka.brokers, clientId: 'reader', logger });
  const topics = topicNames(env['TOPIC_PREFIX'] ?? '');
  const codec = await createRowCodec(createRegistrySchemas({ url: env['SCHEMA_REGISTRY_URL'] ?? '', logger }), topics);
  const records = await readAll(log, topics.state);
  await log.close();
  const values = records.flatMap(({ key, value }) => (String(key) === id ? [value] : []));
  await codec.prepare(values);
  return values.map((value) => {
    const decoded = value === null ? null : codec.decode(value);
    if (decoded?.ok === false) throw new Error(decoded.reason);
    return decoded?.value ?? null;
  });
}

describe('a receive time in the future', () => {
  const HOURS_6 = 6 * 3_600_000;
  const story = (id: string) => aConversation(id).called().queued('Q1');
  const recorded = (body: unknown, at: number): string =>
    JSON.stringify({ receivedAt: new Date(at).toISOString(), event: body });
  const timed = (id: string, at: number): string =>
    JSON.stringify({
      detail: {
        topicName: 'v2.routing.queues.Q1.conversations',
        eventBody: story(id).body,
        timestamp: new Date(at).toISOString(),
      },
    });

  test('is now, by POST as by lines: no row is of tomorrow, and ended conversations are not forgotten', async () => {
    const [bridge, fold] = [start(['bridge'], { EVENTS_SECRET: SECRET }), start(['fold'])];
    await Promise.all([bridge.ready(), fold.ready()]);
    // All of one partition, whose time is what the markers of its ended conversations live by.
    const ids = Array.from({ length: 100 }, (_, n) => `t${n}`).filter((id) => partitionOf(id, 2) === 0);
    const [ended = '', posted = '', enveloped = '', line = '', last = ''] = ids;
    const sent = Date.now();
    await post(bridge, recorded(story(ended).body, sent));
    await post(bridge, recorded(story(ended).hungUp(60).body, sent + 1));
    await until('the end of a conversation', LIMIT_MS, async () => (await rowsOf(ended)).at(-1) === null);
    const versions = (await rowsOf(ended)).length;

    expect(await post(bridge, recorded(story(posted).body, sent + HOURS_6))).toMatchObject({ status: 200 });
    expect(await post(bridge, timed(enveloped, sent + HOURS_6))).toMatchObject({ status: 200 });
    const file = join(folder, 'future.ndjson');
    await writeFile(file, recorded(story(line).body, sent + HOURS_6));
    await start(['bridge', '--events', file]).done();
    // Late, as of another socket: only a marker tells that it has ended.
    expect(await post(bridge, recorded(story(ended).body, Date.now()))).toMatchObject({ status: 200 });
    expect(await post(bridge, recorded(story(last).body, Date.now()))).toMatchObject({ status: 200 });
    await until('the last one in the table', LIMIT_MS, async () => (await rowsOf(last)).length > 0);

    expect(await rowsOf(ended)).toHaveLength(versions);
    for (const id of [posted, enveloped, line]) {
      const [row] = await rowsOf(id);
      expect(row?.db_last_updated).toBeLessThan(sent + HOURS_6 / 2);
    }
    expect(await bridge.get('/metrics')).toMatch(/^queuefold_bridge_future_times_total 2$/m);
    await bridge.stop();
    await fold.stop();
  });
});

describe('queuefold bridge --events', () => {
  test('sends what files hold and ends when Kafka has acknowledged it', async () => {
    const [plain, packed] = [join(folder, 'events.ndjson'), join(folder, 'events.ndjson.gz')];
    await writeFile(plain, `${envelope('f1')}\nnonsense\n\n{"message":"pong"}\n`);
    await writeFile(packed, gzipSync(`${JSON.stringify(aConversation('f2').called().body)}\n${envelope('f3')}`));
    const bridge = start(['bridge', '--events', plain, packed]);
    await bridge.done();
    expect(bridge.stderr()).toContain(
      '5 lines: 3 events, 1 skipped, 1 invalid (in the dead letters); all acknowledged by Kafka\n',
    );
    const { keys, reasons } = await inKafka();
    expect(keys.filter((key) => key.startsWith('f'))).toEqual(['f1', 'f2', 'f3']);
    expect(reasons).toContain('not-json');
  });

  test('reads stdin to its end; a signal in the middle of it is no success', async () => {
    const child = spawn(process.execPath, [join(__dirname, '../../../bin/queuefold.js'), 'bridge', '--events', '-'], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    disposers.push(() => Promise.resolve(child.kill('SIGKILL')));
    child.stdin.on('error', () => undefined);
    child.stdin.write(`${envelope('s1')}\n`);
    await until('s1 in Kafka', LIMIT_MS, async () => (await inKafka()).keys.includes('s1'));
    child.kill('SIGTERM');
    expect(await ended).toBe(143);
  });

  test('without any way in, the three of them are named', async () => {
    await expect(start(['bridge']).done()).rejects.toThrow(
      /ended with 2\nqueuefold: GENESYS_CLIENT_ID: .*EVENTS_SECRET.*--events/,
    );
  });

  test('a file that cannot be read is named at once', async () => {
    const bridge = start(['bridge', '--events', join(folder, 'none.ndjson')]);
    await expect(bridge.done()).rejects.toThrow(/ended with 1\n.*none\.ndjson: queuefold cannot read it/s);
  });
});
