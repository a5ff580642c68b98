import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  AnalyticsApi,
  ApiClient,
  ConversationsApi,
  NotificationsApi,
  RoutingApi,
  UsersApi,
} from 'purecloud-platform-client-v2';
import { WebSocket } from 'undici';
import type { Simulator } from '../../../src/simulator';
import { deviations, eventModels, sdkModels } from '../../support/genesys/wire-models';
import { createStage, until } from '../genesys/support';

/**
 * What the simulated organisation says, field by field: its answers against the models of Genesys's SDK, through the SDK;
 * its notifications against the event body's field list, through a websocket client that is not the bridge's.
 */
const stage = createStage();
const client = ApiClient.instance;
// It watches a file in the home folder, beyond the end of the tests.
client.config.live_reload_config = false;
const SDK = sdkModels();
let simulator: Simulator;

beforeEach(async () => {
  simulator = await stage.simulate({
    ...{ queues: 5, speed: 300, conversationsPerSecond: 1, requestsPerMinute: 100_000, heartbeatMs: 50 },
  });
  const { hostname, port } = new URL(simulator.apiUrl);
  const path_params = { path_params_login: '', path_params_api: '' };
  client.setGateway({ protocol: 'http', host: hostname, port: Number(port), ...path_params });
  await client.loginClientCredentialsGrant(simulator.clientId, simulator.clientSecret);
});
afterEach(stage.stopAll);

/** Fields and words that no model has: Genesys adds some without notice, and nobody may stumble over them. All there are. */
const UNANNOUNCED = [
  'conferenceHint: no such field',
  ...['calls', 'callbacks', 'chats', 'emails', 'messages'].flatMap((medium) => [
    `${medium}.engagementScoreV3: no such field`,
    `${medium}.errorInfo.messageParams: no such field`,
  ]),
  ...['callbacks', 'chats'].map((medium) => `${medium}.errorInfo: no such field`),
  'emails.disconnectType: "endpoint.dnd" is no word of its',
  'cobrowsesessions.monitoringType: no such field',
].map((deviation) => `Conversation.participants.${deviation}`);

/** Holds what a call has answered against the model that the SDK declares for it. */
async function answered<T extends object>(call: string, answer: Promise<T>): Promise<T> {
  const body = await answer;
  const model = SDK.answerOf.get(call);
  if (model === undefined) throw new Error(`the SDK has no call ${call}`);
  expect(UNANNOUNCED).toEqual(expect.arrayContaining([...deviations(SDK.models, model, body)]));
  return body;
}

/** Of every medium, and as many as one request may ask for: however late we look, and many more live by then. */
async function someConversations(): Promise<readonly string[]> {
  const media = () => new Map(simulator.truth().conversations.map((row) => [row.media_type, row.conversation_id]));
  simulator.resume();
  await until(() => simulator.truth().conversations.length >= 60 && media().size === 5);
  simulator.pause();
  const all = simulator.truth().conversations.map((row) => row.conversation_id);
  return [...new Set([...media().values(), ...all])].slice(0, 100);
}

