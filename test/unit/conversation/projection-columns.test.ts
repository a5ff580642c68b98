import { describe, expect, test } from '@jest/globals';
import { STATE_COLUMNS, TABLE_COLUMNS } from '../../../src/conversation/row';
import {
  rowOf,
  acd,
  aConversation,
  agent,
  at,
  call,
  callback,
  chat,
  connected,
  customer,
  email,
  ended,
  legIn,
  message,
  participant,
  recordsOf,
  rowAfter,
  snapshot,
  type Leg,
  type Row,
  type Wire,
} from '../../support/conversation/conversation-builders';

const story = aConversation().called().queued();
const queue = acd('queue', 'Q1', call('leg of queue', connected(2)));
const withLeg = (leg: Leg, purpose: string | null = 'agent'): Row => rowOf(queue, participant('p', { purpose }, leg));

describe('section 1, the columns', () => {
  test('a record has the 22 of the table in their order, and two more', () => {
    expect(TABLE_COLUMNS.join(' ')).toBe(
      'conversation_id db_last_updated db_when_created connected_time queue_id session_id media_type purpose state direction participant_id user_id ani dnis provider subject message_type message_status routing_skill_id disconnect_type acw_state communication_id',
    );
    expect(STATE_COLUMNS).toEqual([...TABLE_COLUMNS, 'queue_connected_time', 'waiting']);
    expect(Object.keys(rowAfter(story.at(10)))).toEqual(STATE_COLUMNS);
  });

  test('the columns that are never null have values, and all others are null when there is nothing to say', () => {
    const bare = rowOf(
      participant('p', { purpose: 'acd', queueId: 'Q1', connectedTime: at(1) }),
      participant('q', {}, call('k')),
    );
    expect(bare).toEqual({
      ...Object.fromEntries(STATE_COLUMNS.map((column) => [column, null])),
      conversation_id: 'c1',
      db_last_updated: at(200),
      db_when_created: at(200),
      connected_time: at(1),
      queue_id: 'Q1',
      queue_connected_time: at(1),
      waiting: false,
      media_type: 'Voice',
      participant_id: 'q',
      session_id: 'k',
      communication_id: 'k',
    });
  });

  test.each<[string, string, Wire]>([
    ['state', 'parked', { state: 'parked' }],
    ['direction', 'sideways', { direction: 'sideways' }],
    ['provider', 'Somebody New', { provider: 'Somebody New' }],
    ['disconnect_type', 'session.expired', { disconnectType: 'session.expired' }],
    ['acw_state', 'Brand.New', { afterCallWork: { state: 'Brand.New' } }],
    ['message_type', 'apple', { type: 'apple' }],
    ['message_status', 'Seen', { messages: [{ messageStatus: 'Seen' }] }],
  ])('a value outside the list of %s is passed through unchanged: %s', (column, value, fields) =>
    expect(withLeg(message('m', fields))[column]).toBe(value),
  );

  test('the letters of a purpose become small, and nothing else of it changes', () =>
    expect(withLeg(call('k'), 'RoboAgent-9')).toMatchObject({ purpose: 'roboagent-9' }));
});

