import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createBudget } from '../../../src/genesys/budget';
import { retryAfterMs } from '../../../src/genesys/waits';

const answer = (status: number, headers: Record<string, string> = {}) => ({
  status,
  header: (name: string) => headers[name] ?? null,
});
const limits = (count: number, reset: number) => ({
  'inin-ratelimit-count': String(count),
  'inin-ratelimit-allowed': '300',
  'inin-ratelimit-reset': String(reset),
});

let stopping = new AbortController();
afterEach(() => {
  stopping.abort();
  stopping = new AbortController();
});

const aBudget = (backgroundEveryMs = 1) => createBudget({ signal: stopping.signal, backgroundEveryMs });

/** How long a turn has to wait, ms; timers may be a millisecond early. */
async function waited(...turns: readonly Promise<void>[]): Promise<number> {
  const before = performance.now();
  await Promise.all(turns);
  return performance.now() - before + 2;
}

describe('the budget of requests', () => {
  test('keeps a sixth of a minute for what cannot wait', async () => {
    const budget = aBudget();
    budget.told(answer(200, limits(250, 0.3)));
    const background = waited(budget.turn('background'));
    await budget.turn('now');
    expect(await Promise.race([background, sleep(0, 'still waits')])).toBe('still waits');
    expect(await background).toBeGreaterThanOrEqual(300);
  });

  test('lets all through while more than that is left', async () => {
    const budget = aBudget();
    budget.told(answer(200, limits(200, 3_600)));
    await Promise.all(Array.from({ length: 50 }, () => budget.turn('background')));
    const next = budget.turn('background');
    expect(await Promise.race([next, sleep(100, 'waits')])).toBe('waits');
    stopping.abort();
    await expect(next).rejects.toThrow(/abort/i);
  });

  test('holds everything up after a 429, for as long as Genesys asked', async () => {
    const budget = aBudget();
    budget.told(answer(429, { 'retry-after': '0.2' }));
    expect(await waited(budget.turn('now'))).toBeGreaterThanOrEqual(200);
  });

  test.each(['9999999999', '-1', 'Fri, 31 Dec 2299 23:59:59 GMT', 'Infinity'])(
    'a Retry-After of %s overflows no timer: it neither runs in a circle nor waits for ever',
    async (header) => {
      expect(retryAfterMs(header)).toBeGreaterThanOrEqual(0);
      expect(retryAfterMs(header)).toBeLessThanOrEqual(5 * 60_000);
      const warned: string[] = [];
      const warn = ({ name }: Error): void => void warned.push(name);
      process.on('warning', warn);
      const budget = aBudget();
      budget.told(answer(429, { 'retry-after': header }));
      const turn = budget.turn('now').catch(() => undefined);
      await sleep(20);
      stopping.abort();
      await turn;
      process.off('warning', warn);
      expect(warned).toEqual([]);
    },
  );

  test('a minute that Genesys says ends in a century holds nothing up for so long', () => {
    const budget = aBudget();
    budget.told(answer(200, limits(300, 3_000_000_000)));
    expect((budget.limit()?.resetsAt ?? Infinity) - Date.now()).toBeLessThanOrEqual(5 * 60_000);
  });

  test('spaces what can wait, one after the other', async () => {
    const budget = aBudget(50);
    const turns = [1, 2, 3, 4].map(() => budget.turn('background'));
    expect(await waited(...turns)).toBeGreaterThanOrEqual(150);
  });

  test('takes a minute that is over for a new one', async () => {
    const budget = aBudget();
    budget.told(answer(200, limits(300, 0.1)));
    await sleep(120);
    await budget.turn('background');
    expect(budget.limit()).toMatchObject({ allowed: 300, remaining: 299 });
  });

  test('ends with its owner', async () => {
    const budget = aBudget();
    budget.told(answer(429, { 'retry-after': '60' }));
    const turn = budget.turn('now');
    stopping.abort();
    await expect(turn).rejects.toThrow(/abort/i);
  });
});
