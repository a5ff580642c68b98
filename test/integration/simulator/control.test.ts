import { afterEach, expect, test } from '@jest/globals';
import type { Truth } from '../../../src/simulator';
import { createStage, until } from '../genesys/support';

const stage = createStage();
afterEach(stage.stopAll);

test('the simulator is watched and steered over HTTP: truth, pause, resume, drop-sockets', async () => {
  const simulator = await stage.simulate({ speed: 200, conversationsPerSecond: 0.5 });
  const { feed, states } = await stage.watch(simulator);
  const truth = async () => (await (await fetch(`${simulator.apiUrl}/truth`)).json()) as Truth;
  const control = (name: string) => fetch(`${simulator.apiUrl}/control/${name}`, { method: 'POST' });
  await until(feed.ready);
  expect(await truth()).toEqual({ events: 0, conversations: [] });

  await control('resume');
  await until(async () => (await truth()).conversations.length > 0);
  await control('pause');
  const still = await truth();
  expect(still).toEqual(simulator.truth());
  expect(await (await control('pause')).json()).toEqual({ events: still.events, paused: true });

  await control('drop-sockets');
  await until(() => states.length === 3);
  expect(states).toEqual(['ready', 'degraded', 'ready']);

  const unknown = await control('explode');
  expect(unknown.status).toBe(404);
  expect(await unknown.json()).toMatchObject({ allowed: expect.arrayContaining(['pause', 'resume', 'drop-sockets']) });
});
