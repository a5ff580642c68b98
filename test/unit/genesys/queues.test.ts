import { describe, expect, test } from '@jest/globals';
import { controlFrame } from '../../../src/genesys/channels/control-frames';
import { listQueues, selectQueues } from '../../../src/genesys/queues/queues';
import type { Rest, RestRequest } from '../../../src/genesys/rest/rest';

const QUEUES = [
  { id: 'a1', name: 'Sales' },
  { id: 'b2', name: 'Support' },
  { id: 'c3', name: 'sales' },
];

describe('the setting QUEUES', () => {
  test('takes ids and names, and * for all', () => {
    expect(selectQueues(QUEUES, ['*'])).toEqual(QUEUES);
    expect(selectQueues(QUEUES, ['Support', 'a1']).map(({ id }) => id)).toEqual(['b2', 'a1']);
  });

  test('takes a name in another case of letters only where no queue has it exactly', () => {
    expect(selectQueues(QUEUES, ['Sales']).map(({ id }) => id)).toEqual(['a1']);
    expect(selectQueues(QUEUES, ['SALES']).map(({ id }) => id)).toEqual(['a1', 'c3']);
  });

  test('names all that match nothing', () => {
    expect(() => selectQueues(QUEUES, ['Sales', 'Slaes', 'x'])).toThrow(
      'QUEUES: "Slaes", "x": no queue has that id or name (3 queues',
    );
  });

  test('says what is missing when no queue is visible', () => {
    expect(() => selectQueues([], ['*'])).toThrow(/routing:queue:view/);
  });
});

test('the list of queues is read to its last page, each queue once although pages shift', async () => {
  const pages = [QUEUES.slice(0, 2), QUEUES.slice(1)];
  const asked: string[] = [];
  const rest: Rest = {
    send: <T>({ path, answer }: RestRequest<T>) => {
      asked.push(path);
      return Promise.resolve(answer.parse({ entities: pages[asked.length - 1], pageCount: 2 }));
    },
    limit: () => null,
    clockOffsetMs: () => 0,
    stop: () => Promise.resolve(),
  };
  expect(await listQueues(rest)).toEqual(QUEUES);
  expect(asked).toEqual([1, 2].map((page) => `/api/v2/routing/queues?pageNumber=${page}&pageSize=500`));
});

test.each([
  ['{"topicName":"channel.metadata","eventBody":{"message":"WebSocket Heartbeat"}}', 'heartbeat'],
  ['{"topicName":"channel.metadata","eventBody":{"message":"pong"}}', 'pong'],
  ['{"topicName":"v2.system.socket_closing"}', 'closing'],
  ['{"result":"404"}', 'gone'],
  ['{"result":"200","status":"subscribed"}', 'result'],
  ['{"topicName":"v2.routing.queues.q.conversations","eventBody":{"id":"c"}}', null],
  ['{"id":"c","participants":[],"result":"404"}', null],
  ['[1]', null],
  ['not json', null],
])('%s is %s to the channel', (text, kind) => {
  expect(controlFrame(Buffer.from(text))).toBe(kind);
});
