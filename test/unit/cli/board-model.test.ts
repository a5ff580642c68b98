import { describe, expect, test } from '@jest/globals';
import { boardModel, elapsed, summaryLine } from '../../../src/cli/board';
import { NO_LIVE } from '../../../src/conversation';
import { aWaitingCall, NOW } from './board-support';

describe('the counts of a queue', () => {
  test('who waits, and since when', () => {
    const rows = [aWaitingCall(), aWaitingCall({ conversation_id: 'c2', queue_connected_time: NOW - 90_000 })];
    expect(boardModel(rows, NOW).queues).toEqual([
      { ...NO_LIVE, queueId: 'q1', conversations: 2, waiting: 2, oldestWaitingSince: NOW - 90_000 },
    ]);
  });

  test.each(['alerting', 'contacting', 'dialing', 'offering'])(
    'while an agent is %s the customer goes on waiting, and the oldest is one of those',
    (state) => {
      const [queue] = boardModel([aWaitingCall({ purpose: 'agent', state })], NOW).queues;
      expect(queue).toMatchObject({ waiting: 1, offered: 1, alerting: 1, oldestWaitingSince: NOW - 60_000 });
    },
  );

  test('an alerting customer is no alerted agent', () => {
    const [queue] = boardModel([aWaitingCall({ purpose: 'customer', state: 'alerting' })], NOW).queues;
    expect(queue).toMatchObject({ waiting: 1, alerting: 0 });
  });

  test('agents and users talk when they are connected', () => {
    const talks = (purpose: string, state = 'connected') => aWaitingCall({ purpose, state, waiting: false });
    const rows = [talks('agent'), talks('user'), talks('customer'), talks('agent', 'disconnected')];
    const [queue] = boardModel(rows, NOW).queues;
    expect(queue).toEqual({ ...NO_LIVE, queueId: 'q1', conversations: 4, talking: 2 });
  });

  test('pending after-call work is counted', () => {
    const rows = ['pending', 'complete', null].map((acw_state) => aWaitingCall({ waiting: false, acw_state }));
    expect(boardModel(rows, NOW).queues[0]?.afterCallWork).toBe(1);
  });
});

test('queues are in the order of their names, and the totals are over all of them', () => {
  const rows = [
    aWaitingCall({ queue_id: 'q1' }),
    aWaitingCall({ queue_id: 'q2' }),
    aWaitingCall({ queue_id: 'q3', waiting: false }),
  ];
  const names = new Map([
    ['q1', 'Support'],
    ['q2', 'Orders'],
  ]);
  const model = boardModel(rows, NOW, { names });
  expect(model.queues.map(({ queueId, name }) => name ?? queueId)).toEqual(['Orders', 'q3', 'Support']);
  expect(model.totals).toMatchObject({ conversations: 3, waiting: 2 });
});

test('of any number of conversations the newest fifty are kept, the newest first', () => {
  const rows = Array.from({ length: 1000 }, (_, index) => aWaitingCall({ db_when_created: (index * 7919) % 1000 }));
  const created = boardModel(rows, NOW).newest.map(({ db_when_created }) => db_when_created);
  expect(created).toEqual(Array.from({ length: 50 }, (_, index) => 999 - index));
});

test.each([
  [0, '0:00'],
  [59_999, '0:59'],
  [192_000, '3:12'],
  [3_723_000, '1:02:03'],
  [-5_000, '0:00'],
])('%d ms is %s', (milliseconds, text) => {
  expect(elapsed(NOW - milliseconds, NOW)).toBe(text);
});

test('the summary is one line', () => {
  expect(summaryLine(boardModel([aWaitingCall()], NOW))).toBe(
    '1 conversation: 1 waiting (oldest 1:00), 0 alerting, 0 talking, 0 in after-call work',
  );
  expect(summaryLine(boardModel([], NOW))).toBe(
    '0 conversations: 0 waiting, 0 alerting, 0 talking, 0 in after-call work',
  );
});