describe('section 5, the queue and its times', () => {
  const first = acd('q1', 'Q1', call('1', { ...connected(2), ...ended(50) }));
  const second = acd('q2', 'Q2', call('2', connected(50)));

  test('queue_id and queue_connected_time are of the latest queued acd participant, connected_time of the first', () =>
    expect(rowOf(first, second)).toMatchObject({
      queue_id: 'Q2',
      queue_connected_time: at(50),
      connected_time: at(2),
    }));

  test('an acd participant that has not connected yet does not give the queue', () =>
    expect(rowOf(first, acd('q2', 'Q2', call('2', { state: 'alerting' })))).toMatchObject({ queue_id: 'Q1' }));

  test("an agent's queueId does not give the queue", () =>
    expect(rowOf(queue, participant('p', { purpose: 'agent', queueId: 'Q9' }, call('k', connected(9))))).toMatchObject({
      queue_id: 'Q1',
    }));

  describe('while somebody handles it and nobody waits, it is the queue from which that one took it', () => {
    const consulted = (...legs: readonly Leg[]): Wire => acd('q2', 'Q2', ...legs);
    const over2 = call('2', { ...connected(50), ...ended(60) });
    const talks = (since: number, purpose = 'agent'): Wire =>
      participant('p', { purpose }, call('leg', connected(since)));
    const QUEUE_1 = { queue_id: 'Q1', queue_connected_time: at(2) };
    const QUEUE_2 = { queue_id: 'Q2', queue_connected_time: at(50) };

    test('the earlier one after a consult that was given up', () =>
      expect(rowOf(first, talks(49), consulted(over2))).toMatchObject(QUEUE_1));

    test('the later one if it was entered when the talk began, or before', () => {
      expect(rowOf(first, consulted(over2), talks(50))).toMatchObject(QUEUE_2);
      expect(rowOf(first, consulted(over2), talks(70))).toMatchObject(QUEUE_2);
    });

    test('the later one while somebody waits in it', () =>
      expect(rowOf(first, consulted(call('2', connected(50))), talks(49))).toMatchObject(QUEUE_2));

    test('the later one if the caller is shown, or who talks has no connectedTime', () => {
      expect(rowOf(first, consulted(over2), talks(49, 'customer'))).toMatchObject(QUEUE_2);
      expect(rowOf(first, consulted(over2), talks(49, 'External'))).toMatchObject(QUEUE_2);
      expect(rowOf(first, consulted(over2), participant('p', {}, call('leg')))).toMatchObject(QUEUE_2);
    });

    test('the later one if nobody knows when it was entered', () => {
      const noTime = consulted(call('2', { state: 'connected' }));
      const lines = [
        snapshot(55, [first, talks(49), noTime]),
        snapshot(60, [first, talks(49), consulted(call('2', ended(59)))]),
      ];
      expect(rowAfter(...lines)).toMatchObject({ queue_id: 'Q2', queue_connected_time: at(55), waiting: false });
    });

    test('the later one if all were entered after it', () =>
      expect(rowOf(first, consulted(over2), talks(1))).toMatchObject(QUEUE_2));
  });

  test('a transfer to another queue moves queue_connected_time, not connected_time', () => {
    const answered = story.answeredBy('ann', 40);
    const rows = recordsOf([answered.at(41), answered.transferredTo('Q2', 60).at(61)]).map(({ value }) => value);
    expect(rows[1]).toMatchObject({
      queue_id: 'Q2',
      connected_time: at(2),
      queue_connected_time: at(60),
      waiting: true,
    });
  });

  test.each<[string, Wire, Leg[], string]>([
    ["the participant's connectedTime", { connectedTime: at(9) }, [call('a', connected(5))], at(9)],
    ['else the least of its communications', {}, [call('a', connected(7)), call('b', connected(5))], at(5)],
    ['else the receive time', {}, [call('a', { state: 'connected' })], at(200)],
  ])('connected times are %s', (_, fields, legs, expected) => {
    const row = rowOf({ ...acd('q', 'Q1', ...legs), ...fields });
    expect(row).toMatchObject({ connected_time: expected, queue_connected_time: expected });
  });

  describe('connected_time does not move while the row lives', () => {
    const at10 = (leg: Wire): string => snapshot(10, [acd('q', 'Q1', call('a', leg))]);
    const at30 = (leg: Wire): string => snapshot(30, [acd('q', 'Q1', call('a', leg))]);

    test('when a later snapshot tells another time', () => {
      expect(rowAfter(at10(connected(5)), at30(connected(7)))).toMatchObject({
        connected_time: at(5),
        queue_connected_time: at(7),
      });
    });

    test('when an earlier queue turns up', () => {
      const late = snapshot(10, [customer('x'), second]);
      expect(rowAfter(late, snapshot(30, [first, second]))).toMatchObject({ connected_time: at(50) });
    });

    test('except that a real time replaces a receive time, once', () => {
      const lines = [
        at10({ state: 'connected' }),
        at30(connected(5)),
        snapshot(50, [acd('q', 'Q1', call('a', connected(6)))]),
      ];
      expect(recordsOf(lines).map(({ value }) => value?.['connected_time'])).toEqual([at(10), at(5), at(5)]);
    });

    test('when the real time of another participant becomes known', () => {
      const lines = [
        at10({ state: 'connected' }),
        snapshot(30, [acd('q', 'Q1', call('a', { state: 'connected' })), second]),
      ];
      expect(rowAfter(...lines)).toMatchObject({ connected_time: at(10), queue_connected_time: at(50) });
    });
  });

  test('the receive time that stands for a connected time is that of the event that made the participant queued', () => {
    const early = snapshot(5, [{ ...acd('q', 'Q1', call('a', { state: 'connected' })), monitoredParticipantId: 'x' }]);
    const live = snapshot(30, [
      acd('q', 'Q1', call('a', { state: 'connected' })),
      agent('ann', call('k', { state: 'alerting' })),
    ]);
    expect(rowAfter(early, live)).toMatchObject({ connected_time: at(5), db_when_created: at(30) });
  });

  test('waiting says that the latest queued acd participant has a live communication', () => {
    expect(rowOf(first, second)).toMatchObject({ waiting: true });
    expect(
      rowOf(queue, acd('q2', 'Q2', call('2', { ...connected(50), ...ended(60) })), agent('ann', call('k'))),
    ).toMatchObject({ waiting: false });
    expect(rowAfter(story.answeredBy('ann', 40).at(41))).toMatchObject({ waiting: false });
    expect(rowAfter(story.alerting('ann').at(41))).toMatchObject({ waiting: true });
  });
});

