import { connect, createServer, Server, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import pino from 'pino';
import { OperatorError } from '../../../src/common';
import type { CheckResult } from '../../../src/ops/health';
import { startOpsHttp, type OpsHttp, type OpsHttpOptions } from '../../../src/ops/http';
import { createMetrics } from '../../../src/ops/metrics';

const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0';
const logger = pino({ level: 'silent' });
const started: OpsHttp[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((http) => http.stop()));
});

async function serve(options: Partial<OpsHttpOptions> = {}): Promise<OpsHttp> {
  const http = await startOpsHttp({
    host: '127.0.0.1',
    port: 0,
    registry: createMetrics().registry,
    ready: {},
    logger,
    ...options,
  });
  started.push(http);
  return http;
}

describe('metrics over HTTP', () => {
  test('Prometheus text is served, also after an OpenMetrics scrape, with its counters named _total', async () => {
    const metrics = createMetrics();
    metrics.foldEvents.inc({ outcome: 'folded' }, 3);
    const { url } = await serve({ registry: metrics.registry });
    const open = await fetch(`${url}/metrics`, { headers: { accept: OPEN_METRICS } });
    const openText = await open.text();
    const plain = await fetch(`${url}/metrics`);
    const plainText = await plain.text();

    expect(open.headers.get('content-type')).toContain('application/openmetrics-text');
    expect(openText).toContain(
      '# TYPE queuefold_fold_events counter\nqueuefold_fold_events_total{outcome="folded"} 3\n',
    );
    expect(openText.endsWith('# EOF\n')).toBe(true);
    expect(plain.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(plainText).toContain('# TYPE queuefold_fold_events_total counter\n');
    expect(plainText).toContain('queuefold_fold_events_total{outcome="folded"} 3\n');
  });

  test('histograms keep their buckets in both formats', async () => {
    const metrics = createMetrics();
    metrics.transactionDuration.observe({}, 0.02);
    const { url } = await serve({ registry: metrics.registry });
    for (const accept of [OPEN_METRICS, 'text/plain']) {
      const text = await (await fetch(`${url}/metrics`, { headers: { accept } })).text();
      expect(text).toContain('queuefold_fold_transaction_duration_seconds_bucket{le="0.025"} 1\n');
      expect(text).toContain('queuefold_fold_transaction_duration_seconds_count 1\n');
    }
  });

  test('a scraper that refuses OpenMetrics gets Prometheus text', async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/metrics`, { headers: { accept: `${OPEN_METRICS};q=0, text/plain` } });
    expect(answer.headers.get('content-type')).toContain('text/plain');
  });
});

describe('health over HTTP', () => {
  test('ready names each check, and is 200 only when all hold', async () => {
    let clickhouse: CheckResult = { ok: false, detail: 'no connection' };
    const { url } = await serve({ ready: { tasks: () => ({ ok: true }), clickhouse: () => clickhouse } });
    const failing = await fetch(`${url}/health/ready`);
    expect(failing.status).toBe(503);
    expect(await failing.json()).toEqual({
      status: 'failing',
      checks: { tasks: { ok: true }, clickhouse: { ok: false, detail: 'no connection' } },
    });
    clickhouse = { ok: true };
    const ready = await fetch(`${url}/health/ready`);
    expect(ready.status).toBe(200);
    expect(ready.headers.get('content-type')).toBe('application/json');
  });

  test('a check that throws has failed', async () => {
    const failing = () => {
      throw new Error('gone');
    };
    const { url } = await serve({ ready: { kafka: failing } });
    const answer = await fetch(`${url}/health/ready`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ checks: { kafka: { ok: false, detail: 'gone' } } });
  });

  test('live does not depend on ready', async () => {
    const { url } = await serve({ ready: { tasks: () => ({ ok: false }) } });
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
  });
});

describe('the server itself', () => {
  test('answers nothing else, and takes nothing', async () => {
    const { url } = await serve();
    expect((await fetch(`${url}/`)).status).toBe(404);
    expect((await fetch(`${url}/constructor`)).status).toBe(404);
    const posted = await fetch(`${url}/metrics`, { method: 'POST', body: 'x'.repeat(100_000) });
    expect(posted.status).toBe(405);
    expect(posted.headers.get('allow')).toBe('GET, HEAD');
  });

  test('serves no web page on loopback: neither metrics and health nor what else there is', async () => {
    const handle = () => Promise.resolve({ status: 200, contentType: 'text/plain', body: 'taken' });
    const { url } = await serve({ routes: { '/events': { methods: ['POST'], handle } } });
    for (const headers of [{ origin: 'https://page.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      for (const path of ['/metrics', '/health/live', '/health/ready']) {
        expect((await fetch(`${url}${path}`, { headers })).status).toBe(403);
      }
      expect((await fetch(`${url}/events`, { method: 'POST', headers, body: '{}' })).status).toBe(403);
    }
  });

  test('a client that does not finish its request is not waited for', async () => {
    const { port } = await serve({ requestTimeoutMs: 100 });
    const heard = new Promise<string>((resolve, reject) => {
      let answer = '';
      const socket = connect(port, '127.0.0.1', () => socket.write('GET /metrics HTTP/1.1\r\nHost: x'));
      socket.setEncoding('utf8').on('data', (part: string) => (answer += part));
      socket.on('close', () => resolve(answer));
      socket.on('error', reject);
    });
    expect(await heard).toMatch(/^HTTP\/1.1 408 /);
  });

  test('a taken port is an error that names the port and HTTP_PORT', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const failure = await serve({ port }).catch((error: unknown) => error);
    await new Promise((resolve) => other.close(resolve));
    expect(failure).toBeInstanceOf(OperatorError);
    expect(String(failure)).toContain('HTTP_PORT');
    expect(String(failure)).toContain(String(port));
  });

  test('at :: it answers over both families', async () => {
    const { port, url } = await serve({ host: '::' });
    expect(url).toBe(`http://127.0.0.1:${port}`);
    const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
    for (const host of ['127.0.0.1', ...(hasIpv6 ? ['[::1]'] : [])]) {
      expect((await fetch(`http://${host}:${port}/health/live`)).status).toBe(200);
    }
  });

  test('at :: it answers over IPv4 where the system has no IPv6', async () => {
    const asked: unknown[] = [];
    const { listen } = Server.prototype;
    const withoutIpv6 = jest.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server, ...args) {
      const [{ host }] = args as unknown as [{ host: string }];
      asked.push(host);
      if (host !== '::') return listen.apply(this, args);
      process.nextTick(() => this.emit('error', Object.assign(new Error('listen'), { code: 'EAFNOSUPPORT' })));
      return this;
    });
    const { url } = await serve({ host: '::' });
    withoutIpv6.mockRestore();
    expect(asked).toEqual(['::', '0.0.0.0']);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
  });

  test('stopping does not wait for connections that scrapers keep open', async () => {
    const http = await serve();
    await (await fetch(`${http.url}/metrics`)).text();
    await http.stop();
    await expect(fetch(`${http.url}/metrics`)).rejects.toThrow();
  });
});
