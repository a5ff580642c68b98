import { afterEach, describe, expect, test } from '@jest/globals';
import { type Finding, NAME_KINDS } from '../../../src/common';
import { checkGenesys, type GenesysCheckOptions } from '../../../src/genesys';
import type { Simulator, SimulatorOptions } from '../../../src/simulator';
import { startGenesysFront, type FrontAnswer } from '../../support/genesys/genesys-front';
import { startConnectProxy } from '../../support/network/connect-proxy';
import { createStage } from './support';

const stage = createStage();
const before = { ...process.env };
afterEach(async () => {
  process.env = { ...before };
  await stage.stopAll();
});

const SECRET = 'marked-secret-6f1d';

async function organisation(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  return stage.simulate({ clientSecret: SECRET, ...options });
}

/** The findings by name; none of them shows the secret. */
async function examine(simulator: Simulator, options: Partial<GenesysCheckOptions> = {}) {
  const findings = await checkGenesys({
    urls: simulator,
    credentials: simulator,
    queues: ['*'],
    shard: { index: 0, count: 1 },
    channels: 18,
    names: NAME_KINDS,
    timeoutMs: 20_000,
    pingAfterMs: 20,
    ...options,
  });
  expect(JSON.stringify(findings)).not.toContain(SECRET);
  const byName = new Map(findings.map((finding) => [finding.name.replace('genesys ', ''), finding]));
  return {
    outcomes: Object.fromEntries([...byName].map(([name, { outcome }]) => [name, outcome])),
    of: (name: string): Finding => {
      const finding = byName.get(name);
      if (finding === undefined) throw new Error(`no finding ${name}: ${[...byName.keys()].join()}`);
      return finding;
    },
  };
}

/** The organisation with some answers of its own. */
async function behind(
  simulator: Simulator,
  alter: (method: string, path: string) => FrontAnswer | null,
  headers?: () => Record<string, string>,
) {
  const front = await startGenesysFront(simulator.apiUrl, alter, headers);
  stage.stopLater(front.stop);
  return { urls: { loginUrl: front.url, apiUrl: front.url } };
}

const forbidden = (...permissions: string[]): FrontAnswer => ({
  status: 403,
  body: {
    code: 'missing.permissions',
    message: `Unable to perform the requested action. You are missing the following permission(s): ${permissions.join(', ')}`,
    messageParams: { permissions: permissions.join(', ') },
    status: 403,
  },
});

const ALL = [
  ...['token', 'api', 'routing:queue:view', 'queues', 'topic', 'conversation:communication:view'],
  ...[
    'analytics:queueObservation:view',
    'analytics:conversationDetail:view',
    'subscription',
    'websocket',
    'directory:user:view',
    'routing:skill:view',
    'clock',
    'requests',
  ],
];

describe('a doctor at an organisation where all is well', () => {
  test('finds it so, and leaves no subscription behind', async () => {
    const simulator = await organisation();
    const { outcomes, of } = await examine(simulator);
    expect(outcomes).toEqual(Object.fromEntries(ALL.map((name) => [name, 'ok'])));
    expect(of('queues').detail).toMatch(/^QUEUES selects (\d+) of \1 visible queues; the channels hold 18000$/);
    expect(of('topic').detail).toBe(
      'needs routing:queue:view, conversation:communication:view; Genesys offers it by Websocket, EventBridge',
    );
    expect(of('websocket').detail).toMatch(/^open at 127\.0\.0\.1:\d+ in \d+ ms, and pong came$/);
    expect(of('requests').detail).toMatch(/^this client has used \d+ of the 300 requests of this minute$/);
    expect(simulator.channels().flatMap(({ topics }) => [...topics])).toEqual([]);
  });

  test('names the proxy that it went through, without its credentials', async () => {
    const proxy = await startConnectProxy({ credentials: `me:${SECRET}` });
    stage.stopLater(proxy.stop);
    process.env['HTTP_PROXY'] = `http://me:${SECRET}@127.0.0.1:${proxy.port}`;
    const { outcomes, of } = await examine(await organisation());
    expect(new Set(Object.values(outcomes))).toEqual(new Set(['ok']));
    expect(of('token').detail).toContain(`, through http://127.0.0.1:${proxy.port} (HTTP_PROXY)`);
  });
});

test('only the permissions of names that are wanted are looked at', async () => {
  const simulator = await organisation();
  const wanted = async (names: GenesysCheckOptions['names']) =>
    Object.keys((await examine(simulator, { names })).outcomes);
  const [none, skills] = [await wanted([]), await wanted(['queue', 'skill'])];
  expect(none).toEqual(ALL.filter((name) => name !== 'directory:user:view' && name !== 'routing:skill:view'));
  expect(skills).toEqual(ALL.filter((name) => name !== 'directory:user:view'));
});

