import { expect, test } from '@jest/globals';
import { counted } from '../../../src/cli/text';

test('one is singular, and every other number is plural', () => {
  expect([0, 1, 2].map((count) => counted(count, 'line'))).toEqual(['0 lines', '1 line', '2 lines']);
});
