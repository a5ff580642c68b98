import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { answeringClickHouse } from '../../support/clickhouse/answering-clickhouse';
import { serverForTests, type TestServer } from '../../support/clickhouse/clickhouse-server';
import { secureKafkaForTests, type SecureKafka } from '../../support/kafka/secure-kafka';
import { createAuthority } from '../../support/network/certificates';
import { startQueuefold, type Environment, type QueuefoldProcess } from '../../support/processes/pipeline-processes';
import { until } from '../../support/processes/until';
import { ownKafkaForTests, registryForTests } from '../../support/services/services';

/** Roles as processes, whose Kafka, registry or ClickHouse is away when they start, or when they are told to stop. */
const LIMIT_MS = 120_000;
const ROLES = ['bridge', 'fold', 'sink'] as const;
let kafka: Awaited<ReturnType<typeof ownKafkaForTests>>;
let clickhouse: TestServer;
let env: Environment;
const disposers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  kafka = await ownKafkaForTests();
  disposers.push(() => kafka.dispose());
  clickhouse = await serverForTests();
  disposers.push(() => clickhouse.dispose());
  env = {
    KAFKA_BROKERS: kafka.brokers.join(),
    SCHEMA_REGISTRY_URL: (await registryForTests()).url,
    ...clickhouse.env(clickhouse.newDatabase()),
    ...{ REPLICATION_FACTOR: '1', PARTITIONS: '2', TOPIC_PREFIX: `waiting-${Date.now()}` },
    ...{ HTTP_PORT: '0', HTTP_HOST: '127.0.0.1', EVENTS_SECRET: 'the secret of this test' },
  };
  await startQueuefold(['setup'], env).done();
});
afterAll(async () => {
  for (const dispose of disposers.reverse()) await dispose();
});

function start(role: string, more: Environment = {}): QueuefoldProcess {
  const running = startQueuefold([role], { ...env, ...more });
  disposers.push(() => running.kill());
  return running;
}
let isAway = false;
async function takeAway(): Promise<void> {
  isAway = true;
  await kafka.kill9();
}
async function bringBack(): Promise<void> {
  if (isAway) await kafka.restart();
  isAway = false;
}
const waits = (role: QueuefoldProcess): string[] =>
  role
    .stderr()
    .split('\n')
    .filter((line) => line.includes('the start waits'));

/** Says so again and again, is live and not ready, and ends with 0 when it is told to. */
async function waitsFor(role: QueuefoldProcess, what: RegExp): Promise<void> {
  await until(`${role.name} to say twice what it waits for`, LIMIT_MS, () => {
    if (/queuefold: /.test(role.stderr())) throw new Error(role.stderr());
    return waits(role).filter((line) => what.test(line)).length >= 2;
  });
  expect(await role.get('/health/ready')).toMatch(what);
  expect(await role.get('/health/ready')).toContain('failing');
  expect(await role.get('/health/live')).not.toContain('failing');
}

