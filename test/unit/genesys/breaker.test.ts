import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createBreaker } from '../../../src/genesys/rest/breaker';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

function aBreaker() {
  const changes: string[] = [];
  const onChange = (state: string): void => void changes.push(state);
  return { breaker: createBreaker({ failures: 3, baseMs: 100, capMs: 250, onChange }), changes };
}

describe('the circuit breaker', () => {
  test('opens after so many failures in a row, and not before', () => {
    const { breaker, changes } = aBreaker();
    breaker.failed();
    breaker.failed();
    breaker.succeeded();
    breaker.failed();
    breaker.failed();
    expect([breaker.pauseMs(), changes]).toEqual([0, []]);
    breaker.failed();
    expect([breaker.pauseMs(), changes]).toEqual([100, ['open']]);
  });

  test('lets one through when its time is over, and closes when that succeeds', () => {
    const { breaker, changes } = aBreaker();
    for (let i = 0; i < 3; i += 1) breaker.failed();
    jest.advanceTimersByTime(100);
    expect(breaker.pauseMs()).toBe(0);
    expect(breaker.pauseMs()).toBe(100);
    breaker.succeeded();
    expect([breaker.pauseMs(), changes]).toEqual([0, ['open', 'closed']]);
  });

  test('stays open for longer with each that fails, up to a bound', () => {
    const { breaker } = aBreaker();
    for (let i = 0; i < 3; i += 1) breaker.failed();
    const pauses = [200, 250, 250].map((pauseMs) => {
      jest.advanceTimersByTime(300);
      expect(breaker.pauseMs()).toBe(0);
      breaker.failed();
      return [breaker.pauseMs(), pauseMs];
    });
    for (const [seen, wanted] of pauses) expect(seen).toBe(wanted);
  });

  test('is not open for as long as the clock of the machine was set back', () => {
    const { breaker } = aBreaker();
    for (let i = 0; i < 3; i += 1) breaker.failed();
    jest.setSystemTime(Date.now() - 86_400_000);
    expect(breaker.pauseMs()).toBe(100);
    jest.advanceTimersByTime(100);
    expect(breaker.pauseMs()).toBe(0);
  });
});
