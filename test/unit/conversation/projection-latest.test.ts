import { describe, expect, test } from '@jest/globals';
import {
  rowOf,
  acd,
  agent,
  aConversation,
  at,
  call,
  callback,
  chat,
  connected,
  customer,
  email,
  ended,
  message,
  participant,
  recordsOf,
  rowAfter,
  snapshot,
  type Leg,
  type Wire,
} from '../../support/conversation/conversation-builders';

const queue = acd('queue', 'Q1', call('leg of queue', connected(2)));
const over = (from: number, to: number): Wire => ({ ...connected(from), ...ended(to) });

describe('section 5, latest participant', () => {
  const latest = (...participants: readonly Wire[]): unknown => rowOf(...participants)['participant_id'];

  test('the latest participant is the one with the greatest position', () =>
    expect(latest(queue, agent('a', call('1', connected(3))), customer('b', call('2', connected(1))))).toBe('b'));

  test('after an agent rejects, the row shows that agent until the next joins', () => {
    const ringing = aConversation().called().queued().alerting('ann');
    const rejected = rowAfter(ringing.at(10), ringing.rejectedBy('ann').at(20));
    expect(rejected).toMatchObject({
      participant_id: 'ann',
      state: 'disconnected',
      disconnect_type: 'system',
      waiting: true,
    });
    expect(rowAfter(ringing.rejectedBy('ann').alerting('bob').at(30))).toMatchObject({
      participant_id: 'bob',
      state: 'alerting',
    });
  });

  test('a participant without a communication is never the latest', () =>
    expect(latest(queue, agent('ann', call('1', connected(3))), agent('bob'))).toBe('ann'));

  test('a supervisor is never the latest', () =>
    expect(latest(queue, { ...agent('boss', call('1', connected(3))), bargedParticipantId: 'x' })).toBe('queue'));

  test('a participant with secondary communications only is not the latest beside one with primary ones', () =>
    expect(latest(queue, participant('v', { purpose: 'user', videos: [{ id: 'v', state: 'connected' }] }))).toBe(
      'queue',
    ));

  describe('the exception: an earlier participant joined again after the last one was through', () => {
    const last = (fields: Wire, leg: Wire): Wire =>
      participant('last', { purpose: 'agent', ...fields }, call('leg of last', leg));
    const earlier = (id: string, leg: Wire, purpose: string | null = 'agent'): Wire =>
      participant(id, { purpose }, call(`leg of ${id}`, leg));

    test('the earlier one is the latest', () =>
      expect(latest(queue, earlier('ann', connected(50)), last({}, over(10, 50)))).toBe('ann'));

    test('the earlier one is the latest, also when its communication has ended', () =>
      expect(latest(queue, earlier('ann', over(50, 60)), last({}, over(10, 50)))).toBe('ann'));

    test('the last one stays the latest while it has a live communication', () =>
      expect(latest(queue, earlier('ann', connected(50)), last({}, connected(10)))).toBe('last'));

    test.each<[string, Wire, Wire]>([
      ['its own connectedTime', { connectedTime: at(51) }, ended(10)],
      ["its communication's connectedTime", {}, over(51, 10)],
      ['its disconnectedTime', {}, over(10, 51)],
      ['its after-call work', {}, { ...over(10, 20), afterCallWork: { state: 'pending', startTime: at(51) } }],
      ['the end of that', {}, { ...over(10, 20), afterCallWork: { startTime: at(20), endTime: at(51) } }],
    ])('the last one stays the latest if a time of it is greater: %s', (_, fields, leg) => {
      expect(latest(queue, earlier('ann', connected(50)), last(fields, leg))).toBe('last');
      expect(latest(queue, earlier('ann', connected(51)), last(fields, leg))).toBe('ann');
    });

    test('the time of a message counts as a time of the last one', () => {
      const messages = [{ messageTime: at(51) }];
      const writer = agent('last', message('m', { ...over(10, 20), messages }));
      expect(latest(queue, earlier('ann', connected(50)), writer)).toBe('last');
      expect(latest(queue, earlier('ann', connected(51)), writer)).toBe('ann');
    });

    test('the last one stays the latest if it has no time at all', () =>
      expect(latest(queue, earlier('ann', connected(50)), last({}, { state: 'disconnected' }))).toBe('last'));

    test('the last one stays the latest if the earlier one has no connectedTime', () =>
      expect(latest(queue, earlier('ann', { state: 'connected' }), last({}, over(1, 2)))).toBe('last'));

    test.each(['customer', 'External', 'acd', 'ACD'])('%s never joins again', (purpose) =>
      expect(latest(queue, earlier('x', connected(50), purpose), last({}, over(1, 2)))).toBe('last'),
    );

    test.each(['agent', 'user', 'voicemail', 'novel', null])('%s joins again', (purpose) =>
      expect(latest(queue, earlier('x', connected(50), purpose), last({}, over(1, 2)))).toBe('x'),
    );

    test('a supervisor never joins again', () =>
      expect(latest(queue, { ...earlier('x', connected(50)), coachedParticipantId: 'y' }, last({}, over(1, 2)))).toBe(
        'last',
      ));

    test('of several that joined again the greatest position counts, not the last to connect', () =>
      expect(latest(queue, earlier('ann', connected(90)), earlier('bob', connected(50)), last({}, over(1, 2)))).toBe(
        'bob',
      ));

    test('after a blind transfer to a queue the same agent may answer, and is the latest', () => {
      const second = acd('queue 2', 'Q2', call('leg of queue 2', over(50, 60)));
      const row = rowOf(queue, agent('ann', call('first', over(10, 50)), call('second', connected(60))), second);
      expect(row).toMatchObject({
        participant_id: 'ann',
        communication_id: 'second',
        state: 'connected',
        queue_id: 'Q2',
      });
    });
  });
});

