import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { packageRoot } from '../../src/common';
import {
  createKafkaLog,
  createRegistrySchemas,
  createRowCodec,
  loadSchema,
  registerSchema,
  topicNames,
  valueSubject,
} from '../../src/log';
import { aRow } from '../support/conversation/rows';
import { temporaryFolders } from '../support/files/folders';
import { createStockAdmin } from '../support/kafka/kafka-admin';
import { until } from '../support/processes/until';
import { kafkaForTests, registryForTests } from '../support/services/services';

/** The programs of docs/how-to/consume.md as they stand in examples/consume, with the libraries that they name. */

const run = promisify(execFile);
const LIMIT_MS = 120_000;
const INSTALL_MS = 600_000;
const PROGRAMS = join(packageRoot(), 'examples', 'consume');
const topics = topicNames('consume');
const logger = pino({ level: 'silent' });
const newFolder = temporaryFolders();
const disposers: (() => Promise<unknown>)[] = [];
let env: Readonly<Record<string, string | undefined>>;

beforeAll(async () => {
  const [{ brokers }, { url }] = await Promise.all([kafkaForTests(), registryForTests()]);
  env = {
    ...{ PATH: process.env['PATH'], HOME: process.env['HOME'], TOPIC_PREFIX: topics.prefix },
    ...{ KAFKA_BROKERS: brokers.join(','), SCHEMA_REGISTRY_URL: url },
  };
  const admin = await createStockAdmin(brokers);
  disposers.push(admin.close);
  await admin.createTopic(topics.state, 2, { 'cleanup.policy': 'compact' });
  await registerSchema({ url, logger }, valueSubject(topics.state), loadSchema('queue-conversation'), 'apply');
  const log = createKafkaLog({ brokers, clientId: 'consume', logger });
  disposers.push(log.close);
  const codec = await createRowCodec(createRegistrySchemas({ url, logger }), topics);
  const row = (conversation_id: string, state: string) => ({
    ...{ topic: topics.state, key: conversation_id },
    value: codec.encode(aRow({ conversation_id, state })),
  });
  const producer = await log.createProducer();
  await producer.send([row('a', 'connected'), row('gone', 'connected')]);
  await producer.send([row('a', 'parked'), { topic: topics.state, key: 'gone', value: null }]);
  // What was never committed, nobody may see.
  const aborting = admin.kafka.producer({ transactionalId: 'consume', idempotent: true, maxInFlightRequests: 1 });
  await aborting.connect();
  const transaction = await aborting.transaction();
  await transaction.send({ topic: topics.state, messages: [row('a', 'aborted')] });
  await transaction.abort();
  await aborting.disconnect();
  await producer.send([row('end', 'connected')]);
});
afterAll(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});

async function saysTheTable(program: string, args: readonly string[]): Promise<void> {
  const child: ChildProcess = spawn(program, args, { env });
  let said = '';
  let complained = '';
  child.stdout?.on('data', (text: Buffer) => (said += text.toString().replaceAll(' ', '')));
  child.stderr?.on('data', (text: Buffer) => (complained += text.toString()));
  const exited = once(child, 'exit');
  const isComplete = (): boolean => /"id":"a","row":\{.*"state":"parked"/.test(said) && said.includes('"id":"end"');
  try {
    await until('the table', LIMIT_MS, isComplete).catch((error: unknown) => {
      throw new Error(`${program}: ${said}\n${complained}`, { cause: error });
    });
    const last = (id: string) => said.split('\n').findLast((line) => line.startsWith(`{"id":"${id}"`));
    expect(last('a')).toContain('"queue_id":"q1"');
    expect(last('a')).toContain('"state":"parked"');
    expect(last('gone') ?? '{"id":"gone","row":null}').toBe('{"id":"gone","row":null}');
    expect(said).not.toContain('aborted');
  } finally {
    child.kill();
    await exited;
  }
}

test('a program in TypeScript or JavaScript, with queuefold/client', async () => {
  await saysTheTable(process.execPath, [join(PROGRAMS, 'consume.mjs')]);
});

test(
  'a program in Python, with confluent-kafka from PyPI',
  async () => {
    const folder = await newFolder();
    await run('python3', ['-m', 'venv', folder]);
    const install = ['install', '--quiet', '--disable-pip-version-check'];
    await run(join(folder, 'bin', 'pip'), [...install, 'confluent-kafka[avro,schemaregistry]==2.16.1']);
    await saysTheTable(join(folder, 'bin', 'python'), [join(PROGRAMS, 'consume.py')]);
  },
  INSTALL_MS,
);

test(
  'a program in Java, with kafka-clients and Avro from Maven',
  async () => {
    const folder = await newFolder();
    for (const file of ['pom.xml', 'Consume.java']) copyFileSync(join(PROGRAMS, file), join(folder, file));
    await run('mvn', ['--quiet', '--batch-mode', 'dependency:copy-dependencies'], { cwd: folder });
    await saysTheTable('java', ['-cp', join(folder, 'target', 'dependency', '*'), join(folder, 'Consume.java')]);
  },
  INSTALL_MS,
);
