import { describe, expect, test } from '@jest/globals';
import { DEFAULT_FOLD_SETTINGS } from '../../../src/conversation/fold';
import { unlistedColumns } from '../../../src/conversation/known-values';
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
} from '../../support/conversation-builders';
import { eventOf } from '../../support/conversation-fold';

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
    ['state', { state: 'parked' }],
    ['direction', { direction: 'Inbound' }],
    ['disconnect_type', { disconnectType: 'inactivity' }],
    ['acw_state', { afterCallWork: { state: 'Pending' } }],
    ['message_type', { type: 'apple' }],
    ['message_status', { messages: [{ messageStatus: 'seen' }] }],
  ])('%s', (column, fields) => expect(unlistedIn(queue, agent('ann', message('m', fields)))).toEqual([column]));

  test('purpose', () =>
    expect(unlistedIn(queue, participant('x', { purpose: 'novel' }, call('k')))).toEqual(['purpose']));

  test('media_type, of a secondary communication', () =>
    expect(unlistedIn(acd('queue', 'Q1', video('v', connected(2))))).toEqual(['media_type']));

  test('provider is no list', () =>
    expect(unlistedIn(queue, agent('ann', call('k', { provider: 'Anybody' })))).toEqual([]));
});
