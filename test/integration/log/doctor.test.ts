import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { AclOperationTypes, AclPermissionTypes, AclResourceTypes } from 'kafkajs';
import { pino } from 'pino';
import type { Findings } from '../../../src/common';
import { registerSchema, type RegistryOptions } from '../../../src/log/codec/registry';
import { checkRegistry } from '../../../src/log/codec/registry-doctor';
import { loadSchema, type AvroSchema } from '../../../src/log/codec/schemas';
import { createKafkaAdmin } from '../../../src/log/kafkajs/admin/admin';
import { kafkajs } from '../../../src/log/kafkajs/client';
import { checkKafka } from '../../../src/log/kafkajs/doctor';
import { createKafkaLog } from '../../../src/log/kafkajs/log';
import { topicDefinitions, topicNames, type TopicNames } from '../../../src/log/topics';
import { createMetrics } from '../../../src/ops';
import { startGenesysFront } from '../../support/genesys/genesys-front';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { kafkaForTests, ownKafkaForTests, registryForTests } from '../../support/services/services';

const logger = pino({ enabled: false });
let prefixes = 0;
const ownNames = (): TopicNames => topicNames(`doctor-${Date.now().toString(36)}-${(prefixes += 1)}`);

const optionsFor = (brokers: readonly string[], names: TopicNames, replicationFactor = 1) => ({
  connection: { brokers, clientId: 'doctor-test', logger },
  names,
  definitions: topicDefinitions(names, 1),
  partitions: 3,
  replicationFactor,
});

async function setUp(brokers: readonly string[], names: TopicNames): Promise<void> {
  const { definitions, partitions, replicationFactor, connection } = optionsFor(brokers, names);
  const admin = await createKafkaAdmin(connection);
  await admin.setupTopics({ definitions, partitions, replicationFactor, dryRun: false });
  await admin.close();
  // A partition whose leader was elected a moment ago is refused by it for another moment.
  const log = createKafkaLog({ ...connection, metrics: createMetrics() });
  const { events, state, changelog, deadLetters, names: namesTopic } = names;
  for (const topic of [events, state, changelog, deadLetters, namesTopic]) await log.endOffsets(topic);
  await log.close();
}

