import { expect, test } from '@jest/globals';
import { inOrder, type Conversation } from '../../../src/board/page/model';

/** What the page makes of the server's answers. */
const CALM: Conversation = {
  ...{ id: 'c', queueId: 'q', media: 'Voice', waiting: false, alerting: false, talking: false },
  ...{ state: 'connected', purpose: 'agent', direction: 'inbound', userId: null, userName: null, skills: [] },
  ...{ acw: null, enteredAt: 0, answeredAt: null, updatedAt: 0 },
};

test('a queue shows those who wait first, also while a phone rings for them, and among equals who came first', () => {
  const rows: readonly Conversation[] = [
    { ...CALM, id: 'waits longest', waiting: true, enteredAt: 1 },
    { ...CALM, id: 'a phone rings', waiting: true, alerting: true, enteredAt: 2 },
    { ...CALM, id: 'waits', waiting: true, enteredAt: 3 },
    { ...CALM, id: 'a consult rings', alerting: true, enteredAt: 0 },
    { ...CALM, id: 'talks', talking: true, enteredAt: 0 },
    { ...CALM, id: 'is worked on', acw: 'pending', enteredAt: 0 },
    { ...CALM, id: 'anything else', enteredAt: 0 },
    { ...CALM, id: 'anything later', enteredAt: 1 },
  ];
  expect(rows.toReversed().toSorted(inOrder)).toEqual(rows);
});