describe('answers have the fields of the SDK’s models, and no others', () => {
  test('lists of queues, users and skills, and each entry by itself', async () => {
    const [routing, users] = [new RoutingApi(), new UsersApi()];
    const page = await answered('getRoutingQueues', routing.getRoutingQueues({ pageSize: 2, pageNumber: 2 }));
    expect(page).toMatchObject({
      total: 5,
      pageCount: 3,
      nextUri: expect.any(String),
      previousUri: expect.any(String),
    });
    await answered('getRoutingQueue', routing.getRoutingQueue(page.entities?.[0]?.id ?? ''));
    const { entities: people = [] } = await answered('getUsers', users.getUsers({ pageSize: 100 }));
    expect(people.map(({ name }) => name)).toContain('Agent 1');
    await answered('getUser', users.getUser(people[0]?.id ?? ''));
    const { entities: skills = [] } = await answered('getRoutingSkills', routing.getRoutingSkills());
    expect(skills).toHaveLength(6);
    await answered('getRoutingSkill', routing.getRoutingSkill(skills[0]?.id ?? ''));
  });

  test('channels, subscriptions and topics', async () => {
    const api = new NotificationsApi();
    const { id = '' } = await answered('postNotificationsChannels', api.postNotificationsChannels());
    await answered('getNotificationsChannels', api.getNotificationsChannels());
    const topics = [...simulator.queues.map((queue) => queue.id), 'nowhere'].map((queueId) => ({
      id: `v2.routing.queues.${queueId}.conversations`,
    }));
    const { entities } = await answered(
      'postNotificationsChannelSubscriptions',
      api.postNotificationsChannelSubscriptions(id, topics, { ignoreErrors: true }),
    );
    expect(entities?.map(({ state }) => state)).toEqual([...simulator.queues.map(() => 'Permitted'), 'Rejected']);
    await answered(
      'putNotificationsChannelSubscriptions',
      api.putNotificationsChannelSubscriptions(id, topics.slice(0, 2)),
    );
    const listed = await answered('getNotificationsChannelSubscriptions', api.getNotificationsChannelSubscriptions(id));
    expect(listed.entities?.map((topic) => topic.id)).toEqual(topics.slice(0, 2).map((topic) => topic.id));
    await api.deleteNotificationsChannelSubscriptions(id);
    expect((await api.getNotificationsChannelSubscriptions(id)).entities).toEqual([]);
    const expand = ['description', 'requiresPermissions', 'transports', 'topicParameters'];
    await answered('getNotificationsAvailabletopics', api.getNotificationsAvailabletopics({ expand }));
  });

  test('conversations, of every medium and state', async () => {
    const ids = await someConversations();
    const api = new ConversationsApi();
    const media = new Set<string>();
    for (const id of ids) {
      const { participants } = await answered('getConversation', api.getConversation(id));
      for (const { calls, callbacks, chats, emails, messages } of participants) {
        const lists = Object.entries({ calls, callbacks, chats, emails, messages });
        for (const [medium, list = []] of lists) if (list.length > 0) media.add(medium);
      }
    }
    expect(media).toEqual(new Set(['calls', 'callbacks', 'chats', 'emails', 'messages']));
  });

  test('the activity of queues, and details of conversations by id and by query', async () => {
    const ids = await someConversations();
    const api = new AnalyticsApi();
    const { results = [] } = await answered(
      'postAnalyticsConversationsActivityQuery',
      api.postAnalyticsConversationsActivityQuery({
        metrics: ['oWaiting', 'oAlerting', 'oInteracting'].map((metric) => ({ metric, details: true })),
        groupBy: ['queueId'],
        filter: {
          type: 'or',
          predicates: simulator.queues.map(({ id: value }) => ({ type: 'dimension', dimension: 'queueId', value })),
        },
      }),
    );
    expect(results.flatMap(({ entities = [] }) => entities).length).toBeGreaterThan(0);
    const { conversations = [] } = await answered(
      'getAnalyticsConversationsDetails',
      api.getAnalyticsConversationsDetails({ id: [...ids] }),
    );
    expect(conversations.map(({ conversationId }) => conversationId).sort()).toEqual(ids.toSorted());
    const found = await answered(
      'postAnalyticsConversationsDetailsQuery',
      api.postAnalyticsConversationsDetailsQuery({ interval: '2000-01-01T00:00:00.000Z/2999-01-01T00:00:00.000Z' }),
    );
    expect(found.totalHits).toBeGreaterThanOrEqual(ids.length);
  });

  test('errors', async () => {
    const errorOf = (call: Promise<unknown>) =>
      call.then(
        () => expect('an answer').toBe('an error'),
        (body: unknown) => body,
      );
    const bodies = [await errorOf(new ConversationsApi().getConversation('unknown'))];
    for (const kind of ['forbidden', 'too-many-requests', 'server-errors'] as const) {
      simulator.faults.begin({ kind, parameters: kind === 'server-errors' ? { status: 503 } : {} });
      bodies.push(await errorOf(new RoutingApi().getRoutingQueues()));
      simulator.faults.endAll();
    }
    for (const body of bodies) expect([...deviations(SDK.models, 'ErrorBody', body)]).toEqual([]);
    expect(bodies.map((body) => (body as { code: string }).code)).toEqual([
      'not.found',
      'missing.permissions',
      'too.many.requests',
      'service.unavailable',
    ]);
  });
});

describe('notifications, as the websocket client of undici gets them', () => {
  test('have the fields of the event body, and only words of its enums', async () => {
    const api = new NotificationsApi();
    const channel = await api.postNotificationsChannels();
    const topics = simulator.queues.map(({ id }) => ({ id: `v2.routing.queues.${id}.conversations` }));
    await api.postNotificationsChannelSubscriptions(channel.id ?? '', topics);
    const socket = new WebSocket(channel.connectUri ?? '');
    const frames: string[] = [];
    socket.addEventListener('message', ({ data }) => frames.push(String(data)));
    await new Promise((resolve) => socket.addEventListener('open', resolve));
    socket.send(JSON.stringify({ message: 'ping' }));
    await until(() => frames.some((text) => text.includes('"pong"')));
    await until(() => frames.some((text) => text.includes('WebSocket Heartbeat')));
    simulator.resume();
    const notifications = () => frames.filter((text) => text.startsWith('{"topicName":"v2.routing'));
    await until(() => notifications().length >= 1_500);
    simulator.pause();
    socket.close();

    const models = eventModels();
    const wrong = new Set<string>();
    for (const text of notifications()) {
      const { topicName, version, eventBody, metadata, ...more } = JSON.parse(text) as Record<string, unknown>;
      expect(more).toEqual({});
      expect(version).toBe('2');
      expect(topics.map(({ id }) => id)).toContain(topicName);
      expect(metadata).toEqual({ CorrelationId: expect.any(String) });
      for (const deviation of deviations(models, 'Conversation', eventBody)) wrong.add(deviation);
    }
    expect(UNANNOUNCED).toEqual(expect.arrayContaining([...wrong]));
  });
});
