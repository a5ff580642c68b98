import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatDuration, parseDuration } from '../../../src/config/duration';

test.each([
  ['500ms', 500],
  ['90s', 90_000],
  ['15m', 900_000],
  ['1h', 3_600_000],
  ['1.5h', 5_400_000],
  ['7d', 604_800_000],
  ['0s', 0],
])('%s is %d ms', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

test.each(['', '15', 'm', '-1s', '1 h', '1H', '1h30m', '1e3s', '0.5ms', '9999999999999d'])('"%s" is none', (text) => {
  expect(parseDuration(text)).toBeNull();
});

test('what is formatted is read back', () => {
  fc.assert(
    fc.property(fc.nat(), (milliseconds) => {
      expect(parseDuration(formatDuration(milliseconds))).toBe(milliseconds);
    }),
  );
});
