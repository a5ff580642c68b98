import timers from 'node:timers/promises';
import { afterEach, beforeEach, jest } from '@jest/globals';

/**
 * Each test of the file has jest's clock, also for `setTimeout` of node:timers/promises, which jest leaves alone. Time
 * moves only with `jest.advanceTimersByTimeAsync`.
 */
export function useFakeClock(): void {
  beforeEach(() => {
    jest.useFakeTimers();
    jest.spyOn(timers, 'setTimeout').mockImplementation(
      (ms, value, { signal } = {}) =>
        new Promise((resolve, reject) => {
          signal?.throwIfAborted();
          const give = (): void => {
            clearTimeout(timer);
            reject(signal?.reason as Error);
          };
          const timer = setTimeout(() => {
            signal?.removeEventListener('abort', give);
            resolve(value);
          }, ms);
          signal?.addEventListener('abort', give);
        }),
    );
  });
  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });
}

/** Moves the fake clock in steps of `stepMs` until the condition holds. @throws after a fake minute */
export async function untilOnFakeClock(condition: () => boolean, stepMs = 1): Promise<void> {
  for (let ms = 0; !condition(); ms += stepMs) {
    if (ms > 60_000) throw new Error(`still not so after a minute of the fake clock: ${condition.toString()}`);
    await jest.advanceTimersByTimeAsync(stepMs);
  }
}