function finding(findings: Findings, name: string) {
  const found = findings.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no finding ${name} among ${JSON.stringify(findings)}`);
  return found;
}

const others = (findings: Findings, ...names: string[]) =>
  findings.filter(({ name, outcome }) => outcome !== 'ok' && !names.includes(name));

describe('a doctor at Kafka', () => {
  let brokers: readonly string[] = [];
  beforeAll(async () => {
    brokers = (await kafkaForTests()).brokers;
  });

  test('finds all well after setup, and writes nothing', async () => {
    const names = ownNames();
    await setUp(brokers, names);
    const findings = await checkKafka(optionsFor(brokers, names));
    expect(others(findings)).toEqual([]);
    expect(finding(findings, `kafka topic ${names.state}`).detail).toBe('3 partitions, 1 replica, settings as wanted');
    expect(finding(findings, `kafka topic ${names.names}`).detail).toBe('1 partition, 1 replica, settings as wanted');
    const { admin, close } = await createStockAdmin(brokers);
    for (const topic of [names.events, names.state, names.changelog, names.deadLetters]) {
      expect((await admin.fetchTopicOffsets(topic)).map(({ high }) => high)).toEqual(['0', '0', '0']);
    }
    await close();
  });

  test('misses topics that were not set up', async () => {
    const names = ownNames();
    const findings = await checkKafka(optionsFor(brokers, names));
    const wanted = { outcome: 'failed', detail: 'does not exist', remedy: 'Run `queuefold setup`.' };
    for (const topic of [names.events, names.state, names.changelog, names.deadLetters]) {
      expect(finding(findings, `kafka topic ${topic}`)).toMatchObject(wanted);
    }
  });

  test('says which setting of which topic is wrong, and what setup could do about it', async () => {
    const names = ownNames();
    await setUp(brokers, names);
    const stock = await createStockAdmin(brokers);
    await stock.alterTopic(names.state, { 'cleanup.policy': 'delete' });
    await stock.alterTopic(names.deadLetters, { 'retention.ms': '1000', 'max.message.bytes': '8388608' });
    await stock.close();
    const until = async (): Promise<Findings> => {
      const findings = await checkKafka(optionsFor(brokers, names));
      return others(findings).length === 2 ? findings : until();
    };
    const findings = await until();
    const state = finding(findings, `kafka topic ${names.state}`);
    expect(state.outcome).toBe('failed');
    expect(state.detail).toContain('cleanup.policy is delete, not compact');
    expect(finding(findings, `kafka topic ${names.deadLetters}`)).toMatchObject({
      outcome: 'warning',
      detail: expect.stringContaining('retention.ms from 1000 to 604800000'),
      remedy: 'Run `queuefold setup`.',
    });
  });

  test('sees another number of partitions, and fewer replicas and brokers than wanted', async () => {
    const names = ownNames();
    await setUp(brokers, names);
    const findings = await checkKafka({ ...optionsFor(brokers, names, 2), partitions: 3 });
    expect(finding(findings, 'kafka brokers')).toMatchObject({
      outcome: 'failed',
      detail: '1 broker, fewer than REPLICATION_FACTOR 2',
    });
    expect(finding(findings, `kafka topic ${names.events}`)).toMatchObject({ outcome: 'warning' });
    const more = await checkKafka({ ...optionsFor(brokers, names), partitions: 4 });
    expect(finding(more, `kafka topic ${names.events}`).detail).toContain('has 3 partitions, not 4');
  });

  test('fails where a topic takes smaller records than are written: its own limit, or the broker’s', async () => {
    const names = ownNames();
    await setUp(brokers, names);
    const stock = await createStockAdmin(brokers);
    await stock.alterTopic(names.state, { 'cleanup.policy': 'compact', 'max.message.bytes': '2000000' });
    // None of its own: the broker's is in force, which is Kafka's default here.
    await stock.alterTopic(names.events, { 'retention.ms': '604800000' });
    await stock.close();
    const until = async (): Promise<Findings> => {
      const findings = await checkKafka(optionsFor(brokers, names));
      return others(findings).length === 2 ? findings : until();
    };
    const findings = await until();
    for (const [topic, now] of [
      [names.state, '2000000'],
      [names.events, '1048588'],
    ] as const) {
      expect(finding(findings, `kafka topic ${topic}`)).toMatchObject({
        outcome: 'failed',
        detail: expect.stringContaining(`max.message.bytes from ${now} to 8388608`) as unknown,
        remedy: 'Run `queuefold setup`.',
      });
    }
  });

  test('ends when no broker is there, and skips the rest', async () => {
    const names = ownNames();
    const [first, ...rest] = await checkKafka(optionsFor(['127.0.0.1:1'], names));
    expect(first).toMatchObject({
      outcome: 'failed',
      detail: 'KAFKA_BROKERS: cannot use 127.0.0.1:1 (connect ECONNREFUSED 127.0.0.1:1)',
    });
    expect(rest).toHaveLength(10);
    expect(new Set(rest.map(({ outcome }) => outcome))).toEqual(new Set(['skipped']));
  });

  test('ends when a broker never answers', async () => {
    const accepted: Socket[] = [];
    const server = createServer((socket) => accepted.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const [first] = await checkKafka(optionsFor([`127.0.0.1:${port}`], ownNames()));
    expect(first).toMatchObject({
      name: 'kafka brokers',
      outcome: 'failed',
      detail: expect.stringContaining('no answer in'),
    });
    for (const socket of accepted) socket.destroy();
    server.close();
  });
});

describe('a doctor at a Kafka of its own', () => {
  let stop: (() => Promise<void>) | null = null;
  afterEach(async () => {
    await stop?.();
    stop = null;
  });

  test('names the advertised address that this machine does not reach', async () => {
    const kafka = await ownKafkaForTests({ overrides: { 'advertised.listeners': 'PLAINTEXT://127.0.0.1:1' } });
    stop = kafka.dispose;
    const findings = await checkKafka(optionsFor(kafka.brokers, ownNames()));
    expect(finding(findings, 'kafka brokers').outcome).toBe('ok');
    const listener = finding(findings, 'kafka broker 1');
    expect(listener).toMatchObject({ outcome: 'failed', remedy: expect.stringContaining('advertised.listeners') });
    expect(listener.detail).toContain('advertises 127.0.0.1:1, which does not answer');
    expect(finding(findings, 'kafka transactions').outcome).toBe('skipped');
  });

  test('names the operations that are not permitted', async () => {
    const kafka = await ownKafkaForTests({
      overrides: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'allow.everyone.if.no.acl.found': true,
      },
    });
    stop = kafka.dispose;
    const names = ownNames();
    await setUp(kafka.brokers, names);
    const { AclOperationTypes: operations, ResourcePatternTypes, ...acl } = kafkajs();
    const rule = (
      resourceType: AclResourceTypes,
      resourceName: string,
      operation: AclOperationTypes,
      permissionType: AclPermissionTypes,
    ) => ({
      ...{ resourceType, resourceName, operation, permissionType },
      resourcePatternType: ResourcePatternTypes.LITERAL,
      principal: 'User:ANONYMOUS',
      host: '*',
    });
    const { ALLOW, DENY } = acl.AclPermissionTypes;
    const { TOPIC, GROUP, TRANSACTIONAL_ID } = acl.AclResourceTypes;
    const stock = await createStockAdmin(kafka.brokers);
    await stock.admin.createAcls({
      acl: [
        rule(TOPIC, names.events, operations.ALL, ALLOW),
        rule(TOPIC, names.events, operations.WRITE, DENY),
        rule(TOPIC, names.state, operations.ALL, ALLOW),
        rule(TOPIC, names.state, operations.READ, DENY),
        rule(TOPIC, names.changelog, operations.DESCRIBE, DENY),
        rule(GROUP, names.sinkGroup, operations.READ, DENY),
        rule(TRANSACTIONAL_ID, `${names.foldGroup}-doctor`, operations.WRITE, DENY),
      ],
    });
    await stock.close();
    const until = async (): Promise<Findings> => {
      const findings = await checkKafka(optionsFor(kafka.brokers, names));
      const isKnown = finding(findings, `kafka topic ${names.changelog}`).detail.endsWith('Read, Write');
      return isKnown && others(findings).length === 5 ? findings : until();
    };
    const findings = await until();
    expect(finding(findings, `kafka topic ${names.events}`)).toMatchObject({
      outcome: 'failed',
      detail: 'not permitted: Write',
      remedy: `Allow it: kafka-acls.sh --add --allow-principal User:… --operation Write --topic ${names.events}`,
    });
    expect(finding(findings, `kafka topic ${names.state}`).detail).toBe('not permitted: Read');
    expect(finding(findings, `kafka topic ${names.changelog}`).detail).toBe('not permitted: Read, Write');
    expect(finding(findings, `kafka topic ${names.deadLetters}`).outcome).toBe('ok');
    expect(finding(findings, `kafka group ${names.sinkGroup}`).outcome).toBe('failed');
    expect(finding(findings, `kafka group ${names.foldGroup}`).outcome).toBe('ok');
    expect(finding(findings, 'kafka transactions').outcome).toBe('failed');
  });
});

describe('a doctor at the schema registry', () => {
  const stops: (() => Promise<void>)[] = [];
  let registry: RegistryOptions = { url: '', logger };
  beforeAll(async () => {
    registry = { ...(await registryForTests()), logger };
  });
  afterAll(async () => {
    for (const close of stops) await close();
  });

  const current = loadSchema('queue-conversation');
  const ownSubject = () => `${ownNames().state}-value`;
  const look = (subject: string, schema: AvroSchema = current, options: Partial<RegistryOptions> = {}) =>
    checkRegistry({ registry: { ...registry, ...options }, subjects: [{ subject, schema }] });
  const withField = (field: object): AvroSchema => {
    const schema = JSON.parse(current.text) as { fields: object[] };
    return { ...current, text: JSON.stringify({ ...schema, fields: [...schema.fields, field] }) };
  };

  test('finds this version’s schema, and how compatible the next one has to be', async () => {
    const subject = ownSubject();
    await registerSchema(registry, subject, current, 'apply');
    const [reached, own] = await look(subject);
    expect(reached).toMatchObject({ outcome: 'ok', detail: `answers at ${registry.url}` });
    expect(own).toMatchObject({ outcome: 'ok', remedy: null });
    expect(own?.detail).toMatch(/^this version’s schema is registered, id \d+, FULL_TRANSITIVE$/);
  });

  test('tells a subject without a schema from one with another, and one that fits from one that does not', async () => {
    const [, none] = await look(ownSubject());
    expect(none).toMatchObject({ outcome: 'failed', detail: 'has no schema yet', remedy: 'Run `queuefold setup`.' });
    const subject = ownSubject();
    await registerSchema(registry, subject, current, 'apply');
    const [, fits] = await look(subject, withField({ name: 'new', type: ['null', 'string'], default: null }));
    expect(fits).toMatchObject({ outcome: 'failed', remedy: 'Run `queuefold setup`.' });
    expect(fits?.detail).toContain('compatible with the latest');
    const [, refused] = await look(subject, withField({ name: 'needed', type: 'string' }));
    expect(refused).toMatchObject({ outcome: 'failed', detail: expect.stringContaining('is not compatible') });
  });

  test('warns of a compatibility that lets anything in', async () => {
    const subject = ownSubject();
    await registerSchema(registry, subject, current, 'apply');
    await fetch(`${registry.url}/config/${subject}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ compatibility: 'NONE' }),
    });
    const [, own] = await look(subject);
    expect(own).toMatchObject({ outcome: 'warning', detail: expect.stringContaining('its compatibility is NONE') });
  });

  test.each([
    [401, 'refuses queuefold (HTTP 401)', 'Check SCHEMA_REGISTRY_USERNAME'],
    [404, 'answers HTTP 404 to GET /subjects, not a list', '/apis/ccompat/v7'],
    [200, 'answers HTTP 200 to GET /subjects, not a list', '/apis/ccompat/v7'],
  ])('an answer of %d to the first question fails, and the rest is skipped', async (status, detail, remedy) => {
    const front = await startGenesysFront(registry.url, () => ({ status, body: 'Hello' }));
    stops.push(front.stop);
    const [reached, own] = await look('x', current, { url: front.url });
    expect(reached).toMatchObject({ outcome: 'failed', detail: `${front.url} ${detail}` });
    expect(reached?.remedy).toContain(remedy);
    expect(own).toMatchObject({ outcome: 'skipped' });
  });

  test('a registry that is not there is named', async () => {
    const [reached] = await look('x', current, { url: 'http://127.0.0.1:2' });
    expect(reached?.detail).toBe('SCHEMA_REGISTRY_URL: cannot reach http://127.0.0.1:2 (ECONNREFUSED)');
  });

  test('a read-only registry is a warning', async () => {
    const front = await startGenesysFront(registry.url, (_, path) =>
      path === '/mode'
        ? { status: 200, body: { mode: 'READONLY' } }
        : path === '/subjects'
          ? { status: 200, body: [] }
          : null,
    );
    stops.push(front.stop);
    expect((await look('x', current, { url: front.url }))[0]).toMatchObject({
      outcome: 'warning',
      detail: expect.stringContaining('mode READONLY'),
    });
  });
});
