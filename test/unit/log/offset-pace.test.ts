import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createOffsetPace } from '../../../src/log/kafkajs/offset-pace';

afterEach(() => {
  jest.useRealTimers();
});

describe('the offset of the group', () => {
  test('goes along with the first transaction, and then every 500 ms', () => {
    const clock = { now: 5_000 };
    const pace = createOffsetPace(() => clock.now);
    expect(pace.owed()).toBeNull();
    const took: number[] = [];
    for (let offset = 1; offset <= 30; offset++) {
      const isDue = pace.isDue(offset, 3);
      if (isDue) took.push(offset);
      pace.committed(offset, isDue ? 'with-offset' : 'without');
      clock.now += 100;
    }
    expect(took).toEqual([1, 6, 11, 16, 21, 26]);
  });

  test('does not stay behind for as long as the clock of the machine was set back', () => {
    jest.useFakeTimers();
    const pace = createOffsetPace();
    pace.committed(7, 'with-offset');
    jest.advanceTimersByTime(1);
    pace.committed(8, 'without');
    jest.setSystemTime(Date.now() - 86_400_000);
    jest.advanceTimersByTime(100);
    expect(pace.owed()?.at).toBeLessThanOrEqual(performance.now());
    jest.advanceTimersByTime(400);
    expect(pace.isDue(9, 1)).toBe(true);
  });

  test('is owed, with the time, until it was sent', () => {
    const clock = { now: 5_000 };
    const pace = createOffsetPace(() => clock.now);
    pace.committed(7, 'with-offset');
    expect(pace.owed()).toBeNull();
    clock.now += 10;
    pace.committed(8, 'without');
    pace.committed(9, 'without');
    expect(pace.owed()).toEqual({ offset: 9, at: 5_110 });
    pace.committed(9, 'with-offset');
    expect(pace.owed()).toBeNull();
    clock.now += 450;
    pace.committed(10, 'without');
    expect(pace.owed()).toEqual({ offset: 10, at: 5_510 });
  });

  test('goes along with every large transaction', () => {
    const pace = createOffsetPace(() => 5_000);
    pace.committed(1, 'with-offset');
    expect(pace.isDue(2, 99)).toBe(false);
    expect(pace.isDue(2, 100)).toBe(true);
  });

  test('does not go along a second time: transactions that write rows again stay where they are', () => {
    const clock = { now: 5_000 };
    const pace = createOffsetPace(() => clock.now);
    pace.committed(4, 'with-offset');
    clock.now += 1_000;
    expect(pace.isDue(4, 1_000)).toBe(false);
    pace.committed(4, 'without');
    expect(pace.owed()).toBeNull();
  });

  test('may go back: an input that was adopted is folded from its beginning', () => {
    const clock = { now: 5_000 };
    const pace = createOffsetPace(() => clock.now);
    pace.committed(40, 'with-offset');
    clock.now += 1;
    pace.committed(2, 'without');
    expect(pace.owed()).toEqual({ offset: 2, at: 5_101 });
  });
});
