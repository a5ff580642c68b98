import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { aClient, createStage, until } from '../genesys/support';

const stage = createStage();
afterEach(stage.stopAll);

const CHANNELS = '/api/v2/notifications/channels';
const NONE = {
  tooManyRequests: 0,
  channelsEvicted: 0,
  tooManyTopics: 0,
  channelsExpired: 0,
  socketsReplaced: 0,
  expiredTokens: 0,
};

describe('the limits of the organisation', () => {
  test('300 requests in a window; who waits as long as told is served again', async () => {
    // A window of 10 s: 301 requests fit into it on a busy machine, too.
    const simulator = await stage.simulate({ acceleration: 6, startPaused: true });
    const client = await aClient(simulator);
    const ask = () => client.send('GET', '/api/v2/routing/queues');
    const answers = await Promise.all(Array.from({ length: 301 }, ask));
    const [answer, ...more] = answers.filter(({ status }) => status !== 200);
    if (!answer) throw new Error('the 301st request was served');
    expect(more).toEqual([]);
    expect(answer).toMatchObject({ status: 429, body: { code: 'too.many.requests' } });
    expect(answer.headers.get('inin-ratelimit-allowed')).toBe('300');
    expect(answer.headers.get('inin-ratelimit-count')).toBe('301');
    // A sixth of a minute, told as Genesys tells it: whole seconds, never too few.
    expect(answer.headers.get('retry-after')).toMatch(/^([1-9]|10)$/);
    expect(answer.headers.get('inin-ratelimit-reset')).toBe(answer.headers.get('retry-after'));
    await sleep(Number(answer.headers.get('retry-after')) * 1_000);
    expect((await ask()).status).toBe(200);
    expect(simulator.limits()).toMatchObject({ ...NONE, tooManyRequests: 1 });
  });

  test('20 channels, 1,000 topics, one socket a channel: each breach is counted', async () => {
    const simulator = await stage.simulate({ queues: 1_001 });
    const client = await aClient(simulator);
    const ids = simulator.queues.map(({ id }) => id);
    const first = await client.channel(ids.slice(0, 1_000));
    expect((await client.subscribe(first.id, ids.slice(1_000))).status).toBe(400);
    expect(simulator.limits()).toMatchObject({ ...NONE, tooManyTopics: 1 });

    const [channel] = ((await client.send('GET', CHANNELS)).body as { entities: { connectUri: string }[] }).entities;
    const second = await client.open(channel?.connectUri ?? '');
    await until(() => first.socket.readyState === first.socket.CLOSED);
    expect(simulator.limits()).toMatchObject({ ...NONE, tooManyTopics: 1, socketsReplaced: 1 });

    for (let created = 2; created <= 21; created += 1) await client.send('POST', CHANNELS);
    await until(() => second.socket.readyState === second.socket.CLOSED);
    expect(second.frames).toContain('{"result":"404"}');
    const counted = await (await fetch(`${simulator.apiUrl}/control/limits`)).json();
    expect(counted).toMatchObject({ ...NONE, tooManyTopics: 1, socketsReplaced: 1, channelsEvicted: 1 });
  });

  test('accelerated: channels and tokens end, and heartbeats come, as many times as often', async () => {
    // A day in 9 s.
    const simulator = await stage.simulate({ acceleration: 10_000, queues: 1, startPaused: true });
    const client = await aClient(simulator);
    const channel = await client.channel([simulator.queues[0]?.id ?? '']);
    await until(() => channel.frames.some((text) => text.includes('WebSocket Heartbeat')));
    await until(() => channel.socket.readyState === channel.socket.CLOSED);
    expect(channel.frames.at(-1)).toBe('{"result":"404"}');
    await until(async () => (await client.send('GET', CHANNELS)).status === 401);
    const { channelsExpired, expiredTokens } = simulator.limits();
    expect(channelsExpired).toBe(1);
    expect(expiredTokens).toBeGreaterThan(0);
  });

  test('the feed breaks none of them, through lost sockets, notices and the ends of channels', async () => {
    const simulator = await stage.simulate({
      queues: 4,
      speed: 200,
      conversationsPerSecond: 0.2,
      channelLifetimeMs: 30_000,
    });
    const watch = await stage.watch(simulator, { topicsPerChannel: 2, timings: { renewAtFraction: 0.1 } });
    await until(watch.feed.ready);
    simulator.resume();
    simulator.dropSockets();
    await until(() => watch.states.length === 3);
    const before = simulator.channels().map(({ id }) => id);
    simulator.announceClosing(500);
    await until(() => simulator.channels().filter(({ id, isOpen }) => isOpen && !before.includes(id)).length === 2);
    const channels = new Set<string>();
    await until(() => {
      for (const { id } of simulator.channels()) channels.add(id);
      return channels.size >= 12;
    });
    expect(simulator.limits()).toMatchObject(NONE);
    expect(simulator.limits().requests).toBeGreaterThan(12);
  });
});
