import { once } from 'node:events';
import { afterEach, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import type { Truth } from '../../../src/simulator';
import { createStage, until } from '../genesys/support';

const stage = createStage();
afterEach(stage.stopAll);

test('the simulator is watched and steered over HTTP: truth, pause, resume, drop-sockets', async () => {
  const simulator = await stage.simulate({ speed: 200, conversationsPerSecond: 0.5 });
  const { feed, states } = await stage.watch(simulator);
  const truth = async () =>
    (await (await fetch(`${simulator.apiUrl}/truth`)).json()) as Truth & { readonly visits: readonly object[] };
  const control = (name: string) => fetch(`${simulator.apiUrl}/control/${name}`, { method: 'POST' });
  await until(feed.ready);
  expect(await truth()).toEqual({ events: 0, conversations: [], visits: [] });

  await control('resume');
  await until(async () => (await truth()).conversations.length > 0);
  await control('pause');
  const { visits, ...still } = await truth();
  expect(still).toEqual(simulator.truth());
  expect(visits.length).toBeGreaterThanOrEqual(still.conversations.length);
  expect(await (await control('pause')).json()).toEqual({ events: still.events, paused: true });

  await control('drop-sockets');
  await until(() => states.length === 3);
  expect(states).toEqual(['ready', 'degraded', 'ready']);

  for (const name of ['explode', 'constructor']) {
    const unknown = await control(name);
    expect(unknown.status).toBe(404);
    const allowed: unknown = expect.arrayContaining(['pause', 'resume', 'drop-sockets']);
    expect(await unknown.json()).toMatchObject({ allowed });
  }
});

test('no web page gets at it: not at what needs no token, not at the API, not at the socket', async () => {
  const simulator = await stage.simulate({});
  for (const headers of [{ Origin: 'https://page.example' }, { 'Sec-Fetch-Site': 'cross-site' }]) {
    for (const path of ['/truth', '/control/limits', '/api/v2/routing/queues']) {
      expect([path, (await fetch(`${simulator.apiUrl}${path}`, { headers })).status]).toEqual([path, 403]);
    }
    expect((await fetch(`${simulator.apiUrl}/control/pause`, { method: 'POST', headers })).status).toBe(403);
    const socket = new WebSocket(`${simulator.apiUrl.replace('http', 'ws')}/channels/any`, { headers });
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
    expect(response.statusCode).toBe(403);
    socket.on('error', () => undefined).terminate();
  }
});
