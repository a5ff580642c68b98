import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { startSimulator, type Simulator } from '../../src/genesys/simulator';
import { ACL_ROLES, aclsOf, type Acl, type AclRole } from '../../src/log/acls';
import type { KafkaConnection } from '../../src/log/kafkajs/client';
import { checkKafka } from '../../src/log/kafkajs/doctor';
import { createKafkaLog } from '../../src/log/kafkajs/log';
import { topicDefinitions, topicNames } from '../../src/log/topics';
import { readAll } from '../chaos/expected';
import { until } from '../chaos/until';
import { clickHouseProcess, type ClickHouseProcess } from '../support/clickhouse-process';
import { admitting, startHttpsFront, type HttpFront } from '../support/http-front';
import { aclEntries } from '../support/log/acls';
import { createStockAdmin } from '../support/log/kafka-admin';
import { startQueuefold, type Environment, type QueuefoldProcess } from '../support/pipeline-processes';
import { outputsOf, place, placesWith, topicPlace, type Place } from '../support/places';
import { secureKafkaForTests, type SecureKafka } from '../support/secure-kafka';
import { registryForTests } from '../support/services';

/**
 * Every role with a user of its own, which may do what the documentation says and nothing else, over TLS everywhere; and
 * every secret with a mark that is looked for wherever somebody could see it.
 */

const LIMIT_MS = 120_000;
const LONG_MS = 600_000;
const run = randomBytes(4).toString('hex');
const prefix = `secure-${run}`;
const names = topicNames(prefix);
const database = `secure_${run}`;
const mark = (of: string): string => `marked${run}${of}`;
const MARKS = ['registry', 'clickhouse', 'genesys', 'events', 'privacy'].map(mark);
const logger = pino({ enabled: false });

let folder: string;
let kafka: SecureKafka;
let clickHouse: ClickHouseProcess;
let fronts: readonly [registry: HttpFront, clickHouse: HttpFront];
let simulator: Simulator;
const files: Record<string, string> = {};
const processes: QueuefoldProcess[] = [];

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `${text}\n`, { mode: 0o600 });
  files[name] = path;
  return path;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'queuefold-security-'));
  kafka = await secureKafkaForTests({ users: ACL_ROLES });
  const { cert, key } = await kafka.authority.issue({ name: 'sink' });
  await file('sink.crt', cert);
  await file('sink.key', key);
  await file('ca.crt', kafka.authority.cert);
  for (const name of ['registry', 'clickhouse', 'genesys', 'events', 'privacy']) await file(name, mark(name));
  for (const role of ACL_ROLES) await file(`kafka-${role}`, kafka.passwordOf(role));

  clickHouse = await clickHouseProcess(join(folder, 'clickhouse-data'));
  const server = await kafka.authority.issue({ name: 'server' });
  const { url } = await registryForTests();
  fronts = [
    await startHttpsFront({ ...server, target: url, admits: admitting('queuefold', mark('registry')) }),
    await startHttpsFront({ ...server, target: clickHouse.url, admits: admitting('queuefold', mark('clickhouse')) }),
  ];
  simulator = await startSimulator({
    queues: 4,
    speed: 60,
    conversationsPerSecond: 0.5,
    seed: 3,
    clientSecret: mark('genesys'),
    startPaused: true,
  });
  const stock = await createStockAdmin(kafka.superBrokers);
  await stock.admin.createAcls({ acl: ACL_ROLES.flatMap((role) => [...aclEntries(role, aclsOf(role, names))]) });
  await stock.close();
}, LONG_MS);

afterAll(async () => {
  for (const one of processes) await one.kill();
  await simulator.stop();
  for (const front of fronts) await front.stop();
  await clickHouse.stop();
  await kafka.dispose();
  await rm(folder, { recursive: true, force: true });
}, LONG_MS);