describe('what is wrong is told:', () => {
  test('refused credentials, and nothing else is asked', async () => {
    const simulator = await organisation();
    const { outcomes, of } = await examine(simulator, {
      credentials: { clientId: 'simulated-client', clientSecret: 'no' },
    });
    expect(of('token')).toMatchObject({ outcome: 'failed' });
    expect(of('token').detail).toMatch(
      /^GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET: .* refuses them .* GENESYS_REGION its region\?$/,
    );
    expect(outcomes).toEqual({ ...Object.fromEntries(ALL.map((name) => [name, 'skipped'])), token: 'failed' });
    expect(of('websocket').detail).toBe('there is no token');
  });

  test('a login that cannot be reached', async () => {
    const simulator = await organisation();
    const { of } = await examine(simulator, {
      urls: { loginUrl: 'http://login.no-such-region.invalid', apiUrl: simulator.apiUrl },
    });
    expect(of('token')).toMatchObject({
      outcome: 'failed',
      detail: expect.stringMatching(/login\.no-such-region\.invalid: .*(ENOTFOUND|EAI_AGAIN)/),
      remedy: 'Is GENESYS_REGION (or GENESYS_LOGIN_URL) right, and can this machine reach it?',
    });
  });

  test('an API that is none of Genesys', async () => {
    const simulator = await organisation();
    const front = await behind(simulator, (_, path) =>
      path.startsWith('/api/') ? { status: 404, body: '<html>Not here</html>' } : null,
    );
    const { of, outcomes } = await examine(simulator, front);
    expect(of('api')).toMatchObject({
      outcome: 'failed',
      detail: `${front.urls.apiUrl} answers HTTP 404 without an error code of Genesys`,
    });
    expect(outcomes['queues']).toBe('skipped');
  });

  test.each([
    ['routing:queue:view', '/api/v2/routing/queues', 'failed', 'does not start'],
    ['conversation:communication:view', '/api/v2/conversations/', 'failed', 'missed'],
    ['analytics:queueObservation:view', '/api/v2/analytics/conversations/activity/query', 'failed', 'does not find'],
    ['analytics:conversationDetail:view', '/api/v2/analytics/conversations/details', 'warning', 'one by one'],
    ['directory:user:view', '/api/v2/users', 'warning', 'tables show users by their ids only'],
    ['routing:skill:view', '/api/v2/routing/skills', 'warning', 'tables show skills by their ids only'],
  ] as const)('a missing %s, with what is lost and how to have it', async (permission, path, outcome, lost) => {
    const simulator = await organisation();
    const front = await behind(simulator, (_, asked) => (asked.startsWith(path) ? forbidden(permission) : null));
    const { of, outcomes } = await examine(simulator, front);
    expect(of(permission)).toMatchObject({
      outcome,
      detail: expect.stringContaining(`Genesys wants ${permission} (HTTP 403, missing.permissions)`),
      remedy: `Add ${permission} to a role of the OAuth client, in the divisions of the queues.`,
    });
    expect(of(permission).detail).toContain(lost);
    const others = Object.entries(outcomes).filter(([name, other]) => name !== permission && other === 'failed');
    expect(others).toEqual([]);
  });

  test('a 403 that is not of Genesys is no missing permission', async () => {
    const simulator = await organisation();
    const front = await behind(simulator, (_, path) =>
      path.startsWith('/api/v2/conversations/') ? { status: 403, body: 'Blocked by your administrator' } : null,
    );
    const { of } = await examine(simulator, front);
    expect(of('conversation:communication:view')).toMatchObject({ outcome: 'failed' });
    expect(of('conversation:communication:view').remedy).toContain('Is there a proxy in between');
  });

  test('a queue that is not there', async () => {
    const { of, outcomes } = await examine(await organisation(), { queues: ['Slaes'] });
    expect(of('queues')).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining('QUEUES: "Slaes": no queue'),
    });
    expect(outcomes['subscription']).toBe('ok');
  });

  test('more queues than the channels hold', async () => {
    const { of } = await examine(await organisation(), { channels: 0 });
    expect(of('queues')).toMatchObject({ outcome: 'failed', remedy: expect.stringContaining('SHARD') });
  });

  test('a rejected subscription, with the permissions that Genesys misses', async () => {
    const simulator = await organisation({ missingPermissions: () => ['routing:queue:view'] });
    const { of } = await examine(simulator);
    expect(of('subscription')).toMatchObject({
      outcome: 'failed',
      detail: 'Genesys refuses the conversations of a queue (Missing permissions: routing:queue:view)',
      remedy: 'Add routing:queue:view to a role of the OAuth client, in the divisions of the queues.',
    });
  });

  test('a topic that is not offered by websocket', async () => {
    const simulator = await organisation();
    const topic = {
      id: 'v2.routing.queues.{id}.conversations',
      requiresPermissions: ['a:b:c'],
      transports: ['EventBridge'],
    };
    const front = await behind(simulator, (_, path) =>
      path.startsWith('/api/v2/notifications/availabletopics') ? { status: 200, body: { entities: [topic] } } : null,
    );
    const { of } = await examine(simulator, front);
    expect(of('topic')).toMatchObject({ outcome: 'failed', detail: 'needs a:b:c; Genesys offers it by EventBridge' });
  });

  test('a websocket that does not open', async () => {
    const simulator = await organisation();
    const closed = { id: 'c1', connectUri: 'ws://127.0.0.1:1/channels/c1' };
    const front = await behind(simulator, (method, path) => {
      if (method === 'POST' && path.endsWith('/notifications/channels')) return { status: 200, body: closed };
      return path.includes('/notifications/channels/c1/') ? { status: 200, body: { entities: [] } } : null;
    });
    const { of } = await examine(simulator, front);
    expect(of('websocket')).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining('127.0.0.1:1'),
      remedy: expect.stringContaining('Let this machine reach 127.0.0.1:1'),
    });
  });

  test('a socket on which nothing is heard', async () => {
    const simulator = await organisation();
    const muting = setInterval(simulator.muteSockets, 1);
    const { of } = await examine(simulator, { timeoutMs: 4_000, pingAfterMs: 100 });
    clearInterval(muting);
    expect(of('websocket')).toMatchObject({ outcome: 'failed', detail: expect.stringContaining('nothing came') });
  });

  test('19 channels: the twentieth is left to running bridges', async () => {
    const simulator = await organisation();
    const token = await fetch(`${simulator.loginUrl}/oauth/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`simulated-client:${SECRET}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
    });
    const { access_token } = (await token.json()) as { access_token: string };
    for (let index = 0; index < 19; index += 1) {
      const headers = { authorization: `Bearer ${access_token}` };
      await fetch(`${simulator.apiUrl}/api/v2/notifications/channels`, { method: 'POST', headers });
    }
    const { of, outcomes } = await examine(simulator);
    expect(of('subscription')).toMatchObject({
      outcome: 'warning',
      detail: expect.stringContaining('19 of 20 channels'),
    });
    expect(outcomes['websocket']).toBe('skipped');
    expect(simulator.channels()).toHaveLength(19);
  });

  test.each([
    [-4_000, 'warning', /^this clock is \d\.\d s ahead of that of Genesys$/],
    [60_000, 'failed', /^this clock is \d+\.\d s behind that of Genesys$/],
  ])('a clock that is off by %d ms', async (offMs, outcome, detail) => {
    const simulator = await organisation();
    const date = () => ({ date: new Date(Date.now() + offMs).toUTCString() });
    const front = await behind(simulator, () => null, date);
    const { of } = await examine(simulator, front);
    expect(of('clock')).toMatchObject({ outcome, detail: expect.stringMatching(detail) });
    expect(of('clock').remedy).toContain('Synchronize');
  });

  test('a limit of requests that is nearly used up', async () => {
    const { of } = await examine(await organisation({ requestsPerMinute: 40 }));
    expect(of('requests')).toMatchObject({
      outcome: 'warning',
      detail: expect.stringMatching(/ has used \d+ of the 40 /),
    });
  });

  test('a proxy that is not there, by its variable', async () => {
    process.env['HTTP_PROXY'] = `http://me:${SECRET}@127.0.0.1:1`;
    const { of } = await examine(await organisation());
    expect(of('token').detail).toMatch(/^HTTP_PROXY: cannot reach http:\/\/127\.0\.0\.1:1 \(ECONNREFUSED\)/);
  });

  test('a Genesys that answers nothing ends in time', async () => {
    const simulator = await organisation();
    const front = await behind(simulator, () => null);
    const stuck = await startConnectProxy({ refuse: 'silence' });
    stage.stopLater(stuck.stop);
    process.env['HTTP_PROXY'] = `http://127.0.0.1:${stuck.port}`;
    const { of } = await examine(simulator, { ...front, timeoutMs: 200 });
    expect(of('token')).toMatchObject({ outcome: 'failed', detail: expect.stringContaining('no answer in 200 ms') });
  });
});
