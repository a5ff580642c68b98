import { describe, expect, test } from '@jest/globals';
import { createPartitionFold, DEFAULT_FOLD_SETTINGS } from '../../../src/conversation';
import type { GoneEvent } from '../../../src/conversation/event';
import {
  kindsOf,
  acd,
  aConversation,
  agent,
  at,
  call,
  callback,
  connected,
  customer,
  ended,
  gone,
  kinds,
  ms,
  participant,
  recordsOf,
  rowAfter,
  screenShare,
  snapshot,
  video,
  type Wire,
} from '../../support/conversation/conversation-builders';
import { eventOf, printed } from '../../support/conversation/conversation-fold';

const story = aConversation().called().queued();
const caller = customer('caller', call('leg of caller', connected(0)));

describe('section 4, queued', () => {
  const withAcd = (fields: Wire, leg: Wire): string =>
    snapshot(10, [caller, participant('queue', { purpose: 'acd', queueId: 'Q1', ...fields }, call('k', leg))]);

  test.each<[string, Wire, Wire]>([
    ['it has a connectedTime', { connectedTime: at(2) }, { state: 'alerting' }],
    ['one of its communications has one', {}, { state: 'alerting', connectedTime: at(2) }],
    ['one of its communications is connected', {}, { state: 'connected' }],
    ['its purpose is acd in other letters', { purpose: 'ACD' }, { state: 'connected' }],
  ])('a row is created when %s', (_, fields, leg) => expect(kindsOf(withAcd(fields, leg))).toEqual(['row']));

  test.each<[string, Wire, Wire]>([
    ['nothing of it has connected', {}, { state: 'scheduled' }],
    ['it has no queue', { queueId: '' }, connected(2)],
    ['its purpose is another', { purpose: 'agent' }, connected(2)],
    ['it has no purpose', { purpose: null }, connected(2)],
  ])('there is no row while %s', (_, fields, leg) => expect(kindsOf(withAcd(fields, leg))).toEqual([]));

  test('an acd participant without a communication and a connectedTime has not connected', () =>
    expect(kindsOf(snapshot(10, [caller, acd('queue', 'Q1')]))).toEqual([]));

  test('the connectedTime of an acd participant is enough, without any communication', () =>
    expect(kindsOf(snapshot(10, [caller, { ...acd('queue', 'Q1'), connectedTime: at(2) }]))).toEqual(['row']));

  test('the facts that make a participant queued may come in several snapshots', () => {
    const purposeless = participant('queue', {}, call('k', connected(2)));
    expect(
      kindsOf(snapshot(10, [caller, purposeless]), snapshot(11, [acd('queue', 'Q1', call('k', { provider: 'E' }))])),
    ).toEqual(['row']);
  });

  test('a participant that was connected once is queued, in whatever order the snapshots come', () => {
    const over = acd('queue', 'Q1', call('k', { state: 'disconnected' }));
    const was = acd('queue', 'Q1', call('k', { state: 'connected' }));
    expect(kindsOf(snapshot(10, [caller, over]))).toEqual([]);
    expect(kindsOf(snapshot(10, [caller, over]), snapshot(11, [caller, was]))).toEqual(['row']);
  });

  test('a participant that was queued stays queued', () => {
    const changed = participant('queue Q1', { purpose: 'agent' });
    expect(
      rowAfter(story.at(10), story.joinedBy(changed).hungUp(20).with('caller', {}, connected(0)).at(30)),
    ).toMatchObject({
      queue_id: 'Q1',
    });
  });
});

