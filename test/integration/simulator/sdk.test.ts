import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  AnalyticsApi,
  ApiClient,
  ConversationsApi,
  NotificationsApi,
  RoutingApi,
  type Models,
} from 'purecloud-platform-client-v2';
import { WebSocket } from 'ws';
import type { Simulator } from '../../../src/simulator';
import { createStage, until } from '../genesys/support';

/**
 * Genesys's own SDK, unmodified, and a plain websocket as the clients: the simulated organisation must be the protocol
 * and not our idea of it. `setGateway` is the SDK's way to another host and to http.
 */
const stage = createStage();
const BUSY = { speed: 200, conversationsPerSecond: 0.5 } as const;
const client = ApiClient.instance;
// It watches a file in the home folder, beyond the end of the tests.
client.config.live_reload_config = false;
const sockets: WebSocket[] = [];
let simulator: Simulator;

beforeEach(async () => {
  simulator = await stage.simulate({ ...BUSY, queues: 30, heartbeatMs: 100 });
  const { hostname, port } = new URL(simulator.apiUrl);
  client.setGateway({
    protocol: 'http',
    host: hostname,
    port: Number(port),
    path_params_login: '',
    path_params_api: '',
  });
  await client.loginClientCredentialsGrant(simulator.clientId, simulator.clientSecret);
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await stage.stopAll();
});

function listen(uri: string | undefined): string[] {
  const frames: string[] = [];
  const socket = new WebSocket(uri ?? '');
  sockets.push(socket);
  socket.on('message', (data: Buffer) => frames.push(data.toString('utf8')));
  socket.on('open', () => socket.send(JSON.stringify({ message: 'ping' })));
  return frames;
}

const topic = (id: string | undefined): string => `v2.routing.queues.${id ?? ''}.conversations`;

