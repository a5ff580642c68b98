import { afterEach, describe, expect, test } from '@jest/globals';
import type { Simulator } from '../../../src/simulator';
import { createStage, until, type Watch } from './support';

const stage = createStage();
afterEach(stage.stopAll);

const BUSY = { speed: 200, conversationsPerSecond: 0.2 } as const;

/** Events go on arriving: the socket that is open now works. */
async function hearsMore({ frames }: Watch): Promise<void> {
  const before = frames.length;
  await until(() => frames.length > before);
}

const openChannels = (simulator: Simulator): readonly string[] =>
  simulator.channels().flatMap(({ id, isOpen }) => (isOpen ? [id] : []));

describe('a feed stays connected', () => {
  test('after dropped sockets, on the same channels', async () => {
    const simulator = await stage.simulate({ ...BUSY, queues: 4 });
    const watch = await stage.watch(simulator, { topicsPerChannel: 2 });
    await until(watch.feed.ready);
    simulator.resume();
    await hearsMore(watch);
    const channels = openChannels(simulator);
    for (let round = 1; round <= 3; round += 1) {
      const before = watch.states.length;
      simulator.dropSockets();
      await until(() => watch.states.slice(before).includes('degraded'));
      // The feed may be ready in between: the ends of two sockets need not come at once.
      await until(() => watch.feed.ready() && openChannels(simulator).length === channels.length);
      await hearsMore(watch);
    }
    expect(openChannels(simulator).toSorted()).toEqual(channels.toSorted());
    expect(watch.states.slice(0, 3)).toEqual(['ready', 'degraded', 'ready']);
  });

  test('after silence: pings first, then takes the socket for dead', async () => {
    const simulator = await stage.simulate({ heartbeatMs: 60_000 });
    const timings = { pingAfterMs: 50, deadAfterMs: 1_500 };
    const { feed, states, metrics, lines } = await stage.watch(simulator, { timings });
    await until(feed.ready);
    // No heartbeat comes; the answers to pings keep the socket alive.
    const pongs = async () => (await metrics.notifications.get()).values.find(({ labels }) => labels.kind === 'pong');
    await until(async () => ((await pongs())?.value ?? 0) >= 8);
    expect(states).toEqual(['ready']);
    simulator.muteSockets();
    await until(() => states.length === 3);
    expect(states).toEqual(['ready', 'degraded', 'ready']);
    expect(lines.join('')).toContain('"reason":"silent"');
  });

  test('on notice of closing: the successor is open before the old socket goes', async () => {
    const simulator = await stage.simulate({ ...BUSY });
    const watch = await stage.watch(simulator);
    await until(watch.feed.ready);
    simulator.resume();
    await hearsMore(watch);
    const [first] = openChannels(simulator);
    simulator.announceClosing(60_000);
    await until(() => openChannels(simulator).length === 2);
    await until(() => openChannels(simulator).length === 1);
    expect(openChannels(simulator)).not.toContain(first);
    await hearsMore(watch);
    expect(watch.states).toEqual(['ready']);
  });

  test('beyond the life of a channel: make before break, and no event is missed', async () => {
    const simulator = await stage.simulate({ ...BUSY, channelLifetimeMs: 20_000 });
    const watch = await stage.watch(simulator, { timings: { renewAtFraction: 0.1 } });
    await until(watch.feed.ready);
    simulator.resume();
    const seen = new Set<string>();
    await until(() => {
      for (const id of openChannels(simulator)) seen.add(id);
      return seen.size >= 4;
    });
    simulator.pause();
    const { events } = simulator.truth();
    // Overlap makes duplicates; what counts is that each event came.
    await until(() => new Set(watch.frames.map(({ bytes }) => bytes.toString())).size === events);
    expect(watch.states).toEqual(['ready']);
  });

  test('when its tokens are refused: logs in again', async () => {
    const simulator = await stage.simulate({ ...BUSY });
    const watch = await stage.watch(simulator);
    await until(watch.feed.ready);
    simulator.revokeTokens();
    simulator.dropSockets();
    await until(() => watch.states.length === 3);
    simulator.resume();
    await hearsMore(watch);
    const logins = (await watch.metrics.genesysRequests.get()).values.find(
      ({ labels }) => labels.route === '/oauth/token',
    );
    expect(logins?.value).toBe(2);
  });

  test('when its tokens end: logs in before they do', async () => {
    const simulator = await stage.simulate({ ...BUSY, tokenLifetimeMs: 15_000, channelLifetimeMs: 60_000 });
    const watch = await stage.watch(simulator, { timings: { renewAtFraction: 0.1 } });
    await until(watch.feed.ready);
    const logins = async () =>
      (await watch.metrics.genesysRequests.get()).values.find(({ labels }) => labels.route === '/oauth/token')?.value ??
      0;
    await until(async () => (await logins()) >= 3);
    const refused = (await watch.metrics.genesysRequests.get()).values.filter(({ labels }) => labels.status === '401');
    expect(refused).toEqual([]);
    expect(watch.states).toEqual(['ready']);
  });

  test('when the old socket is lost before the new one is open: that is a gap', async () => {
    const simulator = await stage.simulate({ queues: 1 });
    const watch = await stage.watch(simulator);
    await until(watch.feed.ready);
    const gaps = async () => (await watch.metrics.gaps.get()).values[0]?.value;
    expect(await gaps()).toBe(1);
    simulator.faults.begin({ kind: 'slow-answers', parameters: { byMs: 3_000 } });
    simulator.announceClosing(60_000);
    await until(() => watch.lines.some((line) => line.includes('the bridge replaces a channel of Genesys')));
    simulator.dropSockets();
    await until(() => watch.states.includes('degraded'));
    simulator.faults.endAll();
    await until(async () => (await gaps()) === 2);
    await until(watch.feed.ready);
    expect(watch.states).toEqual(['ready', 'degraded', 'ready']);
  });

  test('when the service does not answer for a while', async () => {
    const simulator = await stage.simulate({ ...BUSY });
    const watch = await stage.watch(simulator);
    await until(watch.feed.ready);
    const { port } = new URL(simulator.apiUrl);
    await simulator.stop();
    await until(() =>
      watch.lines.some((line) => line.includes('the bridge could not open a channel of Genesys and tries again')),
    );
    const again = await stage.simulate({ ...BUSY, port: Number(port) });
    await until(watch.feed.ready);
    again.resume();
    await hearsMore(watch);
  });

  test('with as many requests as there are allowed, and says how many are left', async () => {
    const simulator = await stage.simulate({ queues: 8, requestsPerMinute: 10 });
    const { feed, lines, metrics } = await stage.watch(simulator, { topicsPerChannel: 2 });
    // The list, the available topics, 4 channels and 4 subscriptions are 10 requests: exactly what is allowed.
    await until(feed.ready);
    expect((await metrics.rateLimitRemaining.get()).values[0]?.value).toBe(0);
    expect(lines.join('')).not.toContain('429');
  });

  test('stopped, it leaves nothing open', async () => {
    const simulator = await stage.simulate({ queues: 4 });
    const { feed, states } = await stage.watch(simulator, { topicsPerChannel: 1 });
    await until(feed.ready);
    expect(openChannels(simulator)).toHaveLength(4);
    await feed.stop();
    await until(() => openChannels(simulator).length === 0);
    expect(states.at(-1)).toBe('stopped');
    expect(feed.ready()).toBe(false);
  });
});
