import { once } from 'node:events';
import { createServer, request, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHistory } from '../../../src/board/clickhouse-history';
import { createDeferred, UsageError } from '../../../src/common';
import { connectStore, type Store } from '../../../src/store';
import { boardForTests, type BoardForTests, type BoardForTestsOptions } from '../../support/board/board';
import { until } from '../../support/processes/until';

let open: BoardForTests;
let locked: BoardForTests;
const boards: BoardForTests[] = [];
beforeAll(async () => {
  open = await start();
  locked = await start({ access: { password: PASSWORD, proxyHeader: undefined } });
});
afterAll(async () => {
  for (const board of boards.splice(0)) await board.stop();
});
async function start(options?: BoardForTestsOptions): Promise<BoardForTests> {
  const board = await boardForTests(options);
  boards.push(board);
  return board;
}

const PASSWORD = 'a long password';

interface Got {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Unlike fetch it sends every header and every path as it is. */
async function get(
  { server: { port } }: BoardForTests,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<Got> {
  const { promise, resolve, reject } = createDeferred<Got>();
  const asking = request({ host: '127.0.0.1', port, path, headers, method, agent: false }, (response) => {
    let text = '';
    const done = (): void => resolve({ status: response.statusCode, headers: response.headers, text });
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      // A stream goes on for ever: its head is enough.
      if (path.startsWith('/api/live')) asking.destroy();
    });
    response.on('close', done);
  });
  asking.on('error', reject).end();
  return promise;
}