describe('section 5, latest participant, when nobody waits and the last to join is through', () => {
  const over2 = acd('queue', 'Q1', call('leg of queue', over(2, 10)));
  const latest = (...participants: readonly Wire[]): unknown => rowOf(over2, ...participants)['participant_id'];
  const party = (id: string, purpose: string | null, ...legs: readonly Leg[]): Wire =>
    participant(id, { purpose }, ...legs);
  const gone = agent('gone', call('leg of gone', over(30, 40)));

  test('a colleague who leaves a conference does not hide the agent who talks on', () =>
    expect(rowOf(over2, agent('ann', call('1', connected(10))), gone)).toMatchObject({
      participant_id: 'ann',
      user_id: 'user-of-ann',
      state: 'connected',
    }));

  test('a colleague who declines does not hide the agent who talks on', () =>
    expect(latest(agent('ann', call('1', connected(10))), agent('bob', call('2', ended(40))))).toBe('ann'));

  test('a consult of another queue that is given up does not hide the agent who talks on', () => {
    const given = acd('consulted', 'Q2', call('2', over(30, 40)));
    expect(rowOf(over2, agent('ann', call('1', connected(10))), given)).toMatchObject({
      participant_id: 'ann',
      queue_id: 'Q1',
      queue_connected_time: at(2),
      waiting: false,
    });
  });

  test('while it rings at the colleague, the row shows the colleague', () =>
    expect(latest(agent('ann', call('1', connected(10))), agent('bob', call('2', { state: 'alerting' })))).toBe('bob'));

  test('of several who talk on, the row shows the one whose latest communication connected last', () => {
    const ann = agent('ann', call('1', over(50, 60)), call('2', connected(20)));
    expect(latest(agent('bob', call('3', connected(21))), ann, gone)).toBe('bob');
    expect(latest(agent('bob', call('3', connected(20))), ann, gone)).toBe('ann');
    expect(latest(agent('bob', call('3', connected(20))), agent('ann', call('4', { state: 'alerting' })), gone)).toBe(
      'bob',
    );
  });

  test.each(['Agent', 'user', 'USER'])('%s talks on', (purpose) =>
    expect(latest(party('x', purpose, call('1', connected(10))), gone)).toBe('x'),
  );

  test.each(['acd', 'customer', 'External'])('%s does not talk on', (purpose) =>
    expect(rowOf(party('x', purpose, call('1', connected(10))), over2, gone)['participant_id']).toBe('gone'),
  );

  test('a supervisor does not count as talking on', () => {
    const boss = { ...agent('boss', call('1', connected(10))), coachedParticipantId: 'y' };
    expect(latest(customer('caller', call('2', connected(0))), boss, gone)).toBe('gone');
  });

  describe('and nobody talks on: the one who ended last', () => {
    const caller = customer('caller', call('leg of caller', connected(0)));

    test('an earlier participant may be the one who ended last', () => {
      expect(latest(caller, agent('ann', call('1', over(10, 50))), gone)).toBe('ann');
      expect(latest(caller, agent('ann', call('1', over(10, 39))), gone)).toBe('gone');
    });

    test('of participants that ended at one time the greatest position counts', () =>
      expect(latest(caller, agent('ann', call('1', over(10, 40))), gone)).toBe('gone'));

    test('a participant ends with its last communication', () =>
      expect(latest(caller, agent('ann', call('1', over(10, 20)), call('2', over(12, 41))), gone)).toBe('ann'));

    test('a participant of which no end is known ended after all others', () => {
      const unknown = call('2', { state: 'disconnected', connectedTime: at(10) });
      expect(latest(caller, agent('ann', call('1', over(10, 20)), unknown), gone)).toBe('ann');
      expect(latest(caller, party('ivr', 'ivr', call('1', connected(1))), gone)).toBe('ivr');
    });

    test('neither queue nor caller count, unless they joined last', () => {
      const late = customer('late', call('leg of late', over(1, 20)));
      expect(rowOf(caller, acd('q', 'Q1', call('1', over(2, 60))), gone)['participant_id']).toBe('gone');
      expect(latest(caller, agent('ann', call('1', over(10, 19))), late)).toBe('late');
    });

    test('the closing row shows who was there to the end', () => {
      const talk = [over2, agent('ann', call('1', connected(10))), agent('bob', call('2', over(30, 40)))];
      const end = [over2, agent('ann', call('1', over(10, 90))), agent('bob', call('2', over(30, 40)))];
      const [row, closing, tombstone] = recordsOf([snapshot(41, talk), snapshot(91, end)]);
      expect(row?.value).toMatchObject({ participant_id: 'ann', state: 'connected' });
      expect(closing?.value).toMatchObject({ participant_id: 'ann', state: 'disconnected', disconnect_type: 'client' });
      expect(tombstone?.value).toBeNull();
    });
  });
});

