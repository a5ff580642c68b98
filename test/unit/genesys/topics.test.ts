import { describe, expect, test } from '@jest/globals';
import { queueTopicOffer } from '../../../src/genesys/channels/topics';
import type { Rest, RestRequest } from '../../../src/genesys/rest/rest';

function answering(entities: readonly unknown[]) {
  const asked: string[] = [];
  const rest: Rest = {
    send: <T>({ path, answer }: RestRequest<T>) => {
      asked.push(path);
      return Promise.resolve(answer.parse({ entities }));
    },
    limit: () => null,
    clockOffsetMs: () => 0,
    stop: () => Promise.resolve(),
  };
  return { rest, asked };
}

const QUEUE_TOPIC = 'v2.routing.queues.{id}.conversations';

describe('the offer of the queues’ topic', () => {
  test('names the permissions and the transports of that topic, which have to be asked for', async () => {
    const { rest, asked } = answering([
      { id: 'v2.routing.queues.{id}.conversations.calls', requiresPermissions: ['other'], transports: ['All'] },
      { id: QUEUE_TOPIC, requiresPermissions: ['routing:queue:view'], transports: ['Websocket', 'EventBridge'] },
    ]);
    expect(await queueTopicOffer(rest)).toEqual({
      requiresPermissions: ['routing:queue:view'],
      transports: ['Websocket', 'EventBridge'],
    });
    expect(asked).toEqual(['/api/v2/notifications/availabletopics?expand=requiresPermissions&expand=transports']);
  });

  test('is empty where Genesys tells neither', async () => {
    const { rest } = answering([{ id: QUEUE_TOPIC, transports: null }]);
    expect(await queueTopicOffer(rest)).toEqual({ requiresPermissions: [], transports: [] });
  });

  test('is null where the topic is not listed', async () => {
    expect(await queueTopicOffer(answering([]).rest)).toBeNull();
  });
});
