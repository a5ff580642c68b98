import { afterEach, describe, expect, test } from '@jest/globals';
import { aClient, createStage, until } from './support';

const stage = createStage();
afterEach(stage.stopAll);

interface Answer {
  readonly queues: readonly { readonly id: string; readonly name: string }[];
  readonly added: readonly { readonly id: string; readonly name: string }[];
}

describe('queues that change while the organisation runs', () => {
  test('appear, are renamed and disappear for every list, subscription and socket', async () => {
    const simulator = await stage.simulate({ queues: 2, speed: 200, conversationsPerSecond: 0.5 });
    const client = await aClient(simulator);
    const [kept, removed] = simulator.queues;
    const change = (body: object) => client.send('POST', '/control/queues', body);
    const { added } = (await change({ add: ['Night'], rename: { [kept?.id ?? '']: 'Day' } })).body as Answer;
    const listed = async () =>
      ((await client.send('GET', '/api/v2/routing/queues')).body as { entities: Answer['queues'] }).entities.map(
        ({ name }) => name,
      );
    expect(await listed()).toEqual(['Day', 'Night', 'Queue 2']);

    const channel = await client.channel(simulator.queues.map(({ id }) => id));
    simulator.resume();
    await until(() => channel.topics().has(added[0]?.id ?? '') && channel.topics().has(removed?.id ?? ''));
    simulator.pause();
    // None is on its way any more.
    await until(() => channel.notifications().length === simulator.truth().events);
    await change({ remove: [removed?.id] });
    expect(await listed()).toEqual(['Day', 'Night']);
    expect((await client.send('GET', `/api/v2/routing/queues/${removed?.id ?? ''}`)).status).toBe(404);
    const refused = await client.subscribe(channel.id, [removed?.id ?? '']);
    expect(refused.body).toMatchObject({ entities: [{ state: 'Rejected', rejectionReason: expect.any(String) }] });
    channel.forget();
    simulator.resume();
    await until(() => channel.notifications().length >= 50);
    expect(channel.topics()).toEqual(new Set([kept?.id, added[0]?.id]));
  });

  test('refuses what is no change, and says why', async () => {
    const simulator = await stage.simulate({ queues: 1 });
    const client = await aClient(simulator);
    const change = (body: object) => client.send('POST', '/control/queues', body);
    expect(await change({ remove: ['nowhere'] })).toMatchObject({
      status: 404,
      body: { message: 'no such queues: nowhere' },
    });
    expect(await change({ remove: [simulator.queues[0]?.id] })).toMatchObject({ status: 400 });
    expect((await change({ ad: ['x'] })).body).toMatchObject({ message: expect.stringContaining('"ad"') });
  });
});

describe('details of conversations', () => {
  test('tell which have ended, 100 at once, and leave out what nobody knows', async () => {
    const simulator = await stage.simulate({ speed: 500, conversationsPerSecond: 0.5 });
    const client = await aClient(simulator);
    const channel = await client.channel(simulator.queues.map(({ id }) => id));
    simulator.resume();
    await until(() => channel.conversations().size >= 60);
    simulator.pause();
    // A busy machine looks late: by then most of the first ones have ended. Some of both are asked for.
    const live = new Set(simulator.truth().conversations.map((row) => row.conversation_id));
    const [living, others] = [true, false].map((lives) =>
      [...channel.conversations()].filter((id) => live.has(id) === lives),
    );
    const ids = [...(living ?? []).slice(0, 20), ...(others ?? [])].slice(0, 99);
    const details = async (given: readonly string[]) =>
      client.send('GET', `/api/v2/analytics/conversations/details?id=${given.join(',')}`);
    const { body } = await details([...ids, 'unknown']);
    const { conversations } = body as {
      conversations: { conversationId: string; conversationStart: string; conversationEnd?: string }[];
    };
    expect(new Set(conversations.map(({ conversationId }) => conversationId))).toEqual(new Set(ids));
    const ended = conversations.filter(({ conversationEnd }) => conversationEnd !== undefined);
    expect(ended.length).toBeGreaterThan(0);
    for (const { conversationId, conversationStart, conversationEnd } of ended) {
      expect(live).not.toContain(conversationId);
      expect(Date.parse(conversationEnd ?? '')).toBeGreaterThanOrEqual(Date.parse(conversationStart));
    }
    expect(conversations.length).toBeGreaterThan(ended.length);
    const tooMany = await details(Array.from({ length: 101 }, (_, index) => `id-${index}`));
    expect(tooMany).toMatchObject({ status: 400, body: { code: 'bad.request' } });
  });

  test('are found by interval and queue, page by page', async () => {
    const simulator = await stage.simulate({ queues: 2, speed: 500, conversationsPerSecond: 0.5 });
    const client = await aClient(simulator);
    const from = new Date().toISOString();
    simulator.resume();
    await until(() => simulator.truth().events > 300);
    simulator.pause();
    const query = async (more: object) =>
      (await client.send('POST', '/api/v2/analytics/conversations/details/query', {
        interval: `${from}/2999-01-01T00:00:00.000Z`,
        ...more,
      })) as { status: number; body: { totalHits: number; conversations: { conversationId: string }[] } };
    const { totalHits } = (await query({})).body;
    const seen = new Set<string>();
    for (let pageNumber = 1; pageNumber <= Math.ceil(totalHits / 10); pageNumber += 1) {
      const { body } = await query({ paging: { pageSize: 10, pageNumber } });
      for (const { conversationId } of body.conversations) seen.add(conversationId);
    }
    expect(seen.size).toBe(totalHits);
    const inOne = await query({
      segmentFilters: [{ type: 'or', predicates: [{ dimension: 'queueId', value: simulator.queues[0]?.id }] }],
    });
    expect(inOne.body.totalHits).toBeGreaterThan(0);
    expect(inOne.body.totalHits).toBeLessThan(totalHits);
    expect((await query({ interval: 'yesterday' })).status).toBe(400);
  });
});