describe('section 4, a row exists exactly while the conversation is queued and live', () => {
  test('a row begins when the conversation is first seen queued and live, also in its middle', () =>
    expect(rowAfter(story.answeredBy('ann', 40).at(300))).toMatchObject({
      participant_id: 'ann',
      db_when_created: at(300),
      connected_time: at(2),
    }));

  test('the row stays while anybody is left in the conversation', () => {
    const onlyCaller = story.answeredBy('ann', 40).with('ann', {}, ended(50));
    expect(kindsOf(story.at(10), onlyCaller.at(51))).toEqual(['row', 'row']);
  });

  test('the snapshot that ends a conversation writes the closing row and then the tombstone, both with its time', () => {
    const records = recordsOf([story.at(10), story.hungUp(20).at(21)]);
    expect(kinds(records)).toEqual(['row', 'row', 'tombstone']);
    expect(records.slice(1)).toMatchObject([
      {
        timestamp: at(21),
        value: { state: 'disconnected', disconnect_type: 'peer', db_last_updated: at(21), waiting: false },
      },
      { timestamp: at(21), value: null },
    ]);
  });

  test('the closing row is written even if nothing but db_last_updated changes', () => {
    const onlyCaller = story.answeredBy('ann', 40).with('ann', {}, ended(50));
    const records = recordsOf([onlyCaller.at(51), onlyCaller.with('caller', {}, ended(60)).at(61)]);
    expect(kinds(records)).toEqual(['row', 'row', 'tombstone']);
    expect(records[1]?.value).toEqual({ ...records[0]?.value, db_last_updated: at(61) });
  });

  test('a row that nobody but supervisors keeps is closed as if ended', () => {
    const becomes = { ...acd('queue', 'Q1', call('k', connected(2))), coachedParticipantId: 'x' };
    const lines = [snapshot(10, [acd('queue', 'Q1', call('k', connected(2)))]), snapshot(11, [becomes])];
    expect(kindsOf(...lines)).toEqual(['row', 'row', 'tombstone']);
  });

  test('a conversation never seen queued and live writes nothing', () => {
    expect(kindsOf(story.hungUp(20).at(21))).toEqual([]);
    expect(kindsOf(aConversation().called().at(10), aConversation().called().hungUp(20).at(21))).toEqual([]);
    expect(kindsOf(aConversation().called().at(10), story.hungUp(20).at(21))).toEqual([]);
  });

  test('conversations do not touch one another', () => {
    const other = aConversation('c2').called().queued('Q2');
    const records = recordsOf([story.at(10), other.at(11), story.hungUp(20).at(21), other.at(40)]);
    expect(records.map(({ key, value }) => [key, value !== null])).toEqual([
      ['c1', true],
      ['c2', true],
      ['c1', true],
      ['c1', false],
    ]);
  });
});

describe('section 4, supervisors', () => {
  const flags = [
    'monitoredParticipantId',
    'coachedParticipantId',
    'bargedParticipantId',
    'screenMonitoredParticipantId',
  ];
  const watching = (flag: string): Wire =>
    participant('boss', { purpose: 'user', userId: 'u9', [flag]: 'ann' }, call('leg of boss', connected(60)));

  test.each(flags)('who joins with a %s changes no row', (flag) => {
    const answered = story.answeredBy('ann', 40);
    expect(kindsOf(answered.at(41), answered.joinedBy(watching(flag)).at(61))).toEqual(['row']);
  });

  test.each(flags)('and keeps none: with a %s nobody is live', (flag) => {
    const watched = story.answeredBy('ann', 40).joinedBy(watching(flag));
    const alone = watched.hungUp(70).joinedBy(watching(flag));
    expect(kindsOf(watched.at(61), alone.at(71))).toEqual(['row', 'row', 'tombstone']);
  });

  test('a conversation of supervisors alone has no row', () => {
    const supervised = { ...acd('queue', 'Q1', call('k', connected(2))), monitoredParticipantId: 'x' };
    expect(kindsOf(snapshot(10, [supervised]))).toEqual([]);
  });
});

describe('section 2, secondary communications', () => {
  test('secondary communications count in a conversation that has no primary one at all', () =>
    expect(rowAfter(snapshot(10, [acd('queue', 'Q1', video('v', connected(2)))]))).toMatchObject({
      media_type: 'Video',
      waiting: true,
    }));

  test('beside primary ones, secondary communications neither make a conversation live nor are ever the latest', () => {
    const shared = story.joinedBy(agent('ann', call('leg of ann', connected(40)), screenShare('s', connected(50))));
    expect(rowAfter(shared.at(51))).toMatchObject({ media_type: 'Voice', communication_id: 'leg of ann' });
    const onlyShare = story.hungUp(60).joinedBy(agent('ann', screenShare('s', connected(50))));
    expect(kindsOf(story.at(10), onlyShare.at(61))).toEqual(['row', 'row', 'tombstone']);
  });

  test('with the first primary communication the secondary ones do not count any more', () => {
    const videoOnly = snapshot(10, [acd('queue', 'Q1', video('v', connected(2)))]);
    expect(kindsOf(videoOnly, snapshot(30, [customer('caller', call('k', ended(20)))]))).toEqual([
      'row',
      'row',
      'tombstone',
    ]);
  });
});