describe('section 5, latest communication', () => {
  const latest = (...legs: readonly Leg[]): unknown => rowOf(queue, agent('ann', ...legs))['communication_id'];

  test('a communication that has not ended comes before one that has', () =>
    expect(latest(call('live', connected(1)), call('over', over(5, 9)))).toBe('live'));

  test('of live communications the greatest connectedTime counts; an absent one is the lowest', () => {
    expect(latest(call('a', connected(5)), call('b', connected(4)))).toBe('a');
    expect(latest(call('a', connected(5)), call('b', { state: 'alerting' }))).toBe('a');
    expect(latest(email('a', connected(5)), call('b', connected(6)))).toBe('b');
  });

  test('of ended communications the greatest disconnectedTime counts', () => {
    expect(latest(call('a', over(1, 9)), call('b', over(5, 8)))).toBe('a');
    expect(latest(call('a', over(1, 2)), call('b', { ...connected(5), state: 'terminated' }))).toBe('a');
  });

  test('of communications that ended at one time the greatest connectedTime counts', () => {
    expect(latest(call('a', over(3, 9)), call('b', over(2, 9)))).toBe('a');
    expect(latest(call('a', over(3, 9)), call('b', ended(9)))).toBe('a');
  });

  test('of equal times the later array counts, in the order of section 2', () => {
    const [since, till] = [connected(5), over(5, 9)];
    const inOrder = [
      call('z1', since),
      callback('y1', since),
      chat('x1', since),
      email('w1', since),
      message('v1', since),
    ];
    for (let n = 1; n <= inOrder.length; n++) {
      const legs = inOrder.slice(0, n);
      expect(latest(...legs)).toBe(legs.at(-1)?.wire['id']);
      expect(latest(...legs.toReversed())).toBe(legs.at(-1)?.wire['id']);
    }
    expect(latest(message('a', till), call('b', till))).toBe('a');
  });

  test('within an array the later index counts', () =>
    expect(latest(call('b', connected(5)), call('a', connected(5)))).toBe('a'));

  test('of equal indexes the greater id counts', () => {
    const seen = (seconds: number, id: string): string =>
      snapshot(seconds, [queue, agent('ann', call(id, connected(5)))]);
    expect(rowAfter(seen(10, 'a'), seen(20, 'b'))['communication_id']).toBe('b');
    expect(rowAfter(seen(10, '\u{1F600}'), seen(20, '\uFF5E'))['communication_id']).toBe('\u{1F600}');
  });

  test('a callback and then a connected call: Voice; both ended, callback last with its work pending: Callback', () => {
    const back = callback('b', { ...connected(10), callbackNumbers: ['+441'] });
    expect(rowOf(queue, agent('ann', back, call('k', connected(20))))).toMatchObject({ media_type: 'Voice' });
    const work = { afterCallWork: { state: 'pending', startTime: at(90) } };
    expect(
      rowOf(queue, agent('ann', callback('b', { ...over(10, 90), ...work }), call('k', over(20, 80)))),
    ).toMatchObject({ media_type: 'Callback', acw_state: 'pending' });
  });
});
