import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { createAge } from '../../../src/common/age';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

test('time passes also when the clock of the machine is set back, and while the machine sleeps', () => {
  const age = createAge();
  jest.advanceTimersByTime(500);
  jest.setSystemTime(Date.now() - 86_400_000);
  expect(age()).toBe(500);
  jest.advanceTimersByTime(500);
  expect(age()).toBe(1_000);
  // Awake again: only the clock of the machine knows how long it slept.
  jest.setSystemTime(Date.now() + 2 * 86_400_000);
  expect(age()).toBe(86_400_000 + 1_000);
});
