import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Simulator } from '../../../src/simulator';
import { aClient, createStage, until } from '../genesys/support';

const stage = createStage();
let simulator: Simulator;
let client: Awaited<ReturnType<typeof aClient>>;
const QUEUES = '/api/v2/routing/queues';
const CHANNELS = '/api/v2/notifications/channels';
const begin = (kind: string, more: object = {}) => client.send('POST', '/control/faults', { kind, ...more });
const end = (kind: string) => client.send('DELETE', `/control/faults/${kind}`);
const ask = (path = QUEUES) => client.send('GET', path);

beforeEach(async () => {
  simulator = await stage.simulate({ queues: 5, speed: 200, conversationsPerSecond: 0.5 });
  client = await aClient(simulator);
});
afterEach(async () => {
  client.stop();
  await stage.stopAll();
});

describe('requests', () => {
  test('are refused with 401 when tokens are revoked, until the next login', async () => {
    await begin('tokens-revoked');
    expect(await ask()).toMatchObject({ status: 401, body: { code: 'bad.credentials' } });
    expect(await client.login()).toBe(200);
    expect((await ask()).status).toBe(200);
  });

  test('are refused with 403 and the missing permission, as Genesys words it', async () => {
    await begin('forbidden', { route: '/api/v2/conversations' });
    expect((await ask()).status).toBe(200);
    const { status, body } = await ask('/api/v2/conversations/any');
    expect([status, body]).toEqual([
      403,
      {
        status: 403,
        code: 'missing.permissions',
        message:
          'Unable to perform the requested action. You are missing the following permission(s): [conversation:communication:view]',
        messageWithParams:
          'Unable to perform the requested action. You are missing the following permission(s): {permissions}',
        messageParams: { permissions: '[conversation:communication:view]' },
        contextId: expect.any(String),
        details: [],
        errors: [],
      },
    ]);
    await end('forbidden');
    expect((await ask('/api/v2/conversations/any')).status).toBe(404);
  });

  test("get 404 with Genesys's code for channels, and without one from something in between", async () => {
    const channel = await client.channel([]);
    await begin('not-found');
    const gone = await ask(`${CHANNELS}/${channel.id}/subscriptions`);
    expect(gone).toMatchObject({ status: 404, body: { code: 'not.found' } });
    expect(gone.headers.get('inin-correlation-id')).not.toBeNull();
    await end('not-found');
    await begin('not-found-by-proxy');
    const proxied = await ask(`${CHANNELS}/${channel.id}/subscriptions`);
    expect([proxied.status, proxied.body]).toEqual([404, '<html><body><h1>404</h1></body></html>']);
    expect(proxied.headers.get('inin-correlation-id')).toBeNull();
  });

  test('get 429 with Retry-After, which is not counted as a breach', async () => {
    await begin('too-many-requests', { retryAfterSeconds: 7 });
    const { status, body, headers } = await ask();
    expect([status, (body as { code: string }).code, headers.get('retry-after')]).toEqual([
      429,
      'too.many.requests',
      '7',
    ]);
    expect(await client.login()).toBe(429);
    expect(simulator.limits().tooManyRequests).toBe(0);
  });

  test.each([500, 502, 503, 504])('get %i', async (status) => {
    await begin('server-errors', { status });
    expect((await ask()).status).toBe(status);
    await end('server-errors');
    expect((await ask()).status).toBe(200);
  });

  test('get each of the 5xx, and sometimes none, by chance', async () => {
    await begin('server-errors', { share: 0.7 });
    const seen = new Set<number>();
    await until(async () => seen.add((await ask()).status).size === 5);
    expect(seen).toEqual(new Set([200, 500, 502, 503, 504]));
  });

  test('hang, and were not done when they end', async () => {
    await begin('hanging-requests', { route: CHANNELS });
    const created = client.send('POST', CHANNELS);
    await until(() => simulator.faults.status().counts['hanging-requests'].hits === 1);
    expect((await ask()).status).toBe(200);
    await end('hanging-requests');
    await expect(created).rejects.toThrow('fetch failed');
    expect(simulator.channels()).toEqual([]);
  });

  test('are done, and the answer is lost', async () => {
    await begin('lost-answers', { route: CHANNELS });
    await expect(client.send('POST', CHANNELS)).rejects.toThrow('fetch failed');
    expect(simulator.channels()).toHaveLength(1);
  });

  test('are answered late', async () => {
    await begin('slow-answers', { byMs: 600_000, route: QUEUES });
    const late = ask();
    await until(() => simulator.faults.status().counts['slow-answers'].hits === 1);
    expect(await Promise.race([late, ask('/api/v2/users').then(() => 'the other first')])).toBe('the other first');
    await end('slow-answers');
    expect((await late).status).toBe(200);
  });

  test('are told the wrong time', async () => {
    const [hour, tolerance] = [3_600_000, 600_000];
    await begin('clock-skew', { byMs: hour });
    const { headers, body } = await client.send('POST', CHANNELS);
    const aheadMs = Date.parse(headers.get('date') ?? '') - Date.now();
    expect(Math.abs(aheadMs - hour)).toBeLessThan(tolerance);
    const livesMs = Date.parse((body as { expires: string }).expires) - Date.now();
    expect(Math.abs(livesMs - 25 * hour)).toBeLessThan(tolerance);
    await end('clock-skew');
    const right = Date.parse((await ask()).headers.get('date') ?? '') - Date.now();
    expect(Math.abs(right)).toBeLessThan(tolerance);
  });
});

describe('lists', () => {
  test('of activity are cut, and say so', async () => {
    simulator.resume();
    await until(() => simulator.truth().conversations.length > 12);
    simulator.pause();
    const query = async () =>
      (
        await client.send('POST', '/api/v2/analytics/conversations/activity/query', {
          metrics: ['oWaiting', 'oAlerting', 'oInteracting'].map((metric) => ({ metric, details: true })),
          groupBy: ['queueId'],
          filter: {
            type: 'or',
            predicates: simulator.queues.map(({ id }) => ({ dimension: 'queueId', value: id })),
          },
        })
      ).body as { results: { truncated: boolean; entities: unknown[] }[] };
    const whole = (await query()).results;
    expect(whole.every(({ truncated }) => !truncated)).toBe(true);
    await begin('truncated-activity', { most: 1 });
    const cut = (await query()).results;
    expect(cut.map(({ entities, truncated }) => [entities.length, truncated])).toEqual(
      whole.map(({ entities }) => [Math.min(1, entities.length), entities.length > 1]),
    );
    expect(whole.some(({ entities }) => entities.length > 1)).toBe(true);
  });

  test.each([
    ['repeat', ['Queue 1', 'Queue 2', 'Queue 2', 'Queue 3', 'Queue 4', 'Queue 5']],
    ['skip', ['Queue 1', 'Queue 2', 'Queue 4', 'Queue 5']],
  ])('shift while they are read: %s', async (how, expected) => {
    await begin('shifting-pages', { how });
    const names: string[] = [];
    for (let page = 1, pages = 1; page <= pages; page += 1) {
      const { body } = await ask(`${QUEUES}?pageSize=2&pageNumber=${page}`);
      const { entities, pageCount } = body as { entities: { name: string }[]; pageCount: number };
      names.push(...entities.map(({ name }) => name));
      pages = pageCount;
    }
    expect(names).toEqual(expected);
  });
});