/** As each comes to Kafka: with a token, a certificate or a password. */
function kafkaOf(role: AclRole): Environment {
  const secret = files[`kafka-${role}`] ?? '';
  const tls = { KAFKA_SSL: 'true', KAFKA_SSL_CA_FILE: files['ca.crt'] ?? '' };
  if (role === 'sink') {
    const own = { KAFKA_SSL_CERT_FILE: files['sink.crt'] ?? '', KAFKA_SSL_KEY_FILE: files['sink.key'] ?? '' };
    return { ...tls, ...own, KAFKA_BROKERS: kafka.ssl };
  }
  if (role === 'bridge') {
    return {
      ...tls,
      KAFKA_BROKERS: kafka.sasl,
      KAFKA_SASL_MECHANISM: 'oauthbearer',
      KAFKA_SASL_OAUTH_TOKEN_URL: kafka.tokens.tokenUrl,
      KAFKA_SASL_OAUTH_CLIENT_ID: role,
      KAFKA_SASL_OAUTH_CLIENT_SECRET_FILE: secret,
    };
  }
  const user = { KAFKA_SASL_USERNAME: role, KAFKA_SASL_PASSWORD_FILE: secret };
  return { ...tls, ...user, KAFKA_BROKERS: kafka.sasl, KAFKA_SASL_MECHANISM: 'plain' };
}

function environmentOf(role: AclRole): Environment {
  return {
    ...kafkaOf(role),
    SCHEMA_REGISTRY_URL: fronts[0].url,
    SCHEMA_REGISTRY_USERNAME: 'queuefold',
    SCHEMA_REGISTRY_PASSWORD_FILE: files['registry'] ?? '',
    SCHEMA_REGISTRY_SSL_CA_FILE: files['ca.crt'] ?? '',
    CLICKHOUSE_URL: fronts[1].url,
    CLICKHOUSE_USERNAME: 'queuefold',
    CLICKHOUSE_PASSWORD_FILE: files['clickhouse'] ?? '',
    CLICKHOUSE_SSL_CA_FILE: files['ca.crt'] ?? '',
    CLICKHOUSE_DATABASE: database,
    GENESYS_CLIENT_ID: simulator.clientId,
    GENESYS_CLIENT_SECRET_FILE: files['genesys'] ?? '',
    GENESYS_LOGIN_URL: simulator.loginUrl,
    GENESYS_API_URL: simulator.apiUrl,
    EVENTS_SECRET_FILE: files['events'] ?? '',
    PRIVACY_MASK: 'ani,dnis,subject',
    PRIVACY_KEY_FILE: files['privacy'] ?? '',
    TOPIC_PREFIX: prefix,
    PARTITIONS: '2',
    REPLICATION_FACTOR: '1',
    SINK_FLUSH_MS: '100',
    LOG_LEVEL: 'trace',
    HTTP_PORT: '0',
    HTTP_HOST: '127.0.0.1',
    DATA_DIR: folder,
  };
}

function start(role: AclRole, args: readonly string[] = [role], more: Environment = {}): QueuefoldProcess {
  const started = startQueuefold(args, { ...environmentOf(role), ...more });
  processes.push(started);
  return started;
}

async function count(): Promise<number> {
  const answer = await fetch(clickHouse.url, {
    method: 'POST',
    body: `SELECT count() FROM ${database}.queue_conversation`,
  });
  return Number(await answer.text());
}

const commandLines = (): readonly Place[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [place(`command line of ${pid}`, readFileSync(join('/proc', pid, 'cmdline')))];
      } catch {
        return []; // it has ended
      }
    });

async function topicPlaces(): Promise<readonly Place[]> {
  const log = createKafkaLog({ brokers: kafka.superBrokers, clientId: 'security', logger });
  const places: Place[] = [];
  for (const { topic } of topicDefinitions(names, 1)) {
    places.push(topicPlace(topic, [...(await readAll(log, topic)).values()].flat()));
  }
  await log.close();
  return places;
}

const secrets = (): readonly string[] => [
  ...MARKS,
  ...ACL_ROLES.map((role) => kafka.passwordOf(role)),
  // The middle of the key, in one line.
  readFileSync(files['sink.key'] ?? '', 'utf8').split('\n')[1] ?? '',
];

