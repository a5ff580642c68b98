import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import { DEFAULT_FOLD_SETTINGS } from '../../../src/conversation/folded';
import { KNOWN_VALUES, unlistedColumns } from '../../../src/conversation/known-values';
import type { ListedColumn } from '../../../src/conversation/known-values';
import { createPartitionFold } from '../../../src/conversation/partition';
import {
  acd,
  agent,
  call,
  connected,
  message,
  participant,
  snapshot,
  video,
  type Wire,
} from '../../support/conversation/conversation-builders';
import { eventOf } from '../../support/conversation/conversation-fold';

function unlistedIn(...participants: readonly Wire[]): readonly ListedColumn[] {
  const event = eventOf(snapshot(10, participants));
  const row = event === null ? null : createPartitionFold(DEFAULT_FOLD_SETTINGS).apply(event).records[0]?.row;
  if (row === null || row === undefined) throw new Error('there is no row');
  return unlistedColumns(row);
}

const queue = acd('queue', 'Q1', call('leg of queue', connected(2)));

describe('section 1, values outside their lists are counted by column', () => {
  test('a row of listed and absent values has none', () =>
    expect(unlistedIn(queue, agent('ann', call('k', { ...connected(5), direction: 'inbound' })))).toEqual([]));

  test.each<[ListedColumn, Wire]>([
    ['state', { state: 'asleep' }],
    ['direction', { direction: 'Inbound' }],
    ['disconnect_type', { disconnectType: 'boredom' }],
    ['acw_state', { afterCallWork: { state: 'Pending' } }],
    ['message_type', { type: 'pigeon' }],
    ['message_status', { messages: [{ messageStatus: 'seen' }] }],
  ])('%s', (column, fields) => expect(unlistedIn(queue, agent('ann', message('m', fields)))).toEqual([column]));

  test.each<Wire>([
    { state: 'parked' },
    { type: 'apple' },
    { disconnectType: 'inactivity' },
    { disconnectType: 'session.expired' },
    { disconnectType: 'takeover' },
  ])('not what Genesys knows beyond the lists: %j', (fields) =>
    expect(unlistedIn(queue, agent('ann', message('m', fields)))).toEqual([]),
  );

  test('nor what is in public use: the purpose dialer.system', () =>
    expect(unlistedIn(queue, participant('x', { purpose: 'dialer.system' }, call('k')))).toEqual([]));

  test('purpose', () =>
    expect(unlistedIn(queue, participant('x', { purpose: 'novel' }, call('k')))).toEqual(['purpose']));

  test('media_type, of a secondary communication', () =>
    expect(unlistedIn(acd('queue', 'Q1', video('v', connected(2))))).toEqual(['media_type']));

  test('provider is no list', () =>
    expect(unlistedIn(queue, agent('ann', call('k', { provider: 'Anybody' })))).toEqual([]));
});

test('docs/reference/data-dictionary.md names each known value that the table does not list, with its source', () => {
  const [table] = KNOWN_VALUES.map(({ source }) => source);
  const page = readFileSync(join(packageRoot(), 'docs', 'reference', 'data-dictionary.md'), 'utf8');
  const beyond = KNOWN_VALUES.filter(({ source }) => source !== table);
  expect(beyond).toHaveLength(6);
  for (const { column, value, source } of beyond) expect(page).toContain(`| ${column} | \`${value}\` | ${source} |`);
});
