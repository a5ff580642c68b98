import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { DEFAULT_FOLD_SETTINGS, fold } from '../../../src/conversation';
import { readLine } from '../../support/conversation/read-line';
import { createStage, topicOf, until } from './support';

const stage = createStage();
afterEach(stage.stopAll);

/** Conversations quick enough for a test: a talk of a minute takes a fraction of a second. */
const BUSY = { speed: 200, conversationsPerSecond: 0.2 } as const;

describe('the feed of notifications', () => {
  test('hands over every event of the watched queues, as sent, and none of the control frames', async () => {
    const simulator = await stage.simulate({ ...BUSY, heartbeatMs: 20 });
    const { feed, frames, metrics } = await stage.watch(simulator);
    await until(feed.ready);
    simulator.resume();
    await until(() => frames.length >= 100);
    simulator.pause();
    const { events } = simulator.truth();
    await until(() => frames.length === events);
    expect(new Set(frames.map(topicOf))).toEqual(
      new Set(simulator.queues.map(({ id }) => `v2.routing.queues.${id}.conversations`)),
    );
    const heartbeats = async () =>
      (await metrics.notifications.get()).values.find(({ labels }) => labels.kind === 'heartbeat');
    expect((await heartbeats())?.value).toBeGreaterThan(0);
  });

  test('what the fold makes of its frames is the truth', async () => {
    const simulator = await stage.simulate({ ...BUSY, seed: 5 });
    const { feed, frames } = await stage.watch(simulator);
    await until(feed.ready);
    simulator.resume();
    await until(() => frames.length >= 300 && simulator.truth().conversations.length > 3);
    simulator.pause();
    const truth = simulator.truth();
    await until(() => frames.length === truth.events);

    const states = new Map<string, Parameters<typeof fold>[0]>();
    const rows = new Map<string, Readonly<Record<string, unknown>>>();
    for (const { bytes, receivedAt } of frames) {
      const outcome = readLine(bytes, receivedAt);
      if (outcome?.kind !== 'event') throw new Error(`a frame is ${outcome?.kind ?? 'empty'}`);
      const id = outcome.event.conversationId;
      const { state, records } = fold(states.get(id) ?? null, outcome.event, DEFAULT_FOLD_SETTINGS);
      states.set(id, state);
      for (const { row } of records) {
        if (row) rows.set(id, { ...row });
        else rows.delete(id);
      }
    }
    expect([...rows.keys()].sort()).toEqual(truth.conversations.map((row) => row.conversation_id));
    for (const row of truth.conversations) {
      expect(rows.get(row.conversation_id)).toMatchObject({
        ...row,
        connected_time: Date.parse(row.connected_time),
        queue_connected_time: Date.parse(row.queue_connected_time),
      });
    }
  });

  test('watches the named queues only', async () => {
    const simulator = await stage.simulate({ ...BUSY, queues: 6 });
    const { feed, frames } = await stage.watch(simulator, { queues: ['queue 2', simulator.queues[4]?.id ?? ''] });
    await until(feed.ready);
    simulator.resume();
    await until(() => frames.length >= 30);
    const watched = feed.queues();
    expect(watched.map(({ name }) => name)).toEqual(['Queue 2', 'Queue 5']);
    const topics = watched.map(({ id }) => `v2.routing.queues.${id}.conversations`);
    for (const frame of frames) expect(topics).toContain(topicOf(frame));
  });

  test('subscribes before it opens the socket', async () => {
    const simulator = await stage.simulate({ queues: 3 });
    const subscribedWhenOpened: number[] = [];
    const { feed } = await stage.watch(simulator, {
      onState: (state) => {
        if (state === 'ready') subscribedWhenOpened.push(simulator.channels()[0]?.topics.size ?? 0);
      },
    });
    await until(feed.ready);
    expect(subscribedWhenOpened).toEqual([3]);
  });

  test('spreads more than 1,000 queues over channels, and reads all pages of the list', async () => {
    const simulator = await stage.simulate({ queues: 1_203 });
    const { feed } = await stage.watch(simulator);
    await until(feed.ready);
    expect(simulator.channels().map(({ topics }) => topics.size)).toEqual([1_000, 203]);
    expect(feed.queues().every(({ subscription }) => subscription === 'permitted')).toBe(true);
  });

  test('says which permission a queue lacks, and continues with the others', async () => {
    const simulator = await stage.simulate({
      queues: 3,
      missingPermissions: (topic) =>
        topic.includes(simulator.queues[1]?.id ?? '?') ? ['conversation:communication:view'] : [],
    });
    const { feed, lines, metrics } = await stage.watch(simulator);
    await until(feed.ready);
    expect(feed.queues().map(({ subscription }) => subscription)).toEqual(['permitted', 'rejected', 'permitted']);
    expect(feed.queues()[1]?.missingPermissions).toEqual(['conversation:communication:view']);
    expect(lines.join('')).toContain('conversation:communication:view');
    expect((await metrics.subscribedQueues.get()).values[0]?.value).toBe(2);
  });

  test('back-pressure: a paused feed reads nothing, and nothing is lost while the network holds it', async () => {
    const simulator = await stage.simulate({ ...BUSY, heartbeatMs: 50 });
    const { feed, frames } = await stage.watch(simulator);
    await until(feed.ready);
    feed.pause();
    simulator.resume();
    await until(() => simulator.truth().events >= 100);
    simulator.pause();
    const { events } = simulator.truth();
    const before = frames.length;
    expect(before).toBeLessThan(events);
    feed.resume();
    await until(() => frames.length === events);
    expect(feed.state()).toBe('ready');
  });

  test('a pause as long as a socket may be silent ends with new sockets: nobody knows what Genesys kept', async () => {
    const simulator = await stage.simulate({ heartbeatMs: 50 });
    const { feed, states } = await stage.watch(simulator, { timings: { pingAfterMs: 500, deadAfterMs: 3_000 } });
    await until(feed.ready);
    feed.pause();
    await sleep(3_500);
    expect(states).toEqual(['ready']);
    // Meanwhile somebody has set the clock back.
    const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now() - 86_400_000);
    feed.resume();
    clock.mockRestore();
    await until(() => states.length === 3);
    expect(states).toEqual(['ready', 'degraded', 'ready']);
  });
});

