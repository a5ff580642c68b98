import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Simulator } from '../../../src/simulator';
import type { PlainChannel } from '../../support/genesys/genesys-client';
import { aClient, createStage, until } from '../genesys/support';

const stage = createStage();
let simulator: Simulator;
let client: Awaited<ReturnType<typeof aClient>>;
let channel: PlainChannel;
const begin = (kind: string, more: object = {}) => client.send('POST', '/control/faults', { kind, ...more });
const hits = (kind: keyof ReturnType<Simulator['faults']['status']>['counts']) =>
  simulator.faults.status().counts[kind].hits;

beforeEach(async () => {
  // Each of the conversations is asked for, and there are more of them on a busy machine.
  const requestsPerMinute = 1_000_000;
  simulator = await stage.simulate({ queues: 3, speed: 200, conversationsPerSecond: 0.5, requestsPerMinute });
  client = await aClient(simulator);
  channel = await client.channel(simulator.queues.map(({ id }) => id));
});
afterEach(async () => {
  client.stop();
  await stage.stopAll();
});

/** Lets the organisation say so much more, and waits for what is heard of it. */
async function say(events: number, heard: () => boolean): Promise<void> {
  const before = simulator.truth().events;
  simulator.resume();
  await until(() => simulator.truth().events >= before + events);
  simulator.pause();
  await until(heard);
}
const times = (texts: readonly string[]): ReadonlyMap<string, number> => {
  const counted = new Map<string, number>();
  for (const text of texts) counted.set(text, (counted.get(text) ?? 0) + 1);
  return counted;
};
const texts = () => channel.notifications().map(({ text }) => text);

describe('notifications', () => {
  test('are lost without a gap; the organisation knows of which conversations', async () => {
    await begin('notifications-lost', { share: 0.3 });
    await say(100, () => texts().length === simulator.truth().events - hits('notifications-lost'));
    expect(hits('notifications-lost')).toBeGreaterThan(10);
    const { stale } = simulator.faults.status();
    expect(stale.length).toBeGreaterThan(0);
    // What clients know of all others is the newest.
    const newest = new Map(channel.notifications().map(({ conversationId, text }) => [conversationId, text]));
    for (const [id, text] of newest) {
      if (stale.includes(id)) continue;
      const told = JSON.parse(text) as { eventBody: { participants: unknown[] } };
      const rest = (await client.send('GET', `/api/v2/conversations/${id}`)).body as { participants: unknown[] };
      expect(rest.participants).toHaveLength(told.eventBody.participants.length);
    }
    await client.send('DELETE', '/control/faults');
    const lost = hits('notifications-lost');
    await say(100, () => texts().length === simulator.truth().events - lost);
    expect(hits('notifications-lost')).toBe(lost);
  });

  test('come twice', async () => {
    await begin('notifications-doubled', { share: 0.5, withinMs: 50 });
    await say(60, () => texts().length === simulator.truth().events + hits('notifications-doubled'));
    const counts = [...times(texts()).values()];
    expect(counts.filter((count) => count === 2).length).toBe(hits('notifications-doubled'));
    expect(counts.filter((count) => count > 2)).toEqual([]);
    expect(hits('notifications-doubled')).toBeGreaterThan(10);
  });

  test('come in another order, and each of them comes', async () => {
    const quiet = await client.channel([]);
    await begin('notifications-reordered', { withinMs: 300 });
    await say(100, () => texts().length === simulator.truth().events);
    expect(new Set(texts()).size).toBe(simulator.truth().events);
    // Snapshots of a conversation only ever get more participants.
    const sizes = new Map<string, number>();
    const overtaken = channel.notifications().filter(({ conversationId, text }) => {
      const size = (JSON.parse(text) as { eventBody: { participants: unknown[] } }).eventBody.participants.length;
      const before = sizes.get(conversationId) ?? 0;
      sizes.set(conversationId, size);
      return size < before;
    });
    expect(overtaken.length).toBeGreaterThan(0);
    expect(quiet.frames).toEqual([]);
  });

  test('come late, in their order', async () => {
    await begin('notifications-delayed', { byMs: 60_000 });
    await say(50, () => true);
    expect(texts()).toEqual([]);
    const held = simulator.truth().events;
    expect(hits('notifications-delayed')).toBe(held);
    // Its end lets go of what is held.
    await client.send('DELETE', '/control/faults/notifications-delayed');
    await until(() => texts().length === held);
    const sizes = new Map<string, number>();
    for (const { conversationId, text } of channel.notifications()) {
      const size = (JSON.parse(text) as { eventBody: { participants: unknown[] } }).eventBody.participants.length;
      expect(size).toBeGreaterThanOrEqual(sizes.get(conversationId) ?? 0);
      sizes.set(conversationId, size);
    }
  });

  test('are giant: 16 MB, 10,000 participants, deeply nested; of conversations that are over', async () => {
    await begin('giant-frames');
    await until(() => channel.notifications().length === 3);
    const bodies = channel.notifications().map(({ text }) => ({
      text,
      body: (JSON.parse(text) as { eventBody: { id: string; participants: { calls: { state: string }[] }[] } })
        .eventBody,
    }));
    expect(Math.max(...bodies.map(({ text }) => text.length))).toBeGreaterThan(16 * 1024 * 1024);
    expect(Math.max(...bodies.map(({ body }) => body.participants.length))).toBe(10_000);
    expect(bodies.some(({ text }) => text.includes('[{"a":'.repeat(50_000)))).toBe(true);
    for (const { body } of bodies) {
      expect(body.participants.every(({ calls }) => calls.every(({ state }) => state === 'terminated'))).toBe(true);
      expect((await client.send('GET', `/api/v2/conversations/${body.id}`)).status).toBe(404);
    }
    expect(simulator.truth()).toEqual({ events: 0, conversations: [] });
  });
});