describe('section 5, columns of the latest communication', () => {
  test('session_id and communication_id are its id', () =>
    expect(withLeg(call('k'))).toMatchObject({ session_id: 'k', communication_id: 'k' }));

  test.each([
    ['calls', 'Voice'],
    ['callbacks', 'Callback'],
    ['chats', 'Chat'],
    ['emails', 'Email'],
    ['messages', 'Message'],
  ])('one of %s is of media_type %s', (array, medium) =>
    expect(withLeg(legIn(array, 'k'))).toMatchObject({ media_type: medium }),
  );

  test('subject is of an e-mail only', () => {
    expect(withLeg(email('k', { subject: 'Hello' }))).toMatchObject({ subject: 'Hello' });
    expect(withLeg(chat('k', { subject: 'Hello' }))).toMatchObject({ subject: null });
  });

  test('message_type and message_status are of a message only', () => {
    const fields = { type: 'sms', messages: [{ messageTime: at(5), messageStatus: 'read' }] };
    expect(withLeg(message('k', fields))).toMatchObject({ message_type: 'sms', message_status: 'read' });
    expect(withLeg(chat('k', fields))).toMatchObject({ message_type: null, message_status: null });
  });

  test.each<[string, (readonly [seconds: number | null, status: string | null])[], string | null]>([
    [
      'the greatest messageTime',
      [
        [5, 'sent'],
        [9, 'read'],
        [7, 'failed'],
      ],
      'read',
    ],
    [
      'of equal ones the last',
      [
        [9, 'sent'],
        [9, 'read'],
        [7, 'failed'],
      ],
      'read',
    ],
    [
      'absent times are lowest',
      [
        [1, 'sent'],
        [null, 'read'],
      ],
      'sent',
    ],
    [
      'of absent ones the last',
      [
        [null, 'sent'],
        [null, 'read'],
      ],
      'read',
    ],
    [
      'also if that one has no status',
      [
        [5, 'sent'],
        [9, null],
      ],
      null,
    ],
  ])('message_status is of the entry with %s', (_, entries, expected) => {
    const messages = entries.map(([seconds, messageStatus]) => ({
      messageTime: seconds === null ? null : at(seconds),
      messageStatus,
    }));
    expect(withLeg(message('k', { messages }))).toMatchObject({ message_status: expected });
  });

  test('user_id is null if the latest participant is no user', () =>
    expect(rowOf(queue, { ...agent('ann', call('k')), userId: '' })).toMatchObject({ user_id: null }));

  test('routing_skill_id: of the latest acd participant that has any, joined by commas', () => {
    const skilled = (wire: Wire, ...ids: string[]): Wire => ({
      ...wire,
      conversationRoutingData: { skills: ids.map((id) => ({ id })) },
    });
    const other = acd('q2', 'Q2', call('2', { state: 'alerting' }));
    expect(rowOf(skilled(queue, 's1', 's2'), skilled(other, 's3', 's1'))).toMatchObject({ routing_skill_id: 's3,s1' });
    expect(rowOf(skilled(queue, 's1', 's2'), skilled(other))).toMatchObject({ routing_skill_id: 's1,s2' });
    expect(rowOf(queue, skilled(agent('ann', call('k')), 's9'))).toMatchObject({ routing_skill_id: null });
  });
});

