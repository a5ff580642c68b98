import { describe, expect, test } from '@jest/globals';
import type { Checkpoint, TopicMark } from '../../../src/log';
import { judge, type Found } from '../../../src/log/runtime/losses';

const mark = (topic: string, changed: Partial<TopicMark> = {}): TopicMark => ({
  ...{ topic, id: `id of ${topic}`, partitions: 4, beginning: 0, end: 100 },
  ...changed,
});
const topics = [mark('in'), mark('changelog'), mark('state'), mark('visits'), mark('dead')];
const checkpoint: Checkpoint = { nextOffset: 50, topics, last: null };
const topology = {
  group: 'g',
  input: 'in',
  changelog: 'changelog',
  outputs: ['state', 'visits', 'dead'],
  tables: ['state'],
  expiring: ['visits'],
  timers: true,
};
const nothing: Found = {
  ...{ topology, partition: 2, topics, changelogPolicy: 'compact', committed: 50, checkpoint },
  ...{ strangeTopic: null, lastRecord: 'same' },
};
const now = (topic: string, changed: Partial<TopicMark>): Partial<Found> => ({
  topics: topics.map((one) => (one.topic === topic ? { ...one, ...changed } : one)),
});

describe('what is no loss', () => {
  test.each<[string, Partial<Found>, number]>([
    ['nothing has changed', {}, 50],
    ['a first start', { checkpoint: null, committed: null }, 0],
    ['a first start behind deleted records', { checkpoint: null, committed: null, ...now('in', { beginning: 7 }) }, 7],
    ['the offsets of the group have expired', { committed: null }, 50],
    ['the offsets of the group went back', { committed: 20 }, 50],
    ['a checkpoint of an older version', { checkpoint: { nextOffset: 50, topics: [], last: null } }, 50],
    ['a Kafka that tells no ids any more', now('in', { id: null }), 50],
    ['an operator moved the group on, past deleted records', { committed: 70, ...now('in', { beginning: 70 }) }, 70],
    ['other dead letters', now('dead', { id: 'another', end: 0 }), 50],
    ['records of an expiring output that have expired', now('visits', { beginning: 60 }), 50],
    ['the last record is not there any more', { lastRecord: 'unknown' }, 50],
  ])('%s', (_, changed, from) => {
    expect(judge({ ...nothing, ...changed })).toEqual({ losses: [], from, rewrite: new Set() });
  });
});

describe('a table is written again', () => {
  test.each<[string, Partial<TopicMark>]>([
    ['that was recreated', { id: 'another', end: 0 }],
    ['whose records were deleted', { beginning: 1 }],
    ['that ends before it did', { end: 99 }],
  ])('%s', (_, changed) => {
    expect(judge({ ...nothing, ...now('state', changed) })).toEqual({
      losses: [],
      from: 50,
      rewrite: new Set(['state']),
    });
  });
});

describe('an expiring output is written again', () => {
  test.each<[string, Partial<TopicMark>]>([
    ['that was recreated', { id: 'another', end: 0 }],
    ['that ends before it did', { end: 99 }],
  ])('%s', (_, changed) => {
    expect(judge({ ...nothing, ...now('visits', changed) }).rewrite).toEqual(new Set(['visits']));
  });

  test('but not one that the fold did not write before', () => {
    const before = topics.filter(({ topic }) => topic !== 'visits');
    const found = { ...nothing, ...now('visits', { id: 'another', end: 0 }) };
    expect(judge({ ...found, checkpoint: { ...checkpoint, topics: before } }).rewrite).toEqual(new Set());
  });
});

describe('a loss is refused', () => {
  test.each<[string, Partial<Found>, string, string, RegExp]>([
    ['an empty changelog', { checkpoint: null }, 'state', 'apparent', /^changelog\/2: it has no checkpoint/],
    ['a recreated changelog', now('changelog', { id: 'x' }), 'state', 'certain', /deleted and recreated while/],
    ['deleted records of the changelog', now('changelog', { beginning: 3 }), 'state', 'certain', /below offset 3/],
    [
      'a changelog without its end',
      { committed: 60 },
      'state',
      'apparent',
      /up to 60: the changelog lost its last records/,
    ],
    [
      'rows before a first start',
      { checkpoint: null, committed: null, strangeTopic: 'state' },
      ...(['state', 'certain', /but state has records/] as const),
    ],
    ['a changelog that Kafka deletes from', { changelogPolicy: 'delete' }, 'neither', 'certain', /kafka-configs/],
    ['a recreated input', now('in', { id: 'x' }), 'input', 'certain', /belongs to offset 50 of the old topic/],
    ['an input deleted before it was folded', now('in', { beginning: 51 }), 'input', 'certain', /begins at 51/],
    ['an input that went back', now('in', { end: 49 }), 'input', 'apparent', /ends at 49/],
    ['an input that went back and on', { lastRecord: 'moved' }, 'input', 'certain', /not the one that the fold read/],
    [
      'more partitions',
      { topics: topics.map((one) => ({ ...one, partitions: 8 })) },
      ...(['neither', 'certain', /in has 8 partitions, 4 before/] as const),
    ],
    [
      'more partitions of one topic',
      now('in', { partitions: 8 }),
      'neither',
      'certain',
      /different numbers of partitions: in has 8/,
    ],
  ])('%s', (_, changed, kind, certainty, message) => {
    const [loss] = judge({ ...nothing, ...changed }).losses;
    expect(loss).toMatchObject({ kind, certainty });
    expect(loss?.message).toMatch(message);
  });
});
