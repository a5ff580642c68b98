import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import {
  type Acl,
  ACL_ROLES,
  type AclRole,
  aclsOf,
  checkKafka,
  createKafkaLog,
  type KafkaConnection,
  topicDefinitions,
  topicNames,
} from '../../../src/log';
import { type Simulator, startSimulator } from '../../../src/simulator';
import { clickHouseProcess, type ClickHouseProcess } from '../../support/clickhouse/clickhouse-process';
import { aConversation } from '../../support/conversation/conversation-builders';
import { aclEntries } from '../../support/kafka/acls';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { secureKafkaForTests, type SecureKafka } from '../../support/kafka/secure-kafka';
import { readAll } from '../../support/log/read-all';
import { receiveSpans, type SpanReceiver } from '../../support/monitoring/span-receiver';
import { admitting, startHttpsFront, type HttpFront } from '../../support/network/http-front';
import { startQueuefold, type Environment, type QueuefoldProcess } from '../../support/processes/pipeline-processes';
import { outputsOf, place, placesWith, topicPlace, type Place } from '../../support/processes/places';
import { until } from '../../support/processes/until';
import { registryForTests } from '../../support/services/services';

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
const mark = (of: string): string => `marked-${run}-of-the-tests-${of}`;
const MARKED = ['registry', 'clickhouse', 'genesys', 'events', 'privacy', 'collector'];
/** What was posted has none, but is found wherever it got to. */
const POSTED = `posted-${run}`;
const logger = pino({ enabled: false });

let folder: string;
let kafka: SecureKafka;
let clickHouse: ClickHouseProcess;
let fronts: readonly [registry: HttpFront, clickHouse: HttpFront];
let simulator: Simulator;
let collector: SpanReceiver;
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
  for (const name of MARKED) await file(name, mark(name));
  await file('collector-headers', `authorization=Bearer%20${mark('collector')}`);
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
  collector = await receiveSpans();
  const stock = await createStockAdmin(kafka.superBrokers);
  await stock.admin.createAcls({ acl: ACL_ROLES.flatMap((role) => [...aclEntries(role, aclsOf(role, names))]) });
  await stock.close();
}, LONG_MS);

