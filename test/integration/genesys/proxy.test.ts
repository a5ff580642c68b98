import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { WebSocketServer } from 'ws';
import { startConnectProxy, type ConnectProxyOptions } from '../../support/network/connect-proxy';
import { listenOnLoopback } from '../../support/network/loopback-server';
import { runTypeScript } from '../../support/processes/run-typescript';
import { createStage, until } from './support';

const stage = createStage();
const before = { ...process.env };
afterEach(async () => {
  process.env = { ...before };
  await stage.stopAll();
});

async function proxyFor(options: ConnectProxyOptions = {}) {
  const proxy = await startConnectProxy(options);
  stage.stopLater(proxy.stop);
  return proxy;
}

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const hostOf = (url: string): string => new URL(url).host;

describe('a bridge behind a proxy', () => {
  test('goes through it with requests and sockets, and with the credentials that it asks for', async () => {
    const simulator = await stage.simulate();
    const proxy = await proxyFor({ credentials: 'me:p@ss' });
    process.env['HTTP_PROXY'] = `http://me:p%40ss@127.0.0.1:${proxy.port}`;
    const { feed } = await stage.watch(simulator);
    await until(feed.ready);
    // One tunnel for the requests, which share a connection, and one for the socket.
    expect(proxy.asked.length).toBeGreaterThanOrEqual(2);
    expect(new Set(proxy.asked)).toEqual(new Set([hostOf(simulator.apiUrl)]));
    expect(simulator.channels().some(({ isOpen }) => isOpen)).toBe(true);
  });

  test('goes through one with an address of IPv6', async () => {
    const simulator = await stage.simulate();
    const proxy = await proxyFor({ credentials: 'me:p@ss', host: '::1' });
    process.env['HTTP_PROXY'] = `http://me:p%40ss@[::1]:${proxy.port}`;
    const { feed } = await stage.watch(simulator);
    await until(feed.ready);
    expect(new Set(proxy.asked)).toEqual(new Set([hostOf(simulator.apiUrl)]));
  });

  test('goes past it to the hosts of NO_PROXY', async () => {
    const simulator = await stage.simulate();
    const proxy = await proxyFor();
    process.env['http_proxy'] = `http://127.0.0.1:${proxy.port}`;
    process.env['NO_PROXY'] = 'localhost,127.0.0.1';
    const { feed } = await stage.watch(simulator);
    await until(feed.ready);
    expect(proxy.asked).toEqual([]);
  });

  test('opens its socket again through the proxy when the tunnel breaks', async () => {
    const simulator = await stage.simulate();
    const proxy = await proxyFor();
    process.env['HTTP_PROXY'] = `http://127.0.0.1:${proxy.port}`;
    const { feed, states } = await stage.watch(simulator);
    await until(feed.ready);
    const tunnels = proxy.asked.length;
    simulator.dropSockets();
    await until(() => states.includes('degraded') && feed.ready());
    expect(proxy.asked.length).toBeGreaterThan(tunnels);
  });

  test('does not start with an address that is none', async () => {
    process.env['HTTP_PROXY'] = 'ftp://me:hidden@proxy:21';
    const started = stage.watch(await stage.simulate());
    await expect(started).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/^HTTP_PROXY: "…@proxy:21" is not the address of a proxy/),
    });
  });

  test.each([
    ['http://me:hidden@127.0.0.1', 'refuses its user and password'],
    ['http://127.0.0.1', 'asks for a user and a password'],
  ])('does not start when the proxy does not let it in (%s)', async (address, what) => {
    const { port } = await proxyFor({ credentials: 'other:one' });
    process.env['HTTP_PROXY'] = `${address}:${port}`;
    const started = stage.watch(await stage.simulate());
    await expect(started).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(`HTTP_PROXY: http://127.0.0.1:${port} ${what} (HTTP 407).`),
    });
  });

  test.each([403, 502, 'silence'] as const)('tries again, then says so, when the proxy answers %s', async (refuse) => {
    const proxy = await proxyFor({ refuse });
    process.env['HTTP_PROXY'] = `http://me:hidden@127.0.0.1:${proxy.port}`;
    const simulator = await stage.simulate();
    // Who hears nothing waits for so long; an answer comes sooner, also on a busy machine.
    const timings = refuse === 'silence' ? { requestTimeoutMs: 1_000 } : {};
    const started = stage.watch(simulator, { timings });
    const shown = `HTTP_PROXY: ${refuse === 'silence' ? 'cannot reach ' : ''}http://127.0.0.1:${proxy.port} `;
    await expect(started).rejects.toMatchObject({ exitCode: 1, message: expect.stringContaining(shown) });
    await expect(started).rejects.not.toThrow(/hidden/);
    expect(proxy.asked.length).toBeGreaterThanOrEqual(5);
  });

  test('names the variable, the address and the remedy when nobody listens there', async () => {
    const port = await closedPort();
    process.env['HTTP_PROXY'] = `http://me:hidden@127.0.0.1:${port}`;
    const simulator = await stage.simulate();
    await expect(stage.watch(simulator)).rejects.toThrow(
      `HTTP_PROXY: cannot reach http://127.0.0.1:${port} (ECONNREFUSED) on the way to ${hostOf(simulator.apiUrl)}. ` +
        'Is the proxy up? Correct HTTP_PROXY, or name the host in NO_PROXY if no proxy is needed for it.',
    );
  });
});

describe('TLS through a proxy', () => {
  const tls = join(__dirname, '../../fixtures/tls');
  const CERTIFICATE = join(tls, 'localhost.pem');

  async function secureHost(): Promise<string> {
    const options = { cert: readFileSync(CERTIFICATE), key: readFileSync(join(tls, 'localhost.key')) };
    const server = createServer(options, (_request, response) => response.end('answered'));
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket) => socket.send('heard'));
    const { port, stop } = await listenOnLoopback(server);
    stage.stopLater(async () => {
      for (const socket of sockets.clients) socket.terminate();
      await stop();
    });
    return `localhost:${port}`;
  }

  /** What a client says that goes through the proxy; Node reads extra authorities only when a process starts. */
  async function client(host: string, env: Record<string, string>) {
    const file = join(__dirname, '../../support/network/tls-client.ts');
    const line = await runTypeScript(file, [host], { PATH: process.env['PATH'], ...env }).firstLine;
    return JSON.parse(line) as { rest: string; socket: string };
  }

  test('reaches a host whose certificate is vouched for by NODE_EXTRA_CA_CERTS', async () => {
    const [host, proxy] = await Promise.all([secureHost(), proxyFor()]);
    const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, NODE_EXTRA_CA_CERTS: CERTIFICATE };
    expect(await client(host, env)).toEqual({ rest: 'answered', socket: 'heard' });
    expect(proxy.asked).toEqual([host, host]);
  });

  test('is checked: without that, the certificate is refused', async () => {
    const [host, proxy] = await Promise.all([secureHost(), proxyFor()]);
    const said = await client(host, { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` });
    expect(said.rest).toContain('DEPTH_ZERO_SELF_SIGNED_CERT');
    expect(said.socket).toContain('self-signed certificate');
    expect(proxy.asked).toEqual([host, host]);
  });
});