describe.each(ROLES)('a %s', (name) => {
  test('that starts while Kafka is down waits, is ready when Kafka is back, and SIGTERM ends it meanwhile with 0', async () => {
    await takeAway();
    try {
      const [patient, stopped] = [start(name), start(name)];
      await waitsFor(stopped, /KAFKA_BROKERS: cannot reach 127\.0\.0\.1/);
      await stopped.stop();
      expect(stopped.stderr()).not.toContain('the stop takes too long');
      await bringBack();
      await patient.ready();
      await patient.stop();
    } finally {
      await bringBack();
    }
  });

  test('that gets SIGTERM while Kafka is down ends with 0, and waits for nothing', async () => {
    const role = start(name);
    await role.ready();
    await takeAway();
    try {
      await until(`${name} not to be ready`, LIMIT_MS, async () =>
        (await role.get('/health/ready')).includes('"failing"'),
      );
      await role.stop();
      expect(role.stderr()).not.toContain('the stop takes too long');
    } finally {
      await bringBack();
    }
  });

  test('that starts while the registry is down waits, and SIGTERM ends it with 0', async () => {
    const role = start(name, { SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1' });
    await waitsFor(role, /SCHEMA_REGISTRY_URL: cannot use http:\/\/127\.0\.0\.1:1/);
    await role.stop();
  });
});

test('a role waits for a broker that takes connections and says nothing, and SIGTERM ends it with 0', async () => {
  const silent: Server = createServer((socket) => socket.resume());
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  disposers.push(() => new Promise((resolve) => silent.close(resolve)));
  const address = silent.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const role = start('bridge', { KAFKA_BROKERS: `127.0.0.1:${port}` });
  await until('it to say that it waits', LIMIT_MS, () => waits(role).length >= 2);
  await role.stop();
});

test('a sink that starts while ClickHouse is down waits, and SIGTERM ends it with 0', async () => {
  const role = start('sink', { CLICKHOUSE_URL: 'http://127.0.0.1:1' });
  await waitsFor(role, /CLICKHOUSE_URL: cannot reach ClickHouse at http:\/\/127\.0\.0\.1:1/);
  await role.stop();
});

test('a role waits for topics that setup has yet to make', async () => {
  const more = { TOPIC_PREFIX: `later-${Date.now()}` };
  const role = start('fold', more);
  await waitsFor(role, /subject later-\d+\.\S+ Run `queuefold setup` first|Topic later-\d+\.\S+ does not exist/);
  await startQueuefold(['setup'], { ...env, ...more }).done();
  await role.ready();
  await role.stop();
});

describe('start', () => {
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'queuefold-waiting-start-'));
    disposers.push(() => rm(dataDir, { recursive: true }));
  });

  test('start waits for a configured part that is down, and SIGTERM ends it with 0', async () => {
    const CLICKHOUSE_URL = 'http://127.0.0.1:1';
    const running = start('start', { CLICKHOUSE_URL, DATA_DIR: dataDir });
    const what = /CLICKHOUSE_URL: cannot reach ClickHouse at http:\/\/127\.0\.0\.1:1/;
    await until('it to say twice what it waits for', LIMIT_MS, () => {
      if (/queuefold: /.test(running.stderr())) throw new Error(running.stderr());
      return waits(running).filter((line) => what.test(line)).length >= 2;
    });
    await running.stop();
  });

  test('names a taken port before it makes or waits for anything', async () => {
    const taken: Server = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    disposers.push(() => new Promise((resolve) => taken.close(resolve)));
    const address = taken.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const running = start('start', {
      CLICKHOUSE_URL: 'http://127.0.0.1:1',
      DATA_DIR: dataDir,
      HTTP_PORT: String(port),
    });
    await expect(running.done()).rejects.toThrow(new RegExp(`ended with 1\\n(.*\\n)*queuefold: HTTP_PORT: .*${port}`));
    expect(running.stderr()).not.toContain('starting: ClickHouse');
  });
});

describe('what no waiting can mend ends with 2', () => {
  let secure: SecureKafka;
  let folder: string;
  let settings: Environment;

  beforeAll(async () => {
    secure = await secureKafkaForTests({ users: ['someone'] });
    disposers.push(() => secure.dispose());
    folder = await mkdtemp(join(tmpdir(), 'queuefold-waiting-'));
    disposers.push(() => rm(folder, { recursive: true }));
    const [own, other] = [join(folder, 'ca.pem'), join(folder, 'other.pem')];
    await writeFile(own, secure.authority.cert);
    await writeFile(other, (await createAuthority('another')).cert);
    settings = {
      ...{ KAFKA_BROKERS: secure.sasl, KAFKA_SSL: 'true', KAFKA_SSL_CA_FILE: own },
      ...{ KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'someone' },
      KAFKA_SASL_PASSWORD: secure.passwordOf('someone'),
    };
  });

  test.each(ROLES)('%s: an authority that is not trusted, a wrong password', async (name) => {
    const untrusting = start(name, { ...settings, KAFKA_SSL_CA_FILE: join(folder, 'other.pem') });
    await expect(untrusting.done()).rejects.toThrow(
      /ended with 2\n(.*\n)*queuefold: KAFKA_BROKERS: cannot reach .*authority that this machine does not trust.*KAFKA_SSL_CA_FILE/,
    );
    const wrong = start(name, { ...settings, KAFKA_SASL_PASSWORD: 'wrong' });
    await expect(wrong.done()).rejects.toThrow(/ended with 2\n(.*\n)*queuefold: KAFKA_BROKERS: .*KAFKA_SASL_PASSWORD/);
  });

  test('a sink: a wrong password of ClickHouse', async () => {
    const text = 'Code: 516. DB::Exception: default: Authentication failed. (AUTHENTICATION_FAILED) (version 26.1)';
    const refusing = await answeringClickHouse(() => ({ status: 403, code: 516, text }));
    disposers.push(refusing.stop);
    await expect(start('sink', { CLICKHOUSE_URL: refusing.url }).done()).rejects.toThrow(
      /ended with 2\n(.*\n)*queuefold: ClickHouse at .* refuses the user: .*Check CLICKHOUSE_USERNAME and CLICKHOUSE_PASSWORD/,
    );
  });
});