const EVERYWHERE = [
  '/',
  '/api/about',
  '/api/live',
  '/api/queues',
  '/api/conversations?queue=q',
  '/api/openapi.json',
  '/none',
];
const basic = (user: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

describe('a web page of somebody else', () => {
  test.each(EVERYWHERE)('is refused %s by a foreign Host, Origin or Sec-Fetch-Site', async (path) => {
    const board = open;
    const host = `127.0.0.1:${board.server.port}`;
    for (const headers of [
      { host: 'evil.example' },
      { host, origin: 'https://evil.example' },
      { host, origin: 'null' },
      { host, 'sec-fetch-site': 'cross-site' },
    ]) {
      const { status } = await get(board, path, headers);
      expect([headers, status]).toEqual([headers, 403]);
    }
    const { headers } = await get(board, path, { host, origin: `http://${host}` });
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  test.each(EVERYWHERE)('may not frame %s, and it loads nothing from elsewhere', async (path) => {
    const { headers } = await get(open, path);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers['content-security-policy']).not.toMatch(/\*|https?:|unsafe-eval/);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(headers['cache-control']).toMatch(/^no-(store|cache)$/);
  });
});

describe('without the password', () => {
  test.each(EVERYWHERE)('nothing of %s is to be had', async (path) => {
    const board = locked;
    for (const headers of [
      {},
      basic('anybody', ''),
      basic('anybody', PASSWORD.slice(0, -1)),
      basic('anybody', `${PASSWORD} `),
      { authorization: `Bearer ${PASSWORD}` },
      { authorization: 'Basic %%%' },
      { 'x-forwarded-user': 'boss' },
    ]) {
      const { status, headers: answered, text } = await get(board, path, headers);
      expect([headers, status, text]).toEqual([headers, 401, '{"message":"The board needs its password."}']);
      expect(answered['www-authenticate']).toMatch(/^Basic realm=/);
    }
    expect((await get(board, path, basic('anybody', PASSWORD))).status).toBe(path === '/none' ? 404 : 200);
  });

  test('other methods and paths that are none get no further', async () => {
    const board = locked;
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
      for (const path of ['/', '/api/queues', '/api/live']) {
        expect([method, path, (await get(board, path, {}, method)).status]).toEqual([method, path, 401]);
      }
    }
    expect((await get(board, '/%ff')).text).not.toContain('page');
  });
});

test('an empty header of the proxy is no authentication', async () => {
  const board = await start({ access: { password: undefined, proxyHeader: 'X-Forwarded-User' } });
  expect((await get(board, '/api/queues', { 'x-forwarded-user': '' })).status).toBe(401);
  expect((await get(board, '/api/queues', { 'x-forwarded-user': 'anna' })).status).toBe(200);
});

test('the server itself refuses to listen where everybody could look', async () => {
  await expect(boardForTests({ host: '0.0.0.0' })).rejects.toThrow(UsageError);
  expect(
    (await get(await start({ access: { password: PASSWORD, proxyHeader: undefined }, host: '0.0.0.0' }), '/api/queues'))
      .status,
  ).toBe(401);
});

test.each([
  '/../package.json',
  '/..%2f..%2fetc%2fpasswd',
  '/%2e%2e/%2e%2e/etc/passwd',
  '/assets/..%5c..%5cx',
  '//etc/passwd',
])('no file beside the page is served: %s', async (path) => {
  const { status, text } = await get(open, path);
  expect(status).toBeGreaterThanOrEqual(400);
  expect(text).not.toMatch(/root:|queuefold/);
});

describe('what one client can take', () => {
  test('parameters and paths are of limited length', async () => {
    const board = open;
    for (const path of [
      `/api/live?queue=${'q'.repeat(101)}`,
      `/api/conversations?queue=${'q'.repeat(9_000)}`,
      `/api/conversations/${'c'.repeat(300)}`,
    ]) {
      const { status = 0 } = await get(board, path);
      expect([path.length, status >= 400 && status < 500]).toEqual([path.length, true]);
    }
    expect((await get(board, '/api/queues', { cookie: 'x'.repeat(40_000) })).status).toBe(431);
  });

  test('there are at most so many viewers; the next one is told so', async () => {
    const board = await start();
    const many = 500;
    for (let index = 0; index < many; index += 1) board.viewers.add(nobody(), null, undefined);
    const { status, text } = await get(board, '/api/live');
    expect([status, text]).toEqual([503, expect.stringContaining('500 pages open already')]);
    expect((await get(board, '/api/queues')).status).toBe(200);
  });

  test('the board limits its statements at ClickHouse, and tells viewers beyond the limit when to try again', async () => {
    let running = 0;
    let most = 0;
    const gate = createDeferred<undefined>();
    const query = async () => {
      most = Math.max(most, (running += 1));
      await gate.promise;
      running -= 1;
      return { json: () => Promise.resolve([]) };
    };
    const store = { client: { query }, database: 'qf' } as unknown as Store;
    const board = await start({ history: createHistory(store) });
    const answers = Array.from({ length: 200 }, () => get(board, '/api/conversations/unknown'));
    const refused = await Promise.any(answers.map(async (each) => ((await each).status === 429 ? each : never())));
    expect(refused.headers['retry-after']).toBe('5');
    expect(JSON.parse(refused.text)).toEqual({ message: expect.stringContaining('Try again in a few seconds') });
    // What needs no ClickHouse is not held up.
    expect((await get(board, '/api/queues')).status).toBe(200);
    gate.resolve(undefined);
    const statuses = new Set((await Promise.all(answers)).map(({ status }) => status));
    expect([most, statuses]).toEqual([8, new Set([404, 429])]);
  });

  test('the statements of a client that goes away end in ClickHouse and leave the queue', async () => {
    const signals: AbortSignal[] = [];
    const query = ({ abort_signal: signal }: { readonly abort_signal: AbortSignal }) => {
      signals.push(signal);
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('The user aborted a request.')));
      });
    };
    const store = { client: { query }, database: 'qf' } as unknown as Store;
    const board = await start({ history: createHistory(store) });
    const leaving = new AbortController();
    // Four take all turns, with two statements each; the others wait.
    const asked = Array.from({ length: 20 }, () =>
      fetch(`${board.server.url}/api/conversations/unknown`, { signal: leaving.signal }).catch(() => null),
    );
    await until('all turns to be taken', 30_000, () => signals.length === 8);
    leaving.abort();
    await Promise.all(asked);
    await until('the statements to end', 30_000, () => signals.every(({ aborted }) => aborted));
    // The end of the board ends this one.
    void get(board, '/api/conversations/unknown').catch(() => null);
    await until('the next question to be asked', 30_000, () => signals.some(({ aborted }) => !aborted));
  });

  test('a question whose client goes away in the middle of the answer leaves the queue, too', async () => {
    const cut: boolean[] = [];
    const server = createServer((asking, response) => {
      asking.resume();
      const index = cut.push(false) - 1;
      response.on('close', () => (cut[index] = true));
      response.writeHead(200).write('{"at":1');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const store = connectStore({
      ...{ url: `http://127.0.0.1:${port}`, database: 'qf', username: 'default', password: '' },
    });
    try {
      const board = await start({ history: createHistory(store) });
      const leaving = new AbortController();
      const asked = Array.from({ length: 8 }, () =>
        fetch(`${board.server.url}/api/about`, { signal: leaving.signal }).catch(() => null),
      );
      await until('all turns to be taken', 30_000, () => cut.length === 8);
      leaving.abort();
      await Promise.all(asked);
      await until('the answers to end', 30_000, () => cut.every((one) => one));
      void get(board, '/api/about').catch(() => null);
      await until('the next question to be asked', 30_000, () => cut.length > 8);
    } finally {
      server.closeAllConnections();
      server.close();
      await store.close();
    }
  });

  test('viewers that have gone are forgotten', async () => {
    const board = open;
    // A thousand browsers that come again and again, many at once.
    for (let round = 0; round < 20; round += 1)
      await Promise.all(Array.from({ length: 50 }, () => get(board, '/api/live?queue=q')));
    await until('nobody looks', 30_000, () => board.viewers.size === 0);
    expect(board.viewers.unsentBytes).toBe(0);
  });

  test('a request that never ends loses its connection', async () => {
    const board = await start({ requestMs: 300 });
    const socket = connect(board.server.port, '127.0.0.1');
    socket.write('GET /api/queues HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    socket.resume();
    await once(socket, 'close');
  });
});

function never(): Promise<never> {
  return Promise.reject(new Error('answered otherwise'));
}

function nobody(): Parameters<BoardForTests['viewers']['add']>[0] {
  const stream = { writableLength: 0, write: () => true, on: () => stream, end: () => stream };
  return stream as unknown as Parameters<BoardForTests['viewers']['add']>[0];
}