describe('section 4, gone', () => {
  test('a gone disconnects every live communication and keeps its other fields: closing row and tombstone', () => {
    const before = story
      .answeredBy('ann', 40)
      .with('ann', {}, { provider: 'Edge', afterCallWork: { state: 'unknown' } });
    const records = recordsOf([before.at(41), gone(50)]);
    expect(records.slice(1)).toEqual([
      {
        key: 'c1',
        value: { ...records[0]?.value, state: 'disconnected', db_last_updated: at(50) },
        timestamp: at(50),
      },
      { key: 'c1', value: null, timestamp: at(50) },
    ]);
  });

  test('a communication that had ended otherwise keeps its state after a gone', () => {
    const rang = story.joinedBy(agent('ann', callback('b', { state: 'terminated', disconnectedTime: at(9) })));
    expect(recordsOf([rang.at(10), gone(20)]).at(-2)?.value).toMatchObject({ state: 'terminated' });
  });

  test('a gone of an unknown conversation writes nothing', () =>
    expect(kindsOf(gone(10), story.at(11))).toEqual(['row']));

  test('a gone of an ended conversation writes nothing', () =>
    expect(kindsOf(story.at(10), gone(11), gone(12), gone(13))).toHaveLength(3));

  test('a gone of a conversation without a row writes nothing, and leaves a marker', () => {
    const called = aConversation().called();
    expect(kindsOf(called.at(10), gone(20), called.queued().at(21))).toEqual(['row']);
    expect(kindsOf(called.at(10), gone(20), called.with('caller', {}, { provider: 'E' }).at(21))).toEqual([]);
  });

  test('a gone takes no place in the window of duplicates', () => {
    const unqueued = { ...acd('queue', 'Q1', call('k', connected(2))), monitoredParticipantId: 'x' };
    expect(kindsOf(snapshot(10, [unqueued]), gone(11), snapshot(12, [unqueued]))).toEqual([]);
  });
});

describe('section 4, what was never queued is forgotten 7 days after its last event', () => {
  const day = 24 * 60 * 60;
  const before = aConversation().called().with('caller', { userId: 'from before' });
  const back = aConversation().queued().called();

  test('after 7 days it is still known', () =>
    expect(rowAfter(before.at(0), back.at(7 * day))).toMatchObject({ user_id: 'from before' }));

  test('after more than 7 days it is forgotten', () =>
    expect(rowAfter(before.at(0), back.at(7 * day + 0.001))).toMatchObject({ user_id: null }));

  test('a conversation with a row is not forgotten', () => {
    const late = story.with('caller', {}, { provider: 'E' });
    expect(rowAfter(story.at(10), late.at(30 * day))).toMatchObject({ db_when_created: at(10) });
  });
});

describe('section 4, gone, where the bridge has seen a row', () => {
  const goneWithRow = (seconds: number): GoneEvent => {
    const event = { conversationId: 'c1', receivedAt: ms(seconds), source: 'rest', fingerprint: null } as const;
    return { ...event, gone: true, hasRow: true, participants: [] };
  };
  const kindsAfter = (lines: readonly string[]): string[] => {
    const fold = createPartitionFold(DEFAULT_FOLD_SETTINGS);
    for (const line of lines) {
      const event = eventOf(line);
      if (event !== null) fold.apply(event);
    }
    return kinds(fold.apply(goneWithRow(100)).records.map(printed));
  };

  test('a gone of an unknown conversation removes the row', () => expect(kindsAfter([])).toEqual(['tombstone']));
  test('a gone of a known conversation closes the row once', () =>
    expect(kindsAfter([story.at(10)])).toEqual(['row', 'tombstone']));
  test('a gone of a conversation that is known without a row removes the row, too', () =>
    expect(kindsAfter([aConversation().called().at(10)])).toEqual(['tombstone']));
  test('a gone of a conversation that has ended writes nothing', () =>
    expect(kindsAfter([story.at(10), story.hungUp(20).at(21)])).toEqual([]));
});
