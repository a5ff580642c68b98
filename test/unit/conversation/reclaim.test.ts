import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  createPartitionFold,
  DEFAULT_FOLD_SETTINGS,
  type QueueConversation,
  stateOfRow,
} from '../../../src/conversation';
import { stream } from '../../support/conversation/conversation-arbitraries';
import { aConversation, gone, kinds } from '../../support/conversation/conversation-builders';
import { eventOf, printed } from '../../support/conversation/conversation-fold';

/** All rows that are live after the lines, of a fold that forgot nothing. */
function foldOf(lines: readonly string[]) {
  const fold = createPartitionFold(DEFAULT_FOLD_SETTINGS);
  for (const line of lines) {
    const event = eventOf(line);
    if (event !== null) fold.apply(event);
  }
  return fold;
}

/** Without what no row tells: who else is there, and so whether somebody waits beside an agent whose phone rings. */
const known = (row: QueueConversation) => ({ ...row, waiting: null, direction: null, ani: null, dnis: null });

test('a state that was made of a row gives that row', () => {
  fc.assert(
    fc.property(stream(8), (lines) => {
      for (const { conversationId, row } of foldOf(lines).rows()) {
        if (row === null) throw new Error('no row');
        const fold = createPartitionFold(DEFAULT_FOLD_SETTINGS);
        expect(fold.reclaim(conversationId, stateOfRow(row))).toBe(true);
        const [again] = [...fold.rows()];
        expect(again?.row && known(again.row)).toEqual(known(row));
      }
    }),
    { numRuns: 200 },
  );
});

test('the next snapshot gives the same row as in a fold that forgot nothing', () => {
  const before = aConversation().called().queued().alerting('Ann');
  const after = before.answeredBy('Ann', 20);
  const [remembered] = [...foldOf([before.at(10)]).rows()];
  if (remembered?.row == null) throw new Error('no row');
  const fold = createPartitionFold(DEFAULT_FOLD_SETTINGS);
  fold.reclaim('c1', stateOfRow(remembered.row));
  const event = eventOf(after.at(21));
  if (event === null) throw new Error('no event');
  fold.apply(event);
  expect([...fold.rows()]).toEqual([...foldOf([before.at(10), after.at(21)]).rows()]);
});

test('its row is closed by a gone, and by the snapshot that ends it', () => {
  const story = aConversation().called().queued();
  const [row] = [...foldOf([story.at(10)]).rows()].map((record) => record.row);
  if (row == null) throw new Error('no row');
  for (const line of [gone(20), story.hungUp(20).at(21)]) {
    const fold = createPartitionFold(DEFAULT_FOLD_SETTINGS);
    fold.reclaim('c1', stateOfRow(row));
    const event = eventOf(line);
    if (event === null) throw new Error('no event');
    expect(kinds(fold.apply(event).records.map(printed))).toEqual(['row', 'tombstone']);
  }
});

test('what is known is not reclaimed', () => {
  const story = aConversation().called().queued();
  const fold = foldOf([story.at(10)]);
  const [row] = [...fold.rows()].map((record) => record.row);
  if (row == null) throw new Error('no row');
  expect(fold.reclaim('c1', stateOfRow({ ...row, queue_id: 'other' }))).toBe(false);
  expect([...fold.rows()][0]?.row?.queue_id).toBe('Q1');
});
