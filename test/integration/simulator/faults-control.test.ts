import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createFaultPlan, FAULT_KINDS, type FaultStatus, type Simulator } from '../../../src/simulator';
import { aClient, createStage, until } from '../genesys/support';

const stage = createStage();
let simulator: Simulator;
let client: Awaited<ReturnType<typeof aClient>>;
const begin = (kind: string, more: object = {}) => client.send('POST', '/control/faults', { kind, ...more });
const status = async () => (await client.send('GET', '/control/faults')).body as FaultStatus;

beforeEach(async () => {
  simulator = await stage.simulate({ queues: 3, speed: 200, conversationsPerSecond: 0.5 });
  client = await aClient(simulator);
});
afterEach(async () => {
  client.stop();
  await stage.stopAll();
});

describe('the organisation', () => {
  test('gets queues, renames and loses them; the last one stays', async () => {
    const [before] = simulator.queues.map(({ name }) => name).slice(0, 1);
    await begin('queues-appear', { count: 2 });
    expect(simulator.queues).toHaveLength(5);
    await begin('queues-renamed');
    expect(simulator.queues.filter(({ name }) => /\(renamed \d+\)$/.test(name))).toHaveLength(1);
    await begin('queues-disappear', { count: 100 });
    expect(simulator.queues).toHaveLength(1);
    expect(simulator.faults.status().counts['queues-disappear'].hits).toBe(4);
    expect(before).toBe('Queue 1');
  });

  test('forgets conversations for good: no row is right any more, 404, and nothing is sent', async () => {
    const channel = await client.channel(simulator.queues.map(({ id }) => id));
    simulator.resume();
    await until(() => simulator.truth().conversations.length >= 10);
    simulator.pause();
    // None is on its way any more.
    await until(() => channel.notifications().length === simulator.truth().events);
    const before = simulator.truth().conversations.map((row) => row.conversation_id);
    await begin('conversations-forgotten', { count: 5 });
    const after = new Set(simulator.truth().conversations.map((row) => row.conversation_id));
    const forgotten = before.filter((id) => !after.has(id));
    expect(forgotten).toHaveLength(5);
    for (const id of forgotten) {
      expect(await client.send('GET', `/api/v2/conversations/${id}`)).toMatchObject({
        status: 404,
        body: { code: 'not.found' },
      });
    }
    channel.forget();
    simulator.resume();
    await until(() => channel.notifications().length >= 100);
    for (const id of forgotten) expect(channel.conversations()).not.toContain(id);
  });
});

describe('the control of faults', () => {
  test('lists what is going on, counts, and ends by time or by request', async () => {
    await begin('forbidden', { share: 0.5 });
    await begin('clock-skew', { forMs: 60_000, byMs: 1_000 });
    expect((await status()).active).toEqual([
      { kind: 'forbidden', parameters: { share: 0.5 }, since: expect.any(String), until: null },
      { kind: 'clock-skew', parameters: { byMs: 1_000 }, since: expect.any(String), until: expect.any(String) },
    ]);
    await begin('forbidden', { forMs: 30 });
    await until(async () => (await status()).active.every(({ kind }) => kind !== 'forbidden'));
    expect((await status()).counts.forbidden.begun).toBe(2);
    await client.send('DELETE', '/control/faults');
    expect((await status()).active).toEqual([]);
    expect((await client.send('DELETE', '/control/faults/forbidden')).status).toBe(404);
  });

  test('refuses what it does not know, and names what there is', async () => {
    expect(await begin('earthquake')).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('sockets-half-open') },
    });
    expect(await begin('forbidden', { shar: 1 })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('shar') },
    });
    expect(await begin('forbidden', { share: 2 })).toMatchObject({ status: 400 });
    expect((await client.send('DELETE', '/control/faults/earthquake')).body).toMatchObject({
      allowed: [...FAULT_KINDS],
    });
    expect((await status()).counts.forbidden.begun).toBe(0);
  });

  test('the same seed hits the same requests', async () => {
    const hit = async (seed: number) => {
      await begin('forbidden', { share: 0.5, seed });
      const statuses: number[] = [];
      for (let asked = 0; asked < 20; asked += 1) statuses.push((await client.send('GET', '/api/v2/users')).status);
      return statuses;
    };
    const first = await hit(4);
    expect(await hit(4)).toEqual(first);
    expect(new Set(first)).toEqual(new Set([200, 403]));
  });

  test('a plan is told, runs through every kind, and leaves nothing behind', async () => {
    simulator.resume();
    await client.channel(simulator.queues.map(({ id }) => id));
    const { body } = await client.send('POST', '/control/plan', { seed: 11, minutes: 0.05 });
    expect((body as { plan: unknown }).plan).toEqual(createFaultPlan({ seed: 11, lengthMs: 3_000 }));
    await until(() => Object.values(simulator.faults.status().counts).every(({ begun }) => begun === 1));
    await until(() => simulator.faults.status().active.length === 0);
    await until(async () => {
      const { body: now } = await client.send('GET', '/control/plan');
      return (now as { plan: unknown[] }).plan.length === 0;
    });
  });

  test('a plan can be stopped; what is going on of it ends', async () => {
    await client.send('POST', '/control/plan', { seed: 1, minutes: 10, kinds: ['clock-skew'], slotSeconds: 600 });
    await client.send('POST', '/control/plan', { seed: 1, minutes: 1, kinds: ['clock-skew'], slotSeconds: 1 });
    await until(() => simulator.faults.status().active.length === 1);
    await client.send('DELETE', '/control/plan');
    expect(simulator.faults.status().active).toEqual([]);
    expect(await client.send('POST', '/control/plan', { seed: 1 })).toMatchObject({ status: 400 });
  });

  test('with a seed at its start, one thing after another goes wrong', async () => {
    // A minute of a slot takes 10 ms.
    const haunted = await stage.simulate({ acceleration: 6_000, speed: 200, faultsSeed: 3, startPaused: false });
    await until(() => Object.values(haunted.faults.status().counts).every(({ begun }) => begun >= 2));
  });
});
