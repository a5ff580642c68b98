import { expect, test } from '@jest/globals';
import { sameRow, STATE_COLUMNS } from '../../../src/conversation/row';
import { type QueueVisit, sameVisit, VISIT_COLUMNS } from '../../../src/conversation/visit';
import { aRow, aVisit } from '../../support/conversation/rows';

const NO_NEW_RECORD: readonly (keyof QueueVisit)[] = ['conversation_id', 'participant_id', 'db_last_updated'];

test.each(VISIT_COLUMNS.filter((column) => !NO_NEW_RECORD.includes(column)))(
  'a visit that differs in %s alone is a new version',
  (column) => {
    expect(sameVisit(aVisit(), aVisit())).toBe(true);
    expect(sameVisit(aVisit(), { ...aVisit(), [column]: 'other' })).toBe(false);
  },
);

test.each(STATE_COLUMNS)('a row that differs in %s alone is a new record, unless that is its time', (column) => {
  expect(sameRow(aRow(), aRow())).toBe(true);
  expect(sameRow(aRow(), { ...aRow(), [column]: 'other' })).toBe(column === 'db_last_updated');
});
