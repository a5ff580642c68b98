import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { startBridgeRole } from '../../../src/bridge';
import { loadConfig } from '../../../src/config';
import { startFoldRole } from '../../../src/fold';
import { createEventCodec, createRowCodec, readStateRecord } from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { startSimulator, type Simulator } from '../../../src/simulator';
import { connectKafka } from '../../../src/wiring';
import { aConversation } from '../../support/conversation/conversation-builders';
import { readLine } from '../../support/conversation/read-line';
import { startGenesysFront } from '../../support/genesys/genesys-front';
import { readAll } from '../../support/log/read-all';
import {
  type Gateway,
  startGateway,
  startQueuefold,
  type Environment,
} from '../../support/processes/pipeline-processes';
import { until } from '../../support/processes/until';
import { kafkaForTests, registryForTests } from '../../support/services/services';

/** A bridge and a fold on a real Kafka, and what others put in their way. */
const LIMIT_MS = 120_000;
const FIXTURE = join(__dirname, '..', '..', 'fixtures', 'genesys', 'late-second-socket.input.ndjson');
const ID = 'b1000000-0000-4000-8000-000000000002';
const disposers: (() => Promise<unknown>)[] = [];
let env: Environment;

/** The notifications of the fixture: connected, parked, connected, and the parked one again. */
const frames = readFileSync(FIXTURE, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => (JSON.parse(line) as { event: { eventBody: unknown } }).event);

beforeAll(async () => {
  env = {
    KAFKA_BROKERS: (await kafkaForTests()).brokers.join(),
    SCHEMA_REGISTRY_URL: (await registryForTests()).url,
    ...{ REPLICATION_FACTOR: '1', PARTITIONS: '2', TOPIC_PREFIX: `trust-${Date.now()}` },
  };
  await startQueuefold(['setup'], env).done();
});
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});

/** A simulated organisation, in front of which stands who answers for one conversation and adds frames to the sockets. */
async function anOrganisation() {
  const added: string[] = [];
  const asked: string[] = [];
  const requested: string[] = [];
  const simulator: Simulator = await startSimulator({ seed: 7, queues: 1, speed: 20, conversationsPerSecond: 0.05 });
  disposers.push(simulator.stop);
  const gateway: Gateway = await startGateway(simulator, (frame) => [frame, ...added.splice(0)]);
  disposers.push(gateway.stop);
  const front = await startGenesysFront(gateway.url, (method, path) => {
    requested.push(path);
    if (method !== 'GET' || path !== `/api/v2/conversations/${ID}`) return null;
    asked.push(path);
    return { status: 200, body: frames[2]?.eventBody };
  });
  disposers.push(front.stop);
  return { simulator, front, asked, requested, send: (frame: unknown) => void added.push(JSON.stringify(frame)) };
}

async function start() {
  const organisation = await anOrganisation();
  const { simulator, front } = organisation;
  const [config, logger, metrics] = [loadConfig({ env }), pino({ level: 'silent' }), createMetrics()];
  const connected = connectKafka(config, logger, metrics);
  disposers.push(() => connected.log.close());
  const parts = { config, logger, metrics, ...connected };
  const fold = await startFoldRole(parts);
  disposers.push(() => fold.stop());
  const credentials = { clientId: simulator.clientId, clientSecret: simulator.clientSecret };
  const genesys = { credentials, urls: { loginUrl: front.url, apiUrl: front.url } };
  const bridge = await startBridgeRole({ ...parts, genesys });
  disposers.push(() => bridge.stop());
  const states = async (id = ID): Promise<readonly (string | null)[]> => {
    const { log, schemas, topics } = connected;
    const codec = await createRowCodec(schemas, topics);
    const records = (await readAll(log, topics.state)).filter(({ key }) => String(key) === id);
    await codec.prepare(records.map(({ value }) => value));
    return records.map((record) => readStateRecord(record, codec).row?.state ?? null);
  };
  const value = async (name: string): Promise<string> => metrics.registry.getSingleMetricAsString(`queuefold_${name}`);
  return { ...organisation, ...connected, bridge, states, value };
}

