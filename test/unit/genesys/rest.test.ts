import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { createRest, type Rest } from '../../../src/genesys/rest/rest';
import { DEFAULT_TIMINGS } from '../../../src/genesys/timings';
import { createLogging, createMetrics } from '../../../src/ops';
import { listenOnLoopback } from '../../support/network/loopback-server';

/** The vendor's side: answers the API's requests in this order, the last one for ever; null: never answers. */
type Script = readonly ({
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
} | null)[];

const CORRELATION = '0bad-cafe';
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function against(script: Script) {
  const seen: { authorization: string }[] = [];
  let logins = 0;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.url === '/oauth/token') {
      logins += 1;
      response.end(JSON.stringify({ access_token: `token-${logins}`, expires_in: 86_400 }));
      return;
    }
    seen.push({ authorization: request.headers.authorization ?? '' });
    const turn = script[Math.min(seen.length, script.length) - 1];
    if (!turn) return;
    response.writeHead(turn.status, { 'inin-correlation-id': CORRELATION, ...turn.headers });
    response.end(JSON.stringify(turn.body ?? {}));
  };
  const server = createServer(answer);
  const { url, stop } = await listenOnLoopback(server);
  const lines: string[] = [];
  const metrics = createMetrics();
  const rest = createRest({
    urls: { loginUrl: url, apiUrl: url },
    credentials: { clientId: 'me', clientSecret: 'not-to-be-seen' },
    timings: { ...DEFAULT_TIMINGS, requestTimeoutMs: 500, retryBaseMs: 5, retryCapMs: 10 },
    metrics,
    logger: createLogging({ level: 'debug', format: 'json', secrets: [], write: (line) => void lines.push(line) })
      .logger,
  });
  stops.push(async () => {
    await rest.stop();
    await stop();
  });
  return { rest, seen, lines, metrics, logins: () => logins };
}

const ask = (rest: Rest) =>
  rest.send({
    method: 'GET',
    path: '/api/v2/things/42',
    route: '/api/v2/things/{id}',
    answer: z.object({ name: z.string() }),
  });
const FOUND = { status: 200, body: { name: 'thing' } };

describe('requests to Genesys', () => {
  test('are repeated after 5xx and after no answer at all', async () => {
    const { rest, seen, metrics } = await against([{ status: 503 }, null, FOUND]);
    expect(await ask(rest)).toEqual({ name: 'thing' });
    expect(seen).toHaveLength(3);
    const counted = (await metrics.genesysRequests.get()).values.map(
      ({ labels }) => `${labels.route} ${labels.status}`,
    );
    expect(counted).toEqual([
      '/oauth/token 200',
      '/api/v2/things/{id} 503',
      '/api/v2/things/{id} none',
      '/api/v2/things/{id} 200',
    ]);
  });

  test('wait as long as Retry-After says', async () => {
    const { rest, seen, lines } = await against([{ status: 429, headers: { 'Retry-After': '1' } }, FOUND]);
    await ask(rest);
    expect(seen).toHaveLength(2);
    // Up to retryBaseMs more, so that not all come back at once.
    expect(lines.join('')).toMatch(/"waitMs":100[0-5],/);
  });

  test('log in again after a 401, once', async () => {
    const { rest, seen, logins } = await against([{ status: 401 }, FOUND]);
    await ask(rest);
    expect(seen.map(({ authorization }) => authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
    const { rest: refused, logins: again } = await against([{ status: 401 }]);
    await expect(ask(refused)).rejects.toMatchObject({ facts: { status: 401 } });
    expect([logins(), again()]).toEqual([2, 2]);
  });

  test('share one token, also when it is not there yet', async () => {
    const { rest, logins } = await against([FOUND]);
    await Promise.all([ask(rest), ask(rest), ask(rest)]);
    expect(logins()).toBe(1);
  });

  test('end after five attempts, with status, code and correlation id, and without the body', async () => {
    const body = { code: 'internal.error', message: 'Ada Lovelace was not found' };
    const { rest, seen, lines } = await against([{ status: 500, body }]);
    const failure = ask(rest);
    await expect(failure).rejects.toThrow(
      `GET /api/v2/things/{id}: HTTP 500, internal.error, correlation id ${CORRELATION}`,
    );
    expect(seen).toHaveLength(5);
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line).toContain(CORRELATION);
    expect(lines.join('')).not.toMatch(/Lovelace|not-to-be-seen|token-1/);
  });

  test('are not repeated when Genesys refuses them', async () => {
    const { rest, seen } = await against([{ status: 403, body: { code: 'missing.permissions' } }, FOUND]);
    await expect(ask(rest)).rejects.toMatchObject({ facts: { status: 403, code: 'missing.permissions' } });
    expect(seen).toHaveLength(1);
  });

  test('fail when the answer has another shape, without quoting it', async () => {
    const { rest } = await against([{ status: 200, body: { surname: 'Lovelace' } }]);
    const failure = ask(rest);
    await expect(failure).rejects.toThrow(`the answer has an unknown form, correlation id ${CORRELATION}`);
    await expect(failure).rejects.not.toThrow(/Lovelace/);
  });

  test('tell how many are left in the minute', async () => {
    const headers = { 'inin-ratelimit-count': '12', 'inin-ratelimit-allowed': '300', 'inin-ratelimit-reset': '40' };
    const { rest, metrics } = await against([{ ...FOUND, headers }]);
    await ask(rest);
    expect((await metrics.rateLimitRemaining.get()).values[0]?.value).toBe(288);
  });

  test('are given up by the stop', async () => {
    const { rest, seen } = await against([null]);
    const failure = expect(ask(rest)).rejects.toMatchObject({ name: 'GenesysError' });
    while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await rest.stop();
    await failure;
    expect(seen).toHaveLength(1);
  });
});