describe("Genesys's SDK against the simulated organisation", () => {
  test('logs in; wrong credentials are refused', async () => {
    const { accessToken } = await client.loginClientCredentialsGrant(simulator.clientId, simulator.clientSecret);
    expect(accessToken).toMatch(/^[\w-]{20,}$/);
    const refused = client.loginClientCredentialsGrant(simulator.clientId, 'wrong');
    await expect(refused).rejects.toMatchObject({ response: { status: 401, data: { error: 'invalid_client' } } });
  });

  test('lists queues, page by page', async () => {
    const api = new RoutingApi();
    const pages = [1, 2, 3].map((pageNumber) => api.getRoutingQueues({ pageNumber, pageSize: 12 }));
    const [first, second, third] = await Promise.all(pages);
    expect([first, second, third].map((page) => page?.entities?.length)).toEqual([12, 12, 6]);
    expect(first).toMatchObject({ total: 30, pageCount: 3, pageNumber: 1, pageSize: 12 });
    const ids = [first, second, third].flatMap((page) => page?.entities ?? []).map((queue: Models.Queue) => queue.id);
    expect(ids.toSorted()).toEqual(simulator.queues.map(({ id }) => id).toSorted());
  });

  test('creates a channel, subscribes, and receives events, heartbeats and the pong', async () => {
    const api = new NotificationsApi();
    const channel = await api.postNotificationsChannels();
    expect(Date.parse(channel.expires ?? '')).toBeGreaterThan(Date.now() + 23 * 3_600_000);
    const topics = simulator.queues.map(({ id }) => ({ id: topic(id) }));
    const { entities } = await api.postNotificationsChannelSubscriptions(channel.id ?? '', topics, {
      ignoreErrors: true,
    });
    expect(entities?.map(({ state }) => state)).toEqual(topics.map(() => 'Permitted'));

    const frames = listen(channel.connectUri);
    await until(() => frames.length > 0);
    simulator.resume();
    await until(() => frames.filter((text) => text.includes('v2.routing.queues.')).length >= 20);
    expect(frames).toContain('{"topicName":"channel.metadata","eventBody":{"message":"pong"}}');
    await until(() =>
      frames.includes('{"topicName":"channel.metadata","eventBody":{"message":"WebSocket Heartbeat"}}'),
    );
  });

  test('lists, replaces and deletes subscriptions', async () => {
    const api = new NotificationsApi();
    const { id = '' } = await api.postNotificationsChannels();
    const [one, two] = simulator.queues.map((queue) => ({ id: topic(queue.id) }));
    const listed = async () =>
      (await api.getNotificationsChannelSubscriptions(id)).entities?.map((entity) => entity.id);
    await api.postNotificationsChannelSubscriptions(id, [one ?? {}]);
    await api.postNotificationsChannelSubscriptions(id, [two ?? {}]);
    expect(await listed()).toEqual([one?.id, two?.id]);
    await api.putNotificationsChannelSubscriptions(id, [two ?? {}]);
    expect(await listed()).toEqual([two?.id]);
    await api.deleteNotificationsChannelSubscriptions(id);
    expect(await listed()).toEqual([]);
    expect((await api.getNotificationsChannels()).entities?.map((channel) => channel.id)).toEqual([id]);
  });

  test('meets the limits: 1,000 topics a channel, 20 channels of which the 21st removes the one used longest ago', async () => {
    const api = new NotificationsApi();
    const first = await api.postNotificationsChannels();
    const topics = Array.from({ length: 1_001 }, (_, index) => ({
      id: topic(simulator.queues[0]?.id) + String(index),
    }));
    const bad = api.postNotificationsChannelSubscriptions(first.id ?? '', topics);
    await expect(bad).rejects.toMatchObject({ status: 400 });
    for (let index = 2; index <= 20; index += 1) await api.postNotificationsChannels();
    expect((await api.getNotificationsChannels()).entities).toHaveLength(20);
    await api.postNotificationsChannels();
    const left = (await api.getNotificationsChannels()).entities ?? [];
    expect(left).toHaveLength(20);
    expect(left.map(({ id }) => id)).not.toContain(first.id);
    await expect(api.getNotificationsChannelSubscriptions(first.id ?? '')).rejects.toMatchObject({ status: 404 });
  });

  test('learns the permissions of the topics it may ask for', async () => {
    const { entities } = await new NotificationsApi().getNotificationsAvailabletopics({
      expand: ['requiresPermissions', 'transports'],
    });
    const queues = entities?.find(({ id }) => id === 'v2.routing.queues.{id}.conversations');
    expect(queues?.requiresPermissions).toContain('routing:queue:view');
    expect(queues?.transports).toContain('Websocket');
  });

  test('asks which conversations are in the queues now', async () => {
    simulator.resume();
    await until(() => simulator.truth().conversations.some(({ waiting }) => waiting));
    simulator.pause();
    const waiting = simulator.truth().conversations.filter((row) => row.waiting);
    const { results } = await new AnalyticsApi().postAnalyticsConversationsActivityQuery({
      metrics: ['oWaiting', 'oAlerting', 'oInteracting'].map((metric) => ({ metric, details: true })),
      groupBy: ['queueId'],
      filter: {
        type: 'or',
        predicates: simulator.queues.map(({ id: value }) => ({ type: 'dimension', dimension: 'queueId', value })),
      },
    });
    expect(results).toHaveLength(simulator.queues.length);
    const found = (results ?? []).flatMap(({ group, entities = [] }) =>
      entities
        .filter(({ metric }) => metric === 'oWaiting')
        .map(({ conversationId, queueId }) => {
          expect(group).toEqual({ queueId });
          return conversationId;
        }),
    );
    expect(found.sort()).toEqual(waiting.map((row) => row.conversation_id).sort());
  });

  test('reads a conversation by id, in the spellings of REST; an unknown one is 404', async () => {
    simulator.resume();
    await until(() => simulator.truth().conversations.length > 0);
    simulator.pause();
    const [row] = simulator.truth().conversations;
    const api = new ConversationsApi();
    const conversation = await api.getConversation(row?.conversation_id ?? '');
    const participant = conversation.participants.find(({ id }) => id === row?.participant_id);
    expect(participant).toMatchObject({ purpose: row?.purpose, chats: expect.anything(), socialExpressions: [] });
    expect(Date.parse(conversation.startTime)).toBeLessThan(Date.parse(row?.connected_time ?? '') + 1);
    await expect(api.getConversation('no-such-conversation')).rejects.toMatchObject({ status: 404 });
  });
});
