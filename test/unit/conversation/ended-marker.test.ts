import { describe, expect, test } from '@jest/globals';
import {
  kindsOf,
  acd,
  aConversation,
  agent,
  at,
  call,
  connected,
  customer,
  ended,
  gone,
  HOUR,
  kinds,
  participant,
  recordsOf,
  snapshot,
  type Row,
  type Wire,
} from '../../support/conversation/conversation-builders';
import { foldedVisits } from '../../support/conversation/conversation-fold';

const OPENED_AND_CLOSED = ['row', 'row', 'tombstone'];

/** A conversation that ended at second 100. */
const before = aConversation().called().queued();
const over = [before.at(10), before.hungUp(99).at(100)];
/** … and its participants come back with new legs. */
const newQueueLeg = call('new leg of queue', connected(200));
const backInQueue = before.hungUp(99).joinedBy(acd('queue Q1', 'Q1', newQueueLeg));

const after = (...lines: readonly string[]): string[] => kindsOf(...over, ...lines).slice(OPENED_AND_CLOSED.length);
const reopened = (...lines: readonly string[]): Row => {
  const row = recordsOf([...over, ...lines]).at(-1)?.value;
  if (row === undefined || row === null) throw new Error('not re-opened');
  return row;
};

describe('section 4, within ENDED_RETENTION of the end', () => {
  test.each<[string, string]>([
    ['the snapshot before the end', before.at(105)],
    ['another state of a leg that had ended', before.with('queue Q1', {}, { state: 'alerting' }).at(105)],
    ['the last snapshot, once more', before.hungUp(99).at(200)],
    ['a gone', gone(105)],
    [
      'a live leg of a caller, with no new leg in a queue',
      before.joinedBy(agent('ann', call('new', connected(150)))).at(151),
    ],
    [
      'a new leg in a queue that has ended',
      before
        .hungUp(99)
        .joinedBy(acd('queue Q1', 'Q1', call('new', { ...connected(150), ...ended(151) })))
        .at(152),
    ],
    [
      'a new leg in a queue that has not connected',
      snapshot(152, [acd('queue 2', 'Q1', call('new', { state: 'alerting' }))]),
    ],
    [
      "a supervisor's new leg",
      snapshot(152, [
        acd('queue 2', 'Q1', call('new', { ...connected(150), ...ended(151) })),
        participant('boss', { monitoredParticipantId: 'x' }, call('new 2', connected(150))),
      ]),
    ],
  ])('a straggler changes nothing: %s', (_, line) => expect(after(line)).toEqual([]));

  test('a live communication and one in a queue, both new, re-open the conversation', () =>
    expect(after(backInQueue.at(201))).toEqual(['row']));

  test('the new communications that re-open it may be two: the queue is through already, the agent talks', () => {
    const answered = backInQueue.answeredBy('ann', 210);
    expect(reopened(answered.at(211))).toMatchObject({
      participant_id: 'ann',
      waiting: false,
      connected_time: at(200),
    });
  });

  test('the new row has a new db_when_created, and the connected_time of the first such acd participant', () => {
    const two = before.hungUp(99).joinedBy(acd('queue 2', 'Q2', call('second', connected(200))));
    const row = reopened(two.joinedBy(acd('queue 3', 'Q3', call('third', connected(300)))).at(301));
    expect(row).toMatchObject({
      db_when_created: at(301),
      connected_time: at(200),
      queue_id: 'Q3',
      queue_connected_time: at(300),
    });
  });

  test('the re-opened state is what that snapshot says, not what was known before', () => {
    const row = reopened(snapshot(201, [customer('new caller'), acd('queue 2', 'Q2', newQueueLeg)]));
    expect(row).toMatchObject({ participant_id: 'queue 2', direction: null });
  });

  test('in the snapshot that re-opens, the communications of the marker are ended, and `disconnected` if it has another state', () => {
    const stale = before.with('caller', { userId: 'u1' }).joinedBy(acd('queue 2', 'Q1', newQueueLeg));
    const lines = [stale.at(201), stale.with('queue 2', {}, ended(250)).at(251)];
    expect(after(...lines)).toEqual(['row', 'row', 'tombstone']);
    const lastIsOld = snapshot(201, [
      acd('queue 2', 'Q1', newQueueLeg),
      agent('ann', call('leg of queue Q1', { state: 'alerting' })),
    ]);
    expect(reopened(lastIsOld)).toMatchObject({ participant_id: 'ann', state: 'disconnected' });
  });

  test('the communications of the marker stay ended in the re-opened conversation', () => {
    const lines = [
      snapshot(201, [acd('queue 2', 'Q1', newQueueLeg)]),
      before.joinedBy(acd('queue 2', 'Q1', newQueueLeg)).at(230),
    ];
    const closing = snapshot(260, [acd('queue 2', 'Q1', call('new leg of queue', ended(250)))]);
    expect(after(...lines, closing).slice(-2)).toEqual(['row', 'tombstone']);
  });

  test('ids of ended communications in a straggler are remembered', () => {
    const endedElsewhere = snapshot(110, [agent('ann', call('elsewhere', ended(105)))]);
    const asIfLive = snapshot(150, [acd('queue 2', 'Q1', call('elsewhere', connected(120)))]);
    expect(after(asIfLive)).toEqual(['row']);
    expect(after(endedElsewhere, asIfLive)).toEqual([]);
  });

  test('a conversation that never had a row leaves a marker, too', () => {
    const called = aConversation().called();
    expect(kindsOf(called.at(1), called.hungUp(99).at(100), called.queued('Q1', 3).at(105))).toEqual(['row']);
    expect(kindsOf(called.queued().hungUp(99).at(100), called.queued().at(105))).toEqual([]);
  });

  test('a re-opened conversation ends like any other, and what ended twice stays ended', () => {
    const lines = [backInQueue.at(201), backInQueue.hungUp(300).at(301), backInQueue.at(302), before.at(303)];
    expect(after(...lines)).toEqual(OPENED_AND_CLOSED);
  });
});

