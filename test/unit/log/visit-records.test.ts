import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readVisitKey, visitKey } from '../../../src/log';

test('of which visit a key is can be read from it, whatever is in the ids', () => {
  const id = fc.oneof(fc.string(), fc.stringMatching(/^[%/25F]{0,6}$/));
  fc.assert(
    fc.property(id, id, (conversation_id, participant_id) => {
      const visit = { conversation_id, participant_id };
      expect(readVisitKey(visitKey(visit))).toEqual(visit);
    }),
  );
});

test.each(['', 'c1', 'a/b/c'])('a key that no visit has is none’s: %j', (key) => {
  expect(readVisitKey(key)).toBeNull();
});
