import { describe, expect, test } from '@jest/globals';
import { createRateLimit } from '../../../src/ops/rate-limit';

function aLimit(perSecond: number) {
  let now = 0;
  const limit = createRateLimit(perSecond, () => now);
  return { limit, pass: (ms: number) => void (now += ms) };
}

describe('so much a second', () => {
  test('lets a second’s worth through at once, then what time brings', () => {
    const { limit, pass } = aLimit(10);
    limit.spend(10);
    expect(limit.waitMs()).toBe(100);
    pass(99);
    expect(limit.waitMs()).toBeGreaterThan(0);
    pass(1);
    expect(limit.waitMs()).toBe(0);
  });

  test('lets a large one through as a whole, and makes the next one wait for it', () => {
    const { limit, pass } = aLimit(10);
    limit.spend(40);
    expect(limit.waitMs()).toBe(3_100);
    pass(3_100);
    expect(limit.waitMs()).toBe(0);
  });

  test('does not save up for later', () => {
    const { limit, pass } = aLimit(10);
    pass(60_000);
    limit.spend(10);
    expect(limit.waitMs()).toBeGreaterThan(0);
  });
});
