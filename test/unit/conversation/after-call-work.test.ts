import { describe, expect, test } from '@jest/globals';
import { DEFAULT_FOLD_SETTINGS, type StateRecord } from '../../../src/conversation/folded';
import { createPartitionFold, type PartitionFold } from '../../../src/conversation/partition';
import {
  aConversation,
  agent,
  at,
  call,
  connected,
  customer,
  ended,
  gone,
  kinds,
  MINUTE,
  ms,
  participant,
  recordsOf,
  snapshot,
  type ConversationStory,
  type Wire,
} from '../../support/conversation/conversation-builders';
import { printed, type PrintedRecord } from '../../support/conversation/conversation-fold';
import { readLine } from '../../support/conversation/read-line';

function overdue(partition: PartitionFold, now: number): readonly StateRecord[] {
  const closed: StateRecord[] = [];
  partition.closeOverdue(
    now,
    (_, records) => closed.push(...records),
    () => false,
  );
  return closed;
}

const ACW = { ...DEFAULT_FOLD_SETTINGS, closeAfter: 'acw' } as const;
const acwRecords = (...lines: readonly string[]): PrintedRecord[] => recordsOf(lines, ACW);
const kindsOf = (...lines: readonly string[]): string[] => kinds(acwRecords(...lines));

const pending = { afterCallWork: { state: 'pending', startTime: at(100) } };
const complete = { afterCallWork: { state: 'complete', startTime: at(100), endTime: at(160) } };
/** The deadline of what ended at second 100. */
const DEADLINE = 100 + 15 * MINUTE;

const talking = (id = 'c1'): ConversationStory => aConversation(id).called().queued().answeredBy('ann', 40);
/** Everybody has left at second 100; ann's work is pending. */
const working = (id = 'c1'): ConversationStory =>
  talking(id)
    .with('caller', {}, ended(99))
    .with('ann', {}, { ...ended(100), ...pending });
const done = working().with('ann', {}, complete);
const other = (seconds: number): string => aConversation('other').called().at(seconds);

describe('section 4, CLOSE_AFTER=disconnect', () => {
  test('after-call work keeps no row', () =>
    expect(kinds(recordsOf([talking().at(41), working().at(101)]))).toEqual(['row', 'row', 'tombstone']));

  test('the row stays while the customer is still connected and the agent is in after-call work', () => {
    const callerStays = talking().with('ann', {}, { ...ended(100), ...pending });
    expect(recordsOf([talking().at(41), callerStays.at(101)]).at(-1)?.value).toMatchObject({
      state: 'disconnected',
      acw_state: 'pending',
    });
  });
});

describe('section 4, CLOSE_AFTER=acw', () => {
  test('the row stays while after-call work is pending, and closes when it is complete', () => {
    const records = acwRecords(talking().at(41), working().at(101), done.at(161));
    expect(kinds(records)).toEqual(['row', 'row', 'row', 'tombstone']);
    expect(records.map(({ value }) => value?.['acw_state'])).toEqual([null, 'pending', 'complete', undefined]);
    expect(records.at(-1)?.timestamp).toBe(at(161));
  });

  test('without pending work the row closes at the end', () =>
    expect(kindsOf(talking().at(41), talking().hungUp(100).at(101))).toEqual(['row', 'row', 'tombstone']));

  test.each(['Pending', 'complete', 'skipped', 'unknown', 'notApplicable'])('%s is not pending', (state) =>
    expect(kindsOf(talking().at(41), working().with('ann', {}, { afterCallWork: { state } }).at(101)).at(-1)).toBe(
      'tombstone',
    ),
  );

  test('the pending work of a supervisor keeps the row', () => {
    const boss = participant(
      'boss',
      { monitoredParticipantId: 'ann' },
      call('leg of boss', { ...ended(90), ...pending }),
    );
    expect(kindsOf(talking().at(41), talking().hungUp(100).joinedBy(boss).at(101))).toEqual(['row', 'row']);
  });

  test('a conversation without a row writes nothing, and is not kept for its work', () =>
    expect(kindsOf(working().at(101), done.at(161), talking().at(162))).toEqual([]));

  test('a gone closes the row, whatever work is pending', () =>
    expect(kindsOf(talking().at(41), working().at(101), gone(110))).toEqual(['row', 'row', 'row', 'tombstone']));

  test('a participant who comes back makes the conversation live again, and the deadline is off', () => {
    const back = working().joinedBy(agent('bob', call('leg of bob', connected(200))));
    expect(kindsOf(talking().at(41), working().at(101), back.at(201), other(DEADLINE + 1000))).toEqual([
      'row',
      'row',
      'row',
    ]);
  });
});