afterAll(async () => {
  for (const one of processes) await one.kill();
  await simulator.stop();
  await collector.close();
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
      KAFKA_SASL_USERNAME: role,
      KAFKA_SASL_PASSWORD_FILE: secret,
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
    TLS_CA_FILE: files['ca.crt'] ?? '',
    CLICKHOUSE_URL: fronts[1].url,
    CLICKHOUSE_USERNAME: 'queuefold',
    CLICKHOUSE_PASSWORD_FILE: files['clickhouse'] ?? '',
    CLICKHOUSE_DATABASE: database,
    GENESYS_CLIENT_ID: simulator.clientId,
    GENESYS_CLIENT_SECRET_FILE: files['genesys'] ?? '',
    GENESYS_LOGIN_URL: simulator.loginUrl,
    GENESYS_API_URL: simulator.apiUrl,
    EVENTS_SECRET_FILE: files['events'] ?? '',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS_FILE: files['collector-headers'] ?? '',
    TRACE_RATIO: '1',
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

async function sql(statement: string): Promise<string> {
  const answer = await fetch(clickHouse.url, { method: 'POST', body: statement });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${statement}: ${text}`);
  return text;
}

const count = async (): Promise<number> => Number(await sql(`SELECT count() FROM ${database}.queue_conversation`));

/** Every table that has rows of its own, and what ClickHouse logs itself, where it does. */
async function tablePlaces(): Promise<readonly Place[]> {
  const listed = await sql(
    "SELECT concat('`', database, '`.`', name, '`') FROM system.tables WHERE engine NOT LIKE '%View' AND " +
      "(database NOT IN ('system', 'information_schema', 'INFORMATION_SCHEMA') OR database = 'system' AND (name LIKE '%\\_log' OR " +
      "name IN ('processes', 'settings', 'server_settings', 'errors', 'mutations', 'warnings'))) FORMAT TSVRaw",
  );
  const tables = listed.split('\n').filter((table) => table !== '');
  return Promise.all(tables.map(async (table) => place(`table ${table}`, await sql(`SELECT * FROM ${table}`))));
}

/** As EventBridge posts it, with the secret in both places where it may be; and as somebody posts it who has another. */
async function postEvents(bridge: QueuefoldProcess): Promise<readonly Place[]> {
  const detail = {
    topicName: 'v2.routing.queues.Q1.conversations',
    eventBody: aConversation(POSTED).called().queued('Q1').body,
    timestamp: new Date().toISOString(),
  };
  const post = async (headers: Environment, body: string): Promise<Place> => {
    const answer = await fetch(`${bridge.url()}/events`, { method: 'POST', headers, body });
    const said = JSON.stringify([...answer.headers]);
    return place(`answer ${answer.status} to POST /events`, `${said} ${await answer.text()}`);
  };
  const secret = mark('events');
  return [
    await post({ authorization: `Bearer ${secret}` }, JSON.stringify({ id: 'aws-id', detail })),
    await post({ 'x-queuefold-secret': secret }, JSON.stringify({ detail: { ...detail, eventBody: {} } })),
    await post({ authorization: `Bearer ${secret}` }, 'no event'),
    await post({ authorization: `Bearer ${secret}x` }, '{}'),
  ];
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
  const stock = await createStockAdmin(kafka.superBrokers);
  const topics = await stock.admin.listTopics(); // Kafka's own ones, too
  await stock.close();
  const places: Place[] = [];
  for (const topic of topics) {
    places.push(topicPlace(topic, await readAll(log, topic)));
  }
  await log.close();
  return places;
}

/** What quotes a secret, by whom, where nobody catches it. */
const CRASHES: readonly (readonly [role: AclRole, secret: string, how: (error: string) => string])[] = [
  ['bridge', 'EVENTS_SECRET_FILE', (error) => `Promise.reject(new Error("x", { cause: ${error} }))`],
  ['fold', 'KAFKA_SASL_PASSWORD_FILE', (error) => `throw new AggregateError([${error}], ${error}.message)`],
  ['sink', 'CLICKHOUSE_PASSWORD_FILE', (error) => `throw Object.assign(${error}, { syscall: "x" })`],
];

async function crashed([role, secret, how]: (typeof CRASHES)[number]): Promise<readonly Place[]> {
  const error = `new Error(require("fs").readFileSync(process.env.${secret},"utf8"))`;
  // Not before the program is there to say what ends it; one that never is crashes in its own way, in the end.
  const isListening = 'process.listenerCount("uncaughtException") > 0';
  const crash = `const crash = () => (${isListening} ? setTimeout(() => { ${how(error)} }, 1000) : setTimeout(crash, 100));`;
  const hook = await file(`crash-${role}.cjs`, `${crash} crash();`);
  const crashing = start(role, [role], { NODE_OPTIONS: `--require=${hook}` });
  await expect(crashing.done()).rejects.toThrow('ended with 1');
  expect(crashing.stderr()).toContain('an unexpected error ends the process');
  return outputsOf('crash', crashing);
}

const secrets = (): readonly string[] => [
  ...MARKED.map(mark),
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
    const [bridge] = roles;
    if (bridge === undefined) throw new Error('no bridge');
    const answers = await postEvents(bridge);
    expect(answers.map(({ name }) => name)).toEqual(
      [200, 400, 400, 401].map((status) => `answer ${status} to POST /events`),
    );
    places.push(...answers);
    await until('the table, with what was posted', LIMIT_MS, async () => (await count()) === live + 1);
    const erase = start('erase', ['erase', '--conversation', 'of nobody', '--yes']);
    await erase.done();
    expect(JSON.parse(erase.stdout())).toMatchObject({ erased: ['of nobody'], remaining: {} });
    places.push(...commandLines());
    for (const role of roles) {
      places.push(place(`metrics of ${role.name}`, await role.get('/metrics')));
      places.push(place(`health of ${role.name}`, await role.get('/health/ready')));
      await role.stop();
    }
    const rebuild = start('rebuild');
    await rebuild.done();
    const recording = join(__dirname, '..', '..', 'fixtures', 'cases', '04-answered.input.ndjson');
    const replay = start('replay', ['replay', recording, '--log', 'kafka']);
    await replay.done();
    expect(replay.stdout()).not.toBe('');
    places.push(...[setup, ...roles, erase, rebuild, replay].flatMap((one) => outputsOf('first', one)));
    const [topics, tables] = [await topicPlaces(), await tablePlaces()];
    for (const kind of [topics, tables]) expect(placesWith([POSTED], kind)).not.toEqual([]);
    const traces = collector.requests.map(({ path, body }) => place(`trace to ${path}`, body));
    const headers = collector.requests.map((request) => request.headers.authorization);
    expect([...new Set(headers)]).toEqual([`Bearer ${mark('collector')}`]);
    places.push(...topics, ...tables, ...traces);
  }, 600_000);

  test('the doctor finds nothing amiss for any of them', async () => {
    for (const role of ACL_ROLES.filter((one) => one !== 'replay')) {
      const doctor = start(role, ['doctor', '--role', role]);
      await doctor.done();
      expect(doctor.stdout()).not.toMatch(/^(failed|warning) +kafka/m);
      const json = start(role, ['doctor', '--role', role, '--json']);
      await json.done();
      expect(JSON.parse(json.stdout())).toMatchObject({ checks: expect.any(Array) });
      places.push(...[doctor, json].flatMap((one) => outputsOf(role, one)));
    }
  }, 600_000);

  test('no secret is in a log, a metric, the configuration that is printed, a crash, a command line, a trace, an answer, a topic or a table', async () => {
    const config = start('sink', ['config']);
    const json = start('bridge', ['config', '--json']);
    await Promise.all([config.done(), json.done()]);
    expect(config.stdout()).toMatch(/^KAFKA_SSL_KEY +\*{8} +file /m);
    places.push(...[config, json].flatMap((one) => outputsOf('config', one)));

    places.push(...(await Promise.all(CRASHES.map((crash) => crashed(crash)))).flat());

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
