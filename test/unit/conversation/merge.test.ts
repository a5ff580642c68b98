import { describe, expect, test } from '@jest/globals';
import {
  acd,
  agent,
  at,
  aConversation,
  call,
  callback,
  connected,
  customer,
  email,
  ended,
  gone,
  kindsOf,
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
const waiting = (fields: Wire = {}): Wire => acd('queue', 'Q1', call('leg of queue', { ...connected(2), ...fields }));

/** A story in which only one leg of one agent is told, differently each time; the queue keeps the row. */
const toldOf = (...versions: readonly Wire[]): Row =>
  rowAfter(...versions.map((fields, n) => snapshot(10 + 20 * n, [waiting(), agent('ann', call('leg', fields))])));

describe('section 3, duplicates', () => {
  const noted = (provider: string): Wire => waiting({ provider });
  const sent = (seconds: number, provider: string): string => snapshot(seconds, [noted(provider)]);
  const providers = (lines: readonly string[]): unknown[] => recordsOf(lines).map(({ value }) => value?.['provider']);

  test('the same snapshot within 10 s changes nothing, though another came in between', () =>
    expect(providers([sent(10, 'A'), sent(11, 'B'), sent(20, 'A')])).toEqual(['A', 'B']));

  test('the same snapshot more than 10 s later is news', () =>
    expect(providers([sent(10, 'A'), sent(11, 'B'), sent(20.001, 'A')])).toEqual(['A', 'B', 'A']));

  test('the window of 10 s reaches in both directions, because receive times may run back', () => {
    expect(providers([sent(20, 'A'), sent(21, 'B'), sent(10, 'A')])).toEqual(['A', 'B']);
    expect(providers([sent(20, 'A'), sent(21, 'B'), sent(9.999, 'A')])).toEqual(['A', 'B', 'A']);
  });

  test('the fold remembers the last 8 events that were no duplicates', () => {
    const others = ['B', 'C', 'D', 'E', 'F', 'G', 'H'].map((provider, n) => sent(11 + n / 10, provider));
    expect(providers([sent(10, 'A'), ...others, sent(12, 'A')]).at(-1)).toBe('H');
    expect(providers([sent(10, 'A'), ...others, sent(11.9, 'I'), sent(12, 'A')]).at(-1)).toBe('A');
  });

  test('a duplicate takes no place among the remembered events, and does not refresh the time of one', () => {
    const others = ['B', 'C', 'D', 'E', 'F', 'G', 'H'].map((provider, n) => sent(11 + n / 10, provider));
    expect(providers([sent(10, 'A'), ...others, sent(11.8, 'B'), sent(11.9, 'B'), sent(12, 'A')]).at(-1)).toBe('H');
    expect(providers([sent(10, 'A'), sent(11, 'B'), sent(19, 'A'), sent(21, 'A')])).toEqual(['A', 'B', 'A']);
  });

  test('a snapshot without any communication takes no place among the remembered events', () => {
    const empty = Array.from({ length: 9 }, (_, n) => snapshot(12, [customer(`p${n}`)]));
    expect(providers([sent(10, 'A'), sent(11, 'B'), ...empty, sent(13, 'A')])).toEqual(['A', 'B']);
  });

  test('the same snapshot of another conversation is no duplicate', () =>
    expect(kindsOf(story.at(10), aConversation('c2').called().queued().at(10))).toEqual(['row', 'row']));

  test('snapshots are duplicates if they are equal after normalizing: noise, order of keys and spellings make no difference', () => {
    const first = snapshot(10, [waiting({ disconnectType: 'endpoint.dnd' })]);
    const other = snapshot(11, [waiting({ provider: 'B' })]);
    const wire = { disconnectType: 'endpoint.donotdisturb', additionalProperties: {}, provider: '' };
    expect(providers([first, other, snapshot(12, [waiting(wire)])])).toEqual([null, 'B']);
  });

  test('a re-opened conversation starts a new window with the snapshot that re-opened it', () => {
    const again = [acd('queue 2', 'Q1', call('new leg', connected(22)))];
    const lines = [story.at(10), gone(11), snapshot(22, again), snapshot(23, again)];
    expect(kindsOf(...lines)).toEqual(['row', 'row', 'tombstone', 'row']);
  });
});

describe('section 3, the union', () => {
  test('a participant that a later snapshot lacks does not disappear', () => {
    const row = rowAfter(
      story.answeredBy('ann', 40).at(41),
      story.without('queue Q1').with('caller', { userId: 'u7' }).at(60),
    );
    expect(row).toMatchObject({ participant_id: 'ann', queue_id: 'Q1', state: 'connected' });
  });

  test('a communication that a later snapshot lacks does not disappear', () => {
    const two = agent('ann', call('k1', connected(10)), callback('b1', connected(5)));
    const row = rowAfter(
      snapshot(10, [waiting(), two]),
      snapshot(30, [waiting(), agent('ann', callback('b1', connected(5)))]),
    );
    expect(row['communication_id']).toBe('k1');
  });

  test('a late snapshot changes nothing that a later one has told', () => {
    const answered = story.alerting('ann').answeredBy('ann', 40);
    const records = recordsOf([
      story.at(10),
      answered.at(41),
      story.alerting('ann').at(20),
      answered.hungUp(90).at(91),
    ]);
    expect(records.map(({ value }) => value && [value['purpose'], value['state'], value['waiting']])).toEqual([
      ['acd', 'connected', true],
      ['agent', 'connected', false],
      ['agent', 'disconnected', false],
      null,
    ]);
  });

  test('the same participant twice in one snapshot is merged in the order of the array', () => {
    const row = rowAfter(
      snapshot(10, [
        waiting(),
        participant('ann', { purpose: 'agent', userId: 'first' }, call('k1', connected(10))),
        participant('ann', { userId: 'second' }, call('k1', { provider: 'Edge' })),
      ]),
    );
    expect(row).toMatchObject({ purpose: 'agent', user_id: 'second', state: 'connected', provider: 'Edge' });
  });

  test('the same communication twice in one snapshot is merged in the order of the array', () => {
    const legs = [call('k1', { state: 'alerting', provider: 'A' }), call('k1', { state: 'connected' })];
    expect(rowAfter(snapshot(10, [waiting(), agent('ann', ...legs)]))).toMatchObject({
      state: 'connected',
      provider: 'A',
    });
  });

  test('a communication belongs to its participant: the same id at another is another', () => {
    const row = rowAfter(
      snapshot(10, [
        waiting(),
        agent('ann', call('k', { ...connected(5), ...ended(9) })),
        agent('bob', call('k', connected(9))),
      ]),
    );
    expect(row).toMatchObject({ participant_id: 'bob', state: 'connected' });
  });
});

describe('section 3, positions', () => {
  const leg = (id: string): Leg => call(`leg of ${id}`, connected(10));

  test('of different positions of a participant the greatest counts', () => {
    const late = snapshot(10, [waiting(), agent('ann', leg('ann')), agent('bob', leg('bob'))]);
    const early = snapshot(30, [waiting(), agent('bob', leg('bob')), agent('cid', leg('cid'))]);
    // bob was at 2 and stays there, cid is at 2: of equal positions the greater id.
    expect(rowAfter(late, early)['participant_id']).toBe('cid');
    expect(rowAfter(early, late)['participant_id']).toBe('cid');
    expect(rowAfter(late, snapshot(30, [agent('zoe', leg('zoe'))]))['participant_id']).toBe('bob');
  });

  test.each([
    ['ann', 'bob'],
    ['a', 'aa'],
    ['Z', 'a'],
    ['z', 'é'],
    ['\uFF5E', '\u{1F600}'],
  ])('equal positions order by the UTF-8 bytes of the ids: %s before %s', (first, second) => {
    const lines = [first, second].map((id, n) => snapshot(10 + n, [waiting(), agent(id, leg(id))]));
    expect(rowAfter(...lines)['participant_id']).toBe(second);
    expect(rowAfter(...lines.toReversed())['participant_id']).toBe(second);
  });
});

describe('section 3, scalars of a participant', () => {
  const told = (fields: Wire): Wire => participant('ann', { purpose: 'agent', ...fields }, call('k', connected(10)));

  test('a value that is there beats an absent one', () =>
    expect(
      rowAfter(snapshot(10, [waiting(), told({ userId: 'u1' })]), snapshot(30, [waiting(), told({ userId: '' })])),
    ).toMatchObject({
      user_id: 'u1',
    }));

  test('of two values the later in the log counts', () =>
    expect(
      rowAfter(
        snapshot(10, [waiting(), told({ userId: 'u1' })]),
        snapshot(5, [waiting(), told({ userId: 'u2', purpose: 'user' })]),
      ),
    ).toMatchObject({ user_id: 'u2', purpose: 'user' }));

  test('each acd participant keeps its skills, also if an agent comes with none', () => {
    const skilled = (skills: unknown): Wire => ({ ...waiting(), conversationRoutingData: { skills } });
    const row = rowAfter(
      snapshot(10, [skilled([{ id: 's2' }, { id: 's1' }, { id: 's2' }])]),
      snapshot(30, [
        skilled([]),
        { ...agent('ann', call('k', connected(10))), conversationRoutingData: { skills: [] } },
      ]),
    );
    expect(row['routing_skill_id']).toBe('s2,s1,s2');
  });
});

describe('section 3, the rank of a communication', () => {
  test.each(['disconnected', 'terminated', 'DISCONNECTED', 'Terminated'])(
    '%s has ended, and never becomes live',
    (state) => {
      expect(toldOf({ state, disconnectType: 'peer' }, { state: 'connected', connectedTime: at(100) })).toMatchObject({
        state,
        disconnect_type: 'peer',
      });
    },
  );

  test('a communication with a disconnectedTime and no state has ended', () => {
    const lines = [
      snapshot(10, [waiting()]),
      snapshot(30, [acd('queue', 'Q1', call('leg of queue', { disconnectedTime: at(20) }))]),
    ];
    expect(kindsOf(...lines)).toEqual(['row', 'row', 'tombstone']);
  });

  test('a disconnectedTime beside another state ends nothing', () =>
    expect(kindsOf(snapshot(10, [waiting({ disconnectedTime: at(9) })]))).toEqual(['row']));

  test.each<[string, Wire]>([
    ['connectedTime', { connectedTime: at(50) }],
    ['disconnectedTime', { disconnectedTime: at(50) }],
    ['afterCallWork.startTime', { afterCallWork: { startTime: at(50) } }],
    ['afterCallWork.endTime', { afterCallWork: { endTime: at(50) } }],
    ["a message's messageTime", { messages: [{ messageTime: at(1) }, { messageTime: at(50) }, {}] }],
  ])('%s makes progress', (_, progress) => {
    const ahead = { state: 'parked', provider: 'ahead', ...progress };
    const behind = { state: 'alerting', provider: 'behind', connectedTime: at(49) };
    const of = (...versions: readonly Wire[]): Row =>
      rowAfter(
        ...versions.map((fields, n) =>
          snapshot(60 + 20 * n, [acd('queue', 'Q1', message('m', connected(2))), agent('ann', message('k', fields))]),
        ),
      );
    expect(of(ahead, behind)).toMatchObject({ state: 'parked', provider: 'ahead' });
    expect(of(behind, ahead)).toMatchObject({ state: 'parked', provider: 'ahead' });
  });

  test('the messageTime of an internal message makes progress', () => {
    const of = (state: string, messageTime: string): string[] => [
      snapshot(10 + 20 * Number(state === 'connected'), [
        acd('queue', 'Q1', legIn('internalMessages', 'i', { state: 'connected', connectedTime: at(2) })),
        agent('ann', legIn('internalMessages', 'k', { state, messages: [{ messageTime }] })),
      ]),
    ];
    expect(rowAfter(...of('alerting', at(50)), ...of('connected', at(49)))['state']).toBe('alerting');
  });

  test.each(['startHoldTime', 'parkTime', 'resumeTime'])('%s makes no progress: it comes and goes', (name) =>
    expect(toldOf({ state: 'parked', [name]: at(90) }, { state: 'connected' })['state']).toBe('connected'),
  );

  test('of versions with equal progress the later in the log counts', () => {
    expect(toldOf({ ...connected(5) }, { state: 'alerting', connectedTime: at(5) })['state']).toBe('alerting');
    expect(toldOf({ state: 'alerting' }, { state: 'dialing' })['state']).toBe('dialing');
  });

  test('every field is the present value of the greatest-ranked version that has one', () => {
    const row = toldOf(
      { state: 'connected', connectedTime: at(8), provider: 'low', direction: 'outbound' },
      { state: 'disconnected', disconnectedTime: at(9) },
      { state: 'alerting', connectedTime: at(7), provider: 'lowest', disconnectType: 'peer', direction: 'inbound' },
    );
    expect(row).toMatchObject({
      state: 'disconnected',
      provider: 'low',
      direction: 'outbound',
      disconnect_type: 'peer',
    });
  });

  test('a field keeps the rank that it came with, when greater versions lack it', () => {
    const row = toldOf(
      { state: 'connected', connectedTime: at(5) },
      { connectedTime: at(4), provider: 'B' },
      { connectedTime: at(3), provider: 'C' },
    );
    expect(row['provider']).toBe('B');
    expect(toldOf({ connectedTime: at(3), provider: 'C' }, { connectedTime: at(4), provider: 'B' })['provider']).toBe(
      'B',
    );
  });

  test('after-call work is one field', () => {
    const row = toldOf(
      { ...ended(9), afterCallWork: { state: 'pending', startTime: at(9) } },
      { ...ended(9), afterCallWork: { endTime: at(30) } },
    );
    expect(row['acw_state']).toBeNull();
  });

  test('messages are one field', () => {
    const of = (...messages: readonly unknown[]): Row =>
      rowAfter(
        ...messages.map((each, n) =>
          snapshot(10 + 20 * n, [acd('queue', 'Q1', message('m', { ...connected(2), messages: each }))]),
        ),
      );
    const sent = { messageTime: at(5), messageStatus: 'sent' };
    expect(of([sent], [{ messageTime: at(6) }])['message_status']).toBeNull();
    expect(of([sent], [])['message_status']).toBe('sent');
  });

  test("the medium is the greatest-ranked version's, and each medium keeps its own addresses", () => {
    const address = { self: { addressRaw: 'tel:+1' }, other: { addressRaw: 'tel:+2' } };
    const row = rowAfter(
      snapshot(10, [acd('queue', 'Q1', call('k', { ...connected(2), direction: 'inbound', ...address }))]),
      snapshot(30, [acd('queue', 'Q1', email('k', { ...connected(3), subject: 'Hello' }))]),
      snapshot(50, [acd('queue', 'Q1', callback('k', { ...connected(1), callbackNumbers: ['+3'] }))]),
    );
    expect(row).toMatchObject({ media_type: 'Email', subject: 'Hello', ani: null, dnis: null });
  });

  test('the index of a communication is the greatest seen', () => {
    const live = (id: string): Leg => call(id, connected(5));
    const lines = [
      snapshot(10, [waiting(), agent('ann', live('x'), live('a'))]),
      snapshot(30, [waiting(), agent('ann', live('a'), live('x'))]),
    ];
    expect(rowAfter(...lines)['communication_id']).toBe('x');
    expect(
      rowAfter(...lines, snapshot(50, [waiting(), agent('ann', live('x'), live('y'), live('a'))]))['communication_id'],
    ).toBe('a');
  });
});
