import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { serverForTests, type TestServer } from '../../support/clickhouse/clickhouse-server';
import { receiveSpans, type SpanReceiver } from '../../support/monitoring/span-receiver';
import { freePorts } from '../../support/network/free-ports';
import { startQueuefold, type Environment } from '../../support/processes/pipeline-processes';
import { until } from '../../support/processes/until';
import { ownKafkaForTests, registryForTests } from '../../support/services/services';

/** Four events of one conversation. */
const EVENTS = join(__dirname, '../../fixtures/consult-of-four-events.ndjson');
const LIMIT_MS = 120_000;

let env: Environment;
let server: TestServer;
let spans: SpanReceiver;
const disposers: (() => Promise<unknown>)[] = [];

/** The same at an address of IPv6. */
async function atIpv6(url: string): Promise<string> {
  const { port, pathname } = new URL(url);
  const forwarder = createServer((socket) => {
    const target = connect(Number(port), '127.0.0.1');
    for (const one of [socket, target]) one.on('error', () => [socket, target].forEach((each) => each.destroy()));
    socket.pipe(target).pipe(socket);
  });
  await new Promise<void>((resolve) => forwarder.listen(0, '::1', resolve));
  disposers.push(() => new Promise((resolve) => forwarder.close(resolve)));
  return `http://[::1]:${(forwarder.address() as AddressInfo).port}${pathname.replace(/\/$/, '')}`;
}

beforeAll(async () => {
  const [port = 0] = await freePorts(1);
  const kafka = await ownKafkaForTests({
    overrides: ({ clientPort, controllerPort }) => ({
      listeners: `PLAINTEXT://127.0.0.1:${clientPort},CONTROLLER://127.0.0.1:${controllerPort},SIX://[::1]:${port}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${clientPort},SIX://[::1]:${port}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SIX:PLAINTEXT',
    }),
  });
  disposers.push(() => kafka.dispose());
  server = await serverForTests();
  disposers.push(server.dispose);
  spans = await receiveSpans();
  disposers.push(() => spans.close());
  env = {
    KAFKA_BROKERS: `[::1]:${port}`,
    SCHEMA_REGISTRY_URL: await atIpv6((await registryForTests()).url),
    ...server.env(server.newDatabase(), await atIpv6(server.url)),
    OTEL_EXPORTER_OTLP_ENDPOINT: await atIpv6(spans.url),
    TRACE_RATIO: '1',
    TOPIC_PREFIX: `ipv6-${Date.now().toString(36)}`,
    REPLICATION_FACTOR: '1',
    PARTITIONS: '1',
    HTTP_PORT: '0',
    HTTP_HOST: '::',
    SINK_FLUSH_MS: '50',
  };
});
afterAll(async () => {
  for (const dispose of disposers.reverse()) await dispose();
});

test('addresses of IPv6 work for Kafka, registry, ClickHouse, traces and our own HTTP', async () => {
  await startQueuefold(['setup'], env).done();
  const doctor = startQueuefold(['doctor', '--json'], env);
  await doctor.done();
  const { checks } = JSON.parse(doctor.stdout()) as { checks: { name: string; outcome: string; detail: string }[] };
  expect(checks.find(({ name }) => name === 'kafka broker 1')?.detail).toMatch(
    /answers at \[.*:.*1\]:\d+, as advertised/,
  );

  await startQueuefold(['bridge', '--events', EVENTS], env).done();
  const roles = ['fold', 'sink'].map((role) => startQueuefold([role], env));
  disposers.push(...roles.map((role) => () => role.kill()));
  await Promise.all(roles.map((role) => role.ready()));
  // `::` serves both families.
  for (const role of roles) {
    expect((await fetch(`http://[::1]:${new URL(role.url()).port}/health/ready`)).status).toBe(200);
  }

  const database = env['CLICKHOUSE_DATABASE'] ?? '';
  const store = server.connect(database);
  disposers.push(() => store.close());
  await until('the row', LIMIT_MS, async () => {
    const query = `SELECT conversation_id FROM ${database}.queue_conversation`;
    return (await (await store.client.query({ query, format: 'TabSeparated' })).text()).includes('c0000000');
  });
  await until('traces', LIMIT_MS, () => Promise.resolve(spans.spans.length > 0));
  await Promise.all(roles.map((role) => role.stop()));
});