describe('section 5, direction', () => {
  const caller = (purpose: string, direction: string | null): Wire =>
    participant(`a ${purpose}`, { purpose }, call(`leg of ${purpose}`, { direction }));

  test('the direction is that of the latest communication', () =>
    expect(
      rowOf(caller('customer', 'inbound'), queue, agent('ann', call('k', { direction: 'outbound' }))),
    ).toMatchObject({
      direction: 'outbound',
    }));

  test.each(['customer', 'External'])('absent: of the latest communication of the first %s', (purpose) => {
    const own = participant(
      'x',
      { purpose },
      call('1', { ...connected(1), direction: 'outbound' }),
      call('2', { ...connected(2), direction: 'inbound' }),
    );
    expect(
      rowOf(participant('mute', { purpose: 'customer' }), own, caller('customer', 'outbound'), queue),
    ).toMatchObject({ direction: 'inbound' });
  });

  test('that one has none either: inbound for a chat, else null', () => {
    const mute = [caller('customer', null), caller('external', 'outbound'), queue];
    expect(rowOf(...mute, agent('ann', chat('k')))).toMatchObject({ direction: 'inbound' });
    expect(rowOf(...mute, agent('ann', call('k')))).toMatchObject({ direction: null });
  });
});

describe('section 5, ani and dnis', () => {
  const addresses = { self: { addressNormalized: 'tel:+1' }, other: { addressNormalized: 'sip:2' } };
  const of = (purpose: string | null, direction: string | null): unknown[] => {
    const row = withLeg(call('k', { ...addresses, direction }), purpose);
    return [row['ani'], row['dnis']];
  };

  test.each(['customer', 'external', 'Customer'])('%s: inbound self calls, outbound is called', (purpose) => {
    expect(of(purpose, 'inbound')).toEqual(['tel:+1', 'sip:2']);
    expect(of(purpose, 'outbound')).toEqual(['sip:2', 'tel:+1']);
  });

  test.each(['agent', 'acd', 'ivr', 'novel', null])('%s: the two swapped', (purpose) => {
    expect(of(purpose, 'inbound')).toEqual(['sip:2', 'tel:+1']);
    expect(of(purpose, 'outbound')).toEqual(['tel:+1', 'sip:2']);
  });

  test.each([null, 'Inbound', 'sideways'])('of a call whose direction is %s: null', (direction) =>
    expect(of('customer', direction)).toEqual([null, null]),
  );

  test("the row's direction counts, which may be the customer's", () =>
    expect(
      rowOf(customer('c', call('1', { direction: 'inbound' })), queue, agent('ann', call('k', addresses))),
    ).toMatchObject({ ani: 'sip:2', dnis: 'tel:+1' }));

  test('one of the two may be absent', () =>
    expect(withLeg(call('k', { other: { addressRaw: '+1' }, direction: 'inbound' }))).toMatchObject({
      ani: '+1',
      dnis: null,
    }));

  test('of a message: fromAddress and toAddress, whatever its direction', () => {
    const wire = { fromAddress: { addressNormalized: 'a' }, toAddress: { addressNormalized: 'b' } };
    for (const direction of [null, 'inbound', 'outbound']) {
      expect(withLeg(message('m', { ...wire, direction }))).toMatchObject({ ani: 'a', dnis: 'b' });
    }
  });

  test('of a callback: the first present of callbackNumbers, and no dnis', () =>
    expect(withLeg(callback('b', { callbackNumbers: ['', '+1', '+2'], ...addresses }))).toMatchObject({
      ani: '+1',
      dnis: null,
    }));

  test.each(['chats', 'emails'])('of %s: null', (array) => {
    const wire = { ...addresses, fromAddress: { addressRaw: 'x' }, callbackNumbers: ['+1'], direction: 'inbound' };
    expect(withLeg(legIn(array, 'k', wire))).toMatchObject({ ani: null, dnis: null });
  });
});

describe('section 5, what is written and when', () => {
  test('db_when_created is the receive time of the event that created the row, and stays', () =>
    expect(
      recordsOf([story.at(10), story.alerting('ann').at(20)]).map(({ value }) => value?.['db_when_created']),
    ).toEqual([at(10), at(10)]));

  test('nothing is written if no other column than db_last_updated changes', () =>
    expect(recordsOf([story.at(10), story.with('caller', { userId: 'u' }).at(30)])).toHaveLength(1));

  test('db_last_updated is the greatest receive time of the events that changed the row, the timestamp that of the event', () => {
    const lines = [
      story.at(30),
      story.alerting('ann').at(20),
      story.with('caller', { userId: 'u' }).at(50),
      story.alerting('bob').at(25),
    ];
    expect(recordsOf(lines).map(({ value, timestamp }) => [value?.['db_last_updated'], timestamp])).toEqual([
      [at(30), at(30)],
      [at(30), at(20)],
      [at(30), at(25)],
    ]);
  });
});