describe('a bridge', () => {
  test('reads over what it cannot read in the state topic, and takes in events all the same', async () => {
    // A fold that has never run refuses a table that has records: they come when it has one.
    const { log, topics, bridge: earlier } = await start();
    await until('rows in each partition', LIMIT_MS, async () =>
      [...(await log.endOffsets(topics.state)).values()].every((end) => end > 0),
    );
    await earlier.stop();
    const producer = await log.createProducer();
    const unknownSchema = Buffer.from([0, 0x7f, 0xff, 0xff, 0xf0, 1, 2]);
    for (const value of [Buffer.from('garbage'), unknownSchema]) {
      await producer.send([{ topic: topics.state, key: `unreadable-${value.length}`, value }]);
    }
    await producer.close();
    const { bridge, value } = await start();
    await until('the table to be read', LIMIT_MS, async () => / 1\n?$/.test(await value('bridge_table_read')));
    await until('rows beside them', LIMIT_MS, () => [...bridge.rows()].length > 0);
    const counted = await value('bridge_unreadable_rows_total');
    expect(counted).toMatch(/reason="not-avro"\} 1/);
    expect(counted).toMatch(/reason="unknown-schema"\} 1/);
  });

  test('ends a row whose receive time another writer put into the future, and asks for it once or twice', async () => {
    const id = 'b1000000-0000-4000-8000-00000000f00d';
    const { bridge: earlier, log, schemas, topics, states } = await start();
    await until('the queues', LIMIT_MS, () => earlier.queueNames().size > 0);
    const [queueId = ''] = earlier.queueNames().keys();
    await earlier.stop();
    const events = await createEventCodec(schemas, topics);
    const read = readLine(Buffer.from(JSON.stringify(aConversation(id).called().queued(queueId).body)), 0);
    if (read?.kind !== 'event') throw new Error('no event');
    const receivedAt = Date.now() + 6 * 3_600_000;
    const producer = await log.createProducer();
    const value = events.encode({ ...read.event, receivedAt });
    await producer.send([{ topic: topics.events, key: id, value }]);
    await producer.close();
    await until('its row', LIMIT_MS, async () => (await states(id)).length > 0);

    const { bridge, requested, value: metric } = await start();
    const hasRow = (): boolean => [...bridge.rows()].some((row) => row.conversation_id === id);
    await until('the row to be read', LIMIT_MS, hasRow);
    await until('the row to be gone', LIMIT_MS, () => !hasRow());
    // Longer than what was overtaken waits before it is asked for again.
    await sleep(15_000);
    expect(requested.filter((path) => path === `/api/v2/conversations/${id}`).length).toBeLessThanOrEqual(2);
    expect(await metric('bridge_reconciliations_total')).toMatch(/outcome="gone"\} [1-9]/);
  });

  test('asks again for a row that a snapshot of a late socket turned back, be it another bridge’s, which has ended', async () => {
    const { log, schemas, topics, send, asked, states } = await start();
    const last = async (state: string): Promise<void> =>
      until(`the row to be ${state}`, LIMIT_MS, async () => (await states()).at(-1) === state);
    send(frames[0]);
    await last('connected');
    send(frames[1]);
    await last('parked');
    // Beyond the window of duplicates: the conversation looks again as it did at first.
    await sleep(12_000);
    send(frames[2]);
    await last('connected');
    // And again, as the other socket was late.
    await sleep(12_000);
    send(frames[3]);
    await last('parked');
    await last('connected');
    expect(await states()).toEqual(['connected', 'parked', 'connected', 'parked', 'connected']);
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.length).toBeLessThanOrEqual(3);

    await sleep(12_000);
    const events = await createEventCodec(schemas, topics);
    const read = readLine(Buffer.from(JSON.stringify(frames[3])), Date.now());
    if (read?.kind !== 'event') throw new Error('no event');
    const other = await log.createProducer();
    await other.send([{ topic: topics.events, key: ID, value: events.encode(read.event) }]);
    await other.close();
    await last('parked');
    await last('connected');
    expect((await states()).slice(5)).toEqual(['parked', 'connected']);
  });
});