describe('queues that come, go and change their names', () => {
  const POLLED = { timings: { queuesEveryMs: 50 } };

  test('are followed without touching the sockets of the others', async () => {
    const simulator = await stage.simulate({ ...BUSY, queues: 4 });
    const { feed, frames, states } = await stage.watch(simulator, { ...POLLED, topicsPerChannel: 2 });
    await until(feed.ready);
    const before = simulator.channels().map(({ id }) => id);
    const [gone, renamed] = simulator.queues;
    const changes = { remove: [gone?.id ?? ''], rename: { [renamed?.id ?? '']: 'Other' }, add: ['New'] };
    await fetch(`${simulator.apiUrl}/control/queues`, { method: 'POST', body: JSON.stringify(changes) });
    const names = (): string[] => feed.queues().map(({ name }) => name);
    await until(() => names().includes('New') && names().includes('Other') && !names().includes(gone?.name ?? ''));
    await until(() => feed.queues().every(({ subscription }) => subscription === 'permitted'));
    expect(simulator.channels().map(({ id }) => id)).toEqual(expect.arrayContaining(before));
    expect(states).not.toContain('waiting');
    simulator.resume();
    const added = simulator.queues.find(({ name }) => name === 'New')?.id ?? '?';
    await until(() => frames.some((frame) => topicOf(frame).includes(added)));
  });

  test('the bridge tries a refused queue again until Genesys permits it', async () => {
    let isPermitted = false;
    const simulator = await stage.simulate({
      queues: 2,
      missingPermissions: () => (isPermitted ? [] : ['routing:queue:view']),
    });
    const { feed, metrics } = await stage.watch(simulator, { timings: { refusedCapMs: 50 } });
    await until(() => feed.queues().every(({ subscription }) => subscription === 'rejected'));
    const refused = (await metrics.refusedQueues.get()).values;
    expect(refused).toMatchObject([{ labels: { permission: 'routing:queue:view' }, value: 2 }]);
    isPermitted = true;
    await until(() => feed.queues().every(({ subscription }) => subscription === 'permitted'));
    expect((await metrics.refusedQueues.get()).values).toEqual([]);
  });

  test('shards share them out, each queue to one', async () => {
    const simulator = await stage.simulate({ queues: 12 });
    const feeds = await Promise.all(
      [0, 1, 2].map((index) => stage.watch(simulator, { shard: { index, count: 3 }, channels: 6 })),
    );
    await until(() => feeds.every(({ feed }) => feed.ready()));
    const watched = feeds.flatMap(({ feed }) => feed.queues().map(({ id }) => id));
    expect(watched.sort()).toEqual(simulator.queues.map(({ id }) => id).sort());
  });
});

describe('a feed that cannot start says why', () => {
  test('wrong credentials: names the variables, not the secret', async () => {
    const simulator = await stage.simulate();
    const failure = stage.watch(simulator, { credentials: { clientId: 'me', clientSecret: 'hunter2-wrong' } });
    await expect(failure).rejects.toMatchObject({ name: 'UsageError', exitCode: 2 });
    await expect(failure).rejects.toThrow(
      /GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET: http.*HTTP 401, correlation id [0-9a-f-]{36}/,
    );
    await expect(failure).rejects.not.toThrow(/hunter2/);
  });

  test('a queue that does not exist: names it', async () => {
    const simulator = await stage.simulate({ queues: 2 });
    const failure = stage.watch(simulator, { queues: ['Queue 1', 'Sales'] });
    await expect(failure).rejects.toThrow(
      'QUEUES: "Sales": no queue has that id or name (2 queues are visible to this client).',
    );
  });

  test('nobody answers: names the host and the reason, after the last attempt', async () => {
    const simulator = await stage.simulate();
    const { loginUrl } = simulator;
    await simulator.stop();
    const failure = stage.watch(simulator);
    await expect(failure).rejects.toMatchObject({ name: 'GenesysError' });
    await expect(failure).rejects.toThrow(new RegExp(`POST /oauth/token at ${new URL(loginUrl).host}: .*ECONNREFUSED`));
  });

  test('more queues than a client can have: says how many', async () => {
    const simulator = await stage.simulate({ queues: 40 });
    const failure = stage.watch(simulator, { topicsPerChannel: 2 });
    await expect(failure).rejects.toThrow(
      'QUEUES: selects 40 queues, but the channels of this bridge hold 36 (GENESYS_CHANNELS=18, 2 queues each).',
    );
  });
});
