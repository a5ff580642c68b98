import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { createOnce } from '../../../src/sink/once';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

test('many calls of arm make one call', async () => {
  const call = jest.fn(() => Promise.resolve());
  const once = createOnce(call, 100);
  once.arm();
  await jest.advanceTimersByTimeAsync(50);
  once.arm();
  await jest.advanceTimersByTimeAsync(50);
  expect(call).toHaveBeenCalledTimes(1);
  await jest.advanceTimersByTimeAsync(1_000);
  expect(call).toHaveBeenCalledTimes(1);
});

test('no call begins while another is under way, and what was armed meanwhile comes after it', async () => {
  const ends: (() => void)[] = [];
  const call = jest.fn(() => new Promise<void>((resolve) => ends.push(resolve)));
  const once = createOnce(call, 100);
  once.arm();
  await jest.advanceTimersByTimeAsync(100);
  once.arm();
  await jest.advanceTimersByTimeAsync(1_000);
  expect(call).toHaveBeenCalledTimes(1);
  ends[0]?.();
  await jest.advanceTimersByTimeAsync(100);
  expect(call).toHaveBeenCalledTimes(2);
});

test('clear forgets what was armed, also during a call', async () => {
  const call = jest.fn(() => new Promise<void>((resolve) => setTimeout(resolve, 100)));
  const once = createOnce(call, 100);
  once.arm();
  once.clear();
  await jest.advanceTimersByTimeAsync(200);
  expect(call).not.toHaveBeenCalled();
  once.arm();
  await jest.advanceTimersByTimeAsync(100);
  once.arm();
  once.clear();
  await jest.advanceTimersByTimeAsync(1_000);
  expect(call).toHaveBeenCalledTimes(1);
});
