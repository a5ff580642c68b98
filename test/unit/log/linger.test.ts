import { describe, expect, test } from '@jest/globals';
import { createLinger } from '../../../src/log/runtime/linger';

describe('after a transaction a task lingers', () => {
  const clock = { now: 1_000 };
  const linger = createLinger(() => clock.now);

  test('for as long as the transaction took, but 10 ms at most', () => {
    linger.after(4);
    expect(linger.leftMs(0)).toBe(4);
    clock.now += 3;
    expect(linger.leftMs(99)).toBe(1);
    clock.now += 1;
    expect(linger.leftMs(0)).toBe(0);
    linger.after(5_000);
    expect(linger.leftMs(0)).toBe(10);
  });

  test('no longer when many records wait', () => {
    linger.after(8);
    expect(linger.leftMs(99)).toBe(8);
    expect(linger.leftMs(100)).toBe(0);
  });

  test('not before the first transaction, and not for a time that no timer can keep', () => {
    expect(createLinger(() => clock.now).leftMs(0)).toBe(0);
    linger.after(0.5);
    expect(linger.leftMs(0)).toBe(0);
  });
});