describe('section 4, ACW_TIMEOUT', () => {
  test('past its deadline a row is closed before the next event of its partition, with the deadline as time', () => {
    const records = acwRecords(talking().at(41), working().at(101), other(DEADLINE + 0.001));
    expect(kinds(records)).toEqual(['row', 'row', 'row', 'tombstone']);
    expect(records.at(-2)).toMatchObject({ timestamp: at(DEADLINE), value: { db_last_updated: at(DEADLINE) } });
    expect(records.at(-1)).toMatchObject({ timestamp: at(DEADLINE), value: null });
  });

  test('an event received at the deadline is not past it', () =>
    expect(kindsOf(talking().at(41), working().at(101), other(DEADLINE))).toEqual(['row', 'row']));

  test('an event of the conversation itself after the deadline finds it ended', () => {
    const records = acwRecords(talking().at(41), working().at(101), done.at(DEADLINE + 1));
    expect(records.slice(2).map(({ timestamp }) => timestamp)).toEqual([at(DEADLINE), at(DEADLINE)]);
  });

  test('a gone of any conversation closes rows past their deadline, a snapshot without a communication does not', () => {
    const lines = [talking().at(41), working().at(101)];
    expect(kindsOf(...lines, gone(DEADLINE + 1, 'nobody'))).toHaveLength(4);
    expect(kindsOf(...lines, snapshot(DEADLINE + 1, [customer('x')], 'c2'))).toHaveLength(2);
  });

  test('a duplicate closes rows past their deadline, too', () =>
    expect(kindsOf(talking().at(41), working().at(101), other(DEADLINE), other(DEADLINE + 1))).toHaveLength(4));

  test('the deadline goes from the greatest disconnectedTime', () => {
    const late = working().with('queue Q1', {}, { disconnectedTime: at(130) });
    const boss = participant('boss', { monitoredParticipantId: 'ann' }, call('leg of boss', ended(140)));
    const deadlineOf = (story: ConversationStory): string | undefined =>
      acwRecords(talking().at(41), story.at(150), other(DEADLINE + 1000)).at(-1)?.timestamp;
    expect(deadlineOf(working())).toBe(at(DEADLINE));
    expect(deadlineOf(late)).toBe(at(DEADLINE + 30));
    expect(deadlineOf(late.joinedBy(boss))).toBe(at(DEADLINE + 40));
  });

  test('without a disconnectedTime the deadline goes from the receive time of the event that ended the conversation', () => {
    const timeless = (fields: Wire): ConversationStory =>
      ['caller', 'queue Q1', 'ann'].reduce(
        (story, who) => story.with(who, {}, { state: 'disconnected', disconnectedTime: null, ...fields }),
        talking().with('queue Q1', {}, { disconnectedTime: null }),
      );
    const start = aConversation().called().queued().at(10);
    const lines = [start, timeless(pending).at(101), timeless({ ...pending, provider: 'E' }).at(200)];
    expect(acwRecords(...lines, other(5_000)).at(-1)?.timestamp).toBe(at(101 + 15 * MINUTE));
  });

  test('an event that ends a conversation already past its deadline closes it at its own time', () => {
    const records = acwRecords(talking().at(41), working().at(DEADLINE + 5));
    expect(kinds(records)).toEqual(['row', 'row', 'tombstone']);
    expect(records.at(-1)?.timestamp).toBe(at(DEADLINE + 5));
  });

  test('several rows are closed in the order of their deadlines, equal ones by conversation_id', () => {
    const endsAt = (id: string, seconds: number): string[] => [
      talking(id).at(41),
      working(id)
        .with('ann', {}, { ...ended(seconds), ...pending })
        .at(seconds + 1),
    ];
    const lines = [...endsAt('\u{1F600}', 110), ...endsAt('b', 120), ...endsAt('\uFF5E', 110), ...endsAt('a', 100)];
    const closed = acwRecords(...lines, other(DEADLINE + 1000)).filter(({ value }) => value === null);
    expect(closed.map(({ key }) => key)).toEqual(['a', '\uFF5E', '\u{1F600}', 'b']);
  });

  test('the ended marker goes from the deadline', () => {
    const stale = talking().with('caller', {}, { provider: 'late' });
    const lines = [talking().at(41), working().at(101), other(DEADLINE + 1)];
    expect(kindsOf(...lines, stale.at(DEADLINE + 60 * MINUTE))).toHaveLength(4);
    expect(kindsOf(...lines, stale.at(DEADLINE + 60 * MINUTE + 1))).toHaveLength(5);
  });
});

describe('section 4, the timer of a live system', () => {
  function partitionAfter(...lines: readonly string[]): PartitionFold {
    const partition = createPartitionFold(ACW);
    for (const line of lines) {
      const read = readLine(Buffer.from(line), 0);
      if (read?.kind === 'event') partition.apply(read.event);
    }
    return partition;
  }

  test('the timer closes the rows whose deadline has passed, as an event would', () => {
    const partition = partitionAfter(talking().at(41), working().at(101));
    expect(partition.live).toBe(1);
    expect(partition.nextDeadline()).toBe(ms(DEADLINE));
    expect(overdue(partition, ms(DEADLINE))).toEqual([]);
    const records = overdue(partition, ms(DEADLINE) + 1).map(printed);
    expect(records).toEqual(acwRecords(talking().at(41), working().at(101), other(DEADLINE + 1)).slice(2));
    expect(partition.live).toBe(0);
    expect(partition.nextDeadline()).toBeNull();
  });

  test('the timer closes rows and forgets nothing', () => {
    const partition = partitionAfter(aConversation().called().at(0));
    partition.takeChanges();
    expect(overdue(partition, ms(365 * 24 * 60 * MINUTE))).toEqual([]);
    expect(partition.takeChanges().size).toBe(0);
  });
});
