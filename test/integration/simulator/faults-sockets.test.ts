import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Simulator } from '../../../src/simulator';
import { aClient, createStage, until } from '../genesys/support';

/** Each fault as a client sees it that is not the bridge's: `ws`, fetch, and nothing in between. */
const stage = createStage();
let simulator: Simulator;
let client: Awaited<ReturnType<typeof aClient>>;
const allQueues = () => simulator.queues.map(({ id }) => id);
const begin = (kind: string, more: object = {}) => client.send('POST', '/control/faults', { kind, ...more });
const end = (kind: string) => client.send('DELETE', `/control/faults/${kind}`);
const isHeartbeat = (text: string): boolean => text.includes('WebSocket Heartbeat');

beforeEach(async () => {
  simulator = await stage.simulate({ queues: 3, speed: 200, conversationsPerSecond: 0.5, heartbeatMs: 20 });
  client = await aClient(simulator);
});
afterEach(async () => {
  client.stop();
  await stage.stopAll();
});

describe('sockets', () => {
  test('are half-open: nothing comes any more, pings are not answered, and they stay open', async () => {
    const channel = await client.channel(allQueues());
    await until(() => channel.frames.some(isHeartbeat));
    await begin('sockets-half-open');
    channel.forget();
    simulator.resume();
    channel.socket.send(JSON.stringify({ message: 'ping' }));
    const other = await client.channel(allQueues());
    await until(() => other.notifications().length > 20);
    expect(channel.frames).toEqual([]);
    expect(channel.socket.readyState).toBe(channel.socket.OPEN);
  });

  test('are cut, all or a share of them', async () => {
    const channels = await Promise.all(Array.from({ length: 12 }, () => client.channel(allQueues())));
    const isOpen = () => channels.filter(({ socket }) => socket.readyState === socket.OPEN).length;
    await begin('sockets-dropped', { share: 0.5, seed: 3 });
    const { counts } = simulator.faults.status();
    const { hits } = counts['sockets-dropped'];
    expect(hits).toBeGreaterThan(0);
    expect(hits).toBeLessThan(12);
    await until(() => isOpen() === 12 - hits);
    await begin('sockets-dropped');
    await until(() => isOpen() === 0);
  });

  test('have no heartbeats for a while; pings are answered', async () => {
    const channel = await client.channel(allQueues());
    await until(() => channel.frames.some(isHeartbeat));
    await begin('heartbeats-stopped');
    channel.socket.send(JSON.stringify({ message: 'ping' }));
    await until(() => channel.frames.some((text) => text.includes('"pong"')));
    channel.forget();
    const other = await client.channel(allQueues());
    simulator.resume();
    await until(() => channel.notifications().length > 20);
    expect([...channel.frames, ...other.frames].filter(isHeartbeat)).toEqual([]);
    await end('heartbeats-stopped');
    await until(() => channel.frames.some(isHeartbeat));
  });

  test('are closed with notice', async () => {
    const channel = await client.channel(allQueues());
    await begin('sockets-closing', { noticeMs: 200 });
    await until(() => channel.frames.includes('{"topicName":"v2.system.socket_closing","eventBody":{}}'));
    await until(() => channel.socket.readyState === channel.socket.CLOSED);
    // The same connectUri goes on.
    const { connectUri } = (
      (await client.send('GET', '/api/v2/notifications/channels')).body as { entities: { connectUri: string }[] }
    ).entities[0] ?? { connectUri: '' };
    const again = await client.open(connectUri);
    expect(again.socket.readyState).toBe(again.socket.OPEN);
  });

  test('do not open: 403 and 503', async () => {
    const { body } = await client.send('POST', '/api/v2/notifications/channels');
    const { connectUri } = body as { connectUri: string };
    for (const status of [403, 503]) {
      await begin('upgrades-refused', { status });
      await expect(client.open(connectUri)).rejects.toThrow(`Unexpected server response: ${status}`);
    }
    await end('upgrades-refused');
    const { socket } = await client.open(connectUri);
    expect(socket.readyState).toBe(socket.OPEN);
    expect(simulator.faults.status().counts['upgrades-refused']).toEqual({ begun: 2, hits: 2 });
  });
});

describe('channels', () => {
  test('expire: told on the socket, 404 for requests', async () => {
    const channel = await client.channel(allQueues());
    await begin('channels-expired');
    await until(() => channel.socket.readyState === channel.socket.CLOSED);
    expect(channel.frames.at(-1)).toBe('{"result":"404"}');
    const { status, body } = await client.subscribe(channel.id, allQueues());
    expect([status, (body as { code: string }).code]).toEqual([404, 'not.found']);
  });

  test('the one used longest ago is removed', async () => {
    const [first, second] = [await client.channel(allQueues()), await client.channel(allQueues())];
    await client.subscribe(first.id, allQueues());
    await begin('oldest-channel-removed');
    await until(() => second.socket.readyState === second.socket.CLOSED);
    expect(first.socket.readyState).toBe(first.socket.OPEN);
    expect(simulator.limits().channelsEvicted).toBe(0);
  });

  test('subscriptions are rejected, with the permissions that are missing; those that exist stay', async () => {
    const channel = await client.channel(allQueues().slice(0, 1));
    await begin('subscriptions-rejected', { missingPermissions: ['routing:queue:view'] });
    const { body } = await client.subscribe(channel.id, allQueues().slice(1));
    expect((body as { entities: object[] }).entities).toEqual(
      allQueues()
        .slice(1)
        .map((id) => ({
          id: `v2.routing.queues.${id}.conversations`,
          state: 'Rejected',
          rejectionReason: 'Missing permissions',
          missingPermissions: ['routing:queue:view'],
          selfUri: expect.any(String),
        })),
    );
    simulator.resume();
    await until(() => channel.topics().size === 1);
    await end('subscriptions-rejected');
    const after = (await client.subscribe(channel.id, allQueues())).body as { entities: { state: string }[] };
    expect(after.entities.map(({ state }) => state)).toEqual(['Permitted', 'Permitted', 'Permitted']);
  });
});