describe('section 4, how long the marker holds', () => {
  const straggler = before.with('caller', {}, { provider: 'late' });

  test('the receive time of an event decides whether the marker holds: at ENDED_RETENTION it does', () =>
    expect(after(straggler.at(100 + HOUR))).toEqual([]));

  test('after ENDED_RETENTION the conversation is unknown again: a straggler makes a row', () =>
    expect(after(straggler.at(100 + HOUR + 0.001))).toEqual(['row']));

  test('after ENDED_RETENTION a straggler writes the visits again, also those that are as they were', () => {
    const late = before
      .hungUp(99)
      .with('caller', {}, { provider: 'late' })
      .at(101 + HOUR);
    const versions = foldedVisits([...over, late]).map(({ outcome, left_time }) => [outcome, left_time]);
    expect(versions).toHaveLength(3);
    expect(versions[2]).toEqual(versions[1]);
  });

  test('a straggler does not prolong the marker', () =>
    expect(after(straggler.at(100 + HOUR), straggler.with('caller', {}, { provider: 'x' }).at(101 + HOUR))).toEqual([
      'row',
    ]));

  test('a gone neither prolongs the marker nor brings anything back', () =>
    expect(after(gone(100 + HOUR), gone(101 + HOUR), straggler.at(102 + HOUR))).toEqual(['row']));

  test('a receive time from before the end is within ENDED_RETENTION', () =>
    expect(after(straggler.at(95))).toEqual([]));

  test('the time of the end is that of the tombstone; without one, that of the event that ended it', () => {
    const called = aConversation().called();
    const unqueued = [called.at(1), called.hungUp(50).at(100)];
    const late = (seconds: number): string[] =>
      kindsOf(...unqueued, called.queued('Q1').with('queue Q1', {}, { id: 'leg of caller' }).at(seconds));
    expect(late(100 + HOUR)).toEqual([]);
    expect(late(100.001 + HOUR)).toEqual(['row']);
  });

  test('ENDED_RETENTION is a setting', () => {
    const of = (endedRetentionMs: number): string[] =>
      kinds(recordsOf([...over, straggler.at(160)], { endedRetentionMs }));
    expect(of(60_000)).toEqual(OPENED_AND_CLOSED);
    expect(of(59_999)).toEqual([...OPENED_AND_CLOSED, 'row']);
  });
});

describe('section 4, ids of the marker', () => {
  const share = (fields: Wire): Wire => ({ screenshares: [{ id: 'share', ...fields }] });

  test('the ids of the marker hold, whichever participant had the communication', () => {
    const other = snapshot(150, [acd('other queue', 'Q2', call('leg of caller', connected(120)))]);
    expect(after(other)).toEqual([]);
  });

  test('the marker has ids of ended communications only: that of a supervisor who is still there is not among them', () => {
    const boss = participant('boss', { monitoredParticipantId: 'x' }, call('leg of boss', connected(50)));
    const lines = [before.joinedBy(boss).at(60), before.hungUp(99).joinedBy(boss).at(100)];
    const takesOver = snapshot(150, [acd('queue 2', 'Q2', call('leg of boss', connected(50)))]);
    expect(kindsOf(...lines, takesOver).slice(-1)).toEqual(['row']);
  });

  test('the marker has the ids of participants who supervised before and do not in the last snapshot: the same snapshot again is no news', () => {
    const leg = call('leg of boss', connected(50));
    const boss = participant('boss', { purpose: 'acd', queueId: 'Q1', monitoredParticipantId: 'x' }, leg);
    const last = before.hungUp(99).joinedBy(acd('boss', 'Q1', leg));
    expect(kindsOf(before.joinedBy(boss).at(60), last.at(100), last.at(101), last.at(150))).toEqual(OPENED_AND_CLOSED);
  });

  test('the marker has the ids of secondary communications, too', () => {
    const shared = before.hungUp(99).with('caller', share({ state: 'disconnected' }));
    const asQueue = snapshot(150, [{ ...acd('queue 2', 'Q2'), ...share(connected(120)) }]);
    expect(kindsOf(before.at(10), shared.at(100), asQueue)).toEqual(OPENED_AND_CLOSED);
  });
});
