import { describe, expect, test } from '@jest/globals';
import { createRest } from '../../../src/log/runtime/rest';

describe('the rest after a transaction', () => {
  const clock = { now: 1_000 };
  const rest = createRest(() => clock.now);

  test('lasts as long as the transaction took, but 10 ms at most', () => {
    rest.after(4);
    expect(rest.leftMs(0)).toBe(4);
    clock.now += 3;
    expect(rest.leftMs(99)).toBe(1);
    clock.now += 1;
    expect(rest.leftMs(0)).toBe(0);
    rest.after(5_000);
    expect(rest.leftMs(0)).toBe(10);
  });

  test('ends at once when many records wait', () => {
    rest.after(8);
    expect(rest.leftMs(99)).toBe(8);
    expect(rest.leftMs(100)).toBe(0);
  });

  test('is none before the first transaction, and none that no timer could keep', () => {
    expect(createRest(() => clock.now).leftMs(0)).toBe(0);
    rest.after(0.5);
    expect(rest.leftMs(0)).toBe(0);
  });
});
