import { createServer, request as ask } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { checkStore } from '../../../src/store';
import { migrate } from '../../../src/store/migrations';
import { serverForTests, type TestServer } from '../../support/clickhouse/clickhouse-server';
import { upsert, writerInto } from '../../support/clickhouse/store-rows';
import { listenOnLoopback, type LoopbackServer } from '../../support/network/loopback-server';
import { startQueuefold } from '../../support/processes/pipeline-processes';

/** As nginx with `location /click/house/ { proxy_pass http://clickhouse:8123/; }`: elsewhere there is nothing. */
const PATH = '/click/house';
let server: TestServer;
let proxy: LoopbackServer;
let url: string;
let database: string;
const refused: string[] = [];

beforeAll(async () => {
  server = await serverForTests();
  database = server.newDatabase();
  const { hostname, port, pathname } = new URL(server.url);
  const front = createServer((request, response) => {
    const path = request.url ?? '';
    if (!/^\/click\/house([/?]|$)/.test(path)) {
      refused.push(path.slice(0, 40));
      response.writeHead(404).end('nothing here');
      return;
    }
    const rest = path.slice(PATH.length).replace(/^\/?/, `${pathname.replace(/\/$/, '')}/`);
    const passed = ask({ hostname, port, method: request.method, path: rest, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    request.pipe(passed);
  });
  proxy = await listenOnLoopback(front);
  url = `${proxy.url}${PATH}`;
});
afterAll(async () => {
  await proxy.stop();
  await server.dispose();
});

test('CLICKHOUSE_URL may have a path: tables, rows and queries go through the proxy that has it, none elsewhere', async () => {
  const store = server.connect(database, url);
  expect(store.where).toBe(url);
  await checkStore(store);
  await migrate(store.client, { database, dryRun: false });
  await writerInto(store).put(upsert(0, { conversation_id: 'a' }));
  await store.close();

  const query = startQueuefold(['query', 'SELECT conversation_id FROM queue_conversation', '--format', 'csv'], {
    ...server.env(database, url),
  });
  await query.done();
  expect(query.stdout()).toContain('a');
  const doctor = startQueuefold(['doctor', '--json'], server.env(database, url));
  await doctor.done().catch(() => undefined);
  const { checks } = JSON.parse(doctor.stdout()) as { checks: { name: string; outcome: string; detail: string }[] };
  expect(checks).toContainEqual(
    expect.objectContaining({ name: 'clickhouse', outcome: 'ok', detail: expect.stringContaining(url) }),
  );
  expect(checks).toContainEqual(expect.objectContaining({ name: 'clickhouse migrations', outcome: 'ok' }));
  const config = startQueuefold(['config'], server.env(database, url));
  await config.done();
  expect(config.stdout()).toContain(url);
  expect(refused).toEqual([]);
});

test('a path that nothing answers at is named', async () => {
  const elsewhere = url.replace(PATH, '/elsewhere');
  await expect(checkStore(server.connect(database, elsewhere))).rejects.toThrow(
    `CLICKHOUSE_URL: cannot reach ClickHouse at ${elsewhere} (`,
  );
});