describe('over TLS, with a user and the documented ACLs for each', () => {
  const places: Place[] = [];

  test('every role does its work', async () => {
    const setup = start('setup');
    await setup.done();
    const roles = [start('bridge'), start('fold'), start('sink')];
    for (const role of roles) await role.ready();
    simulator.resume();
    await until('conversations', LIMIT_MS, () => simulator.truth().events >= 60);
    simulator.pause();
    const live = simulator.truth().conversations.length;
    expect(live).toBeGreaterThan(0);
    await until('the table', LIMIT_MS, async () => (await count()) === live);
    places.push(...commandLines());
    for (const role of roles) {
      places.push(place(`metrics of ${role.name}`, await role.get('/metrics')));
      places.push(place(`health of ${role.name}`, await role.get('/health/ready')));
      await role.stop();
    }
    const rebuild = start('rebuild');
    await rebuild.done();
    const recording = join(__dirname, '..', 'fixtures', 'cases', '04-answered.input.ndjson');
    const replay = start('replay', ['replay', recording, '--log', 'kafka']);
    await replay.done();
    expect(replay.stdout()).not.toBe('');
    places.push(...[setup, ...roles, rebuild, replay].flatMap((one) => outputsOf('first', one)));
    places.push(...(await topicPlaces()));
  }, 600_000);

  test('the doctor finds nothing amiss for any of them', async () => {
    for (const role of ACL_ROLES.filter((one) => one !== 'replay')) {
      const doctor = start(role, ['doctor', '--role', role]);
      await doctor.done();
      expect(doctor.stdout()).not.toMatch(/^(failed|warning) +kafka/m);
      places.push(...outputsOf(role, doctor));
    }
  }, 600_000);

  test('no secret is in a log, a metric, the configuration that is printed, a crash, a command line or a topic', async () => {
    const config = start('sink', ['config']);
    const json = start('bridge', ['config', '--json']);
    await Promise.all([config.done(), json.done()]);
    expect(config.stdout()).toMatch(/^KAFKA_SSL_KEY +\*{8} +file /m);
    places.push(...[config, json].flatMap((one) => outputsOf('config', one)));

    // An error that quotes a secret, where nobody catches it.
    const thrown = `setTimeout(()=>{throw Object.assign(new Error(require("fs").readFileSync(process.env.CLICKHOUSE_PASSWORD_FILE,"utf8")),{syscall:"x"})},2000)`;
    const hook = join(folder, 'crash.cjs');
    await writeFile(hook, thrown);
    const crashing = start('sink', ['sink'], { NODE_OPTIONS: `--require=${hook}` });
    await expect(crashing.done()).rejects.toThrow('ended with 1');
    expect(crashing.stderr()).toContain('an error that nobody expected ends the process');
    places.push(...outputsOf('crash', crashing));

    // What is looked for is found where it may be, and there is something to be found in.
    expect(placesWith([mark('registry')], [place('its file', readFileSync(files['registry'] ?? ''))])).toHaveLength(1);
    expect(places.filter(({ bytes }) => bytes.length > 0).length).toBeGreaterThan(20);
    expect(placesWith(secrets(), places)).toEqual([]);
  }, 600_000);
});

describe('without one of them', () => {
  const roles = ACL_ROLES.filter((role) => role !== 'replay');

  test.each(roles)(
    'the doctor says what %s lacks',
    async (role) => {
      const stock = await createStockAdmin(kafka.superBrokers);
      const connection: KafkaConnection = {
        ...{ brokers: [kafka.sasl], clientId: 'doctor', logger },
        ssl: { ca: kafka.authority.cert, cert: undefined, key: undefined },
        sasl: { mechanism: 'plain', username: role, password: kafka.passwordOf(role) },
      };
      const definitions = topicDefinitions(names, 1);
      const look = () =>
        checkKafka({ connection, names, definitions, partitions: 2, replicationFactor: 1, roles: [role] });
      const isMissed = async ({ name, resource }: Acl, operation: string): Promise<boolean> => {
        const failed = (await look()).filter(({ outcome }) => outcome === 'failed');
        return failed.some(
          ({ remedy }) =>
            remedy?.includes(`--operation ${operation} `) === true && remedy.endsWith(`--${resource} ${name}`),
        );
      };
      for (const acl of aclsOf(role, names)) {
        for (const operation of acl.operations) {
          const [entry] = aclEntries(role, [{ ...acl, operations: [operation] }]);
          if (entry === undefined) throw new Error('no entry');
          await stock.admin.deleteAcls({ filters: [entry] });
          await until(`${role} to lack ${operation} on ${acl.name}`, LIMIT_MS, () => isMissed(acl, operation));
          await stock.admin.createAcls({ acl: [entry] });
        }
      }
      await until(`${role} to have everything again`, LIMIT_MS, async () =>
        (await look()).every(({ outcome }) => outcome !== 'failed'),
      );
      await stock.close();
    },
    600_000,
  );
});
