import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import { createDeferred } from '../../../src/common';
import { createMetrics } from '../../../src/ops';
import { createCleanup } from '../../../src/sink/cleanup';
import type { Store } from '../../../src/store';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

test('a partition that goes and comes back during a clean-up makes no second series of clean-ups', async () => {
  let rounds = 0;
  const first = createDeferred<undefined>();
  const eraser = {
    round: async () => {
      rounds += 1;
      if (rounds === 1) await first.promise;
    },
  };
  const store = {
    client: { query: () => Promise.resolve({ json: () => Promise.resolve([{ n: 0 }]) }) },
    database: 'qf',
  } as unknown as Store;
  const cleanup = createCleanup({
    ...{ store, intervalMs: 1_000, graceMs: 0, eraser, metrics: createMetrics(), logger: pino({ enabled: false }) },
  });
  cleanup.start();
  await jest.advanceTimersByTimeAsync(1_000);
  cleanup.stop();
  cleanup.start();
  first.resolve(undefined);
  await jest.advanceTimersByTimeAsync(10_000);
  expect(rounds).toBe(11);
  cleanup.stop();
});
