import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  createPartitionFold,
  DEFAULT_FOLD_SETTINGS,
  type ConversationEvent,
  type ConversationState,
  type FoldSettings,
  type StateRecord,
} from '../../../src/conversation';
import { ERASED_FOR_MS } from '../../../src/conversation/erase';
import { stream } from '../../support/conversation/conversation-arbitraries';
import { aConversation, acd, call, connected, gone, HOUR, ms } from '../../support/conversation/conversation-builders';
import { eventOf } from '../../support/conversation/conversation-fold';

const DAY = 24 * HOUR;

function event(line: string): ConversationEvent {
  const read = eventOf(line);
  if (read === null) throw new Error('no event');
  return read;
}

function eraseAt(seconds: number, conversationId = 'c1', visitsOf: readonly string[] = []): ConversationEvent {
  const asked = { receivedAt: ms(seconds), source: 'operator', fingerprint: null };
  return { conversationId, ...asked, gone: true, participants: [], erase: true, visitsOf };
}

function play(events: readonly ConversationEvent[], settings: Partial<FoldSettings> = {}) {
  const partition = createPartitionFold({ ...DEFAULT_FOLD_SETTINGS, ...settings });
  const records: StateRecord[] = [];
  /** The topic of visits after compaction: its keys. */
  const visits = new Set<string>();
  const erasedVisits: string[] = [];
  const states = new Map<string, ConversationState | null>();
  for (const each of events) {
    const applied = partition.apply(each);
    records.push(...applied.records);
    for (const { visit } of applied.visits) visits.add(`${visit.conversation_id}/${visit.participant_id}`);
    for (const participant of applied.erasedVisits) {
      visits.delete(`${each.conversationId}/${participant}`);
      erasedVisits.push(participant);
    }
    for (const [id, state] of partition.takeChanges()) states.set(id, state);
  }
  return { records, states, visits: [...visits], erasedVisits, live: partition.live };
}

const talk = aConversation().called().queued().answeredBy('ann', 10);

describe('an erased conversation', () => {
  const tombstone = { conversationId: 'c1', row: null, timestamp: ms(20), erased: true };
  const nothing = { kind: 'ended', endedAt: ms(20), communicationIds: [], erased: true };

  test('the fold forgets the conversation and writes one tombstone that says so, and no closing row', () => {
    const { records, states, live } = play([event(talk.at(11)), eraseAt(20)]);
    expect(records.map(({ row }) => row?.conversation_id ?? null)).toEqual(['c1', null]);
    expect(records.at(-1)).toEqual(tombstone);
    expect(states.get('c1')).toEqual(nothing);
    expect(live).toBe(0);
  });

  test('loses the visits that the fold knows, and those that the event names, each once', () => {
    const { visits, erasedVisits } = play([event(talk.at(11)), eraseAt(20, 'c1', ['queue Q1', 'earlier'])]);
    expect(erasedVisits).toEqual(['queue Q1', 'earlier']);
    expect(visits).toEqual([]);
    expect(play([event(talk.at(11)), eraseAt(20)]).erasedVisits).toEqual(['queue Q1']);
  });

  test('that has ended, or that the fold does not know, loses the visits that the event names', () => {
    const over = [event(talk.at(11)), event(talk.hungUp(12).at(13))];
    expect(play(over).visits).toEqual(['c1/queue Q1']);
    expect(play([...over, eraseAt(20)]).visits).toEqual(['c1/queue Q1']);
    expect(play([...over, eraseAt(20, 'c1', ['queue Q1'])]).visits).toEqual([]);
    expect(play([eraseAt(20, 'c1', ['queue Q1'])]).erasedVisits).toEqual(['queue Q1']);
  });

  test('that was erased already loses visits that were found later', () => {
    expect(play([event(talk.at(11)), eraseAt(20), eraseAt(21, 'c1', ['late'])]).erasedVisits).toEqual([
      'queue Q1',
      'late',
    ]);
  });

  test('loses no visits where none are written', () => {
    const { erasedVisits } = play([event(talk.at(11)), eraseAt(20, 'c1', ['queue Q1'])], { visits: 'off' });
    expect(erasedVisits).toEqual([]);
  });

  test.each<[string, readonly ConversationEvent[]]>([
    ['that the fold does not know', []],
    ['that has ended', [event(talk.at(11)), event(talk.hungUp(12).at(13))]],
    ['that never had a row', [event(aConversation().called().at(1))]],
    ['that was erased before', [event(talk.at(11)), eraseAt(15)]],
  ])('%s gets its tombstone all the same: the topic may have a row of it', (_, before) => {
    const { records, states } = play([...before, eraseAt(20)]);
    expect(records.at(-1)).toEqual(tombstone);
    expect(states.get('c1')).toEqual(nothing);
  });

  test.each([
    ['a snapshot that is live', talk.at(21)],
    [
      'a new leg in a queue, which would re-open one that has ended',
      talk.joinedBy(acd('q2', 'Q2', call('new', connected(30)))).at(31),
    ],
    ['its end', talk.hungUp(40).at(41)],
    ['a gone', gone(41)],
    ['an event that was received before', talk.at(12)],
    ['a month later, less a second', talk.at(20 + 30 * DAY - 1)],
  ])('stays erased: %s changes nothing', (_, line) => {
    const before = [event(talk.at(11)), eraseAt(20)];
    const { records, states, visits } = play([...before, event(line)]);
    expect(records).toEqual(play(before).records);
    expect(visits).toEqual([]);
    expect(states.get('c1')).toEqual(nothing);
  });

  test('is forgotten altogether after a month, with the next event of its partition', () => {
    const other = aConversation('c2').called().queued();
    const { states } = play([event(talk.at(11)), eraseAt(20), event(other.at(20 + 30 * DAY + 1))]);
    expect(states.get('c1')).toBeNull();
    expect(ERASED_FOR_MS).toBe(30 * DAY * 1_000);
  });

  test('an erased conversation is in no record, visit or state, whatever its events say; all others are as without it', () => {
    fc.assert(
      fc.property(stream(30), fc.nat(), (lines, place) => {
        const events = lines.flatMap((line) => eventOf(line) ?? []);
        const at = events.length === 0 ? 0 : place % (events.length + 1);
        const id = events[0]?.conversationId ?? 'c1';
        const [before, after] = [events.slice(0, at), events.slice(at)];
        const inTopic = play(before).visits.filter((key) => key.startsWith(`${id}/`));
        const asked = {
          ...eraseAt(
            0,
            id,
            inTopic.map((key) => key.slice(id.length + 1)),
          ),
          receivedAt: events[at]?.receivedAt ?? events.at(-1)?.receivedAt ?? 0,
        };
        const { records, states, visits } = play([...before, asked, ...after]);
        expect(visits.filter((key) => key.startsWith(`${id}/`))).toEqual([]);
        const othersVisits = play(events).visits.filter((key) => !key.startsWith(`${id}/`));
        expect([...visits].sort()).toEqual(othersVisits.sort());
        const recordsBefore = play(before).records.length;
        const later = records.slice(recordsBefore).filter(({ conversationId }) => conversationId === id);
        expect(later.filter(({ row }) => row !== null)).toEqual([]);
        expect(states.get(id)).toMatchObject({ kind: 'ended', communicationIds: [] });
        const others = (of: readonly StateRecord[]) => of.filter(({ conversationId }) => conversationId !== id);
        expect(others(records)).toEqual(others(play(events).records));
      }),
    );
  });
});
