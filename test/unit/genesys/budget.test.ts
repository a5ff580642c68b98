import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createBudget } from '../../../src/genesys/rest/budget';
import { retryAfterMs } from '../../../src/genesys/waits';
import { useFakeClock } from '../../support/jest/fake-clock';

const answer = (status: number, headers: Record<string, string> = {}) => ({
  status,
  header: (name: string) => headers[name] ?? null,
});
const limits = (count: number, reset: number) => ({
  'inin-ratelimit-count': String(count),
  'inin-ratelimit-allowed': '300',
  'inin-ratelimit-reset': String(reset),
});

useFakeClock();
let stopping = new AbortController();
afterEach(() => {
  stopping.abort();
  stopping = new AbortController();
});

const aBudget = (backgroundEveryMs = 1) => createBudget({ signal: stopping.signal, backgroundEveryMs });

/** When a turn comes, in ms of the fake clock. */
function comesAfter(turn: Promise<void>): Promise<number> {
  const before = Date.now();
  return turn.then(() => Date.now() - before);
}
/** Where it stands after so long. */
async function after(ms: number, turn: Promise<unknown>): Promise<'waits' | 'came'> {
  let state: 'waits' | 'came' = 'waits';
  void turn.then(
    () => (state = 'came'),
    () => undefined,
  );
  await jest.advanceTimersByTimeAsync(ms);
  return state;
}

describe('the budget of requests', () => {
  test('does not hold requests for as long as the clock of the machine was set back', async () => {
    const budget = aBudget(10);
    budget.told(answer(429, { 'retry-after': '2' }));
    budget.told(answer(200, limits(290, 3)));
    jest.setSystemTime(Date.now() - 86_400_000);
    expect(await after(2_000, budget.turn('now'))).toBe('came');
    expect(await after(1_000, budget.turn('background'))).toBe('came');
    jest.setSystemTime(Date.now() - 86_400_000);
    expect(await after(10, budget.turn('background'))).toBe('came');
  });

  test('keeps a sixth of a minute for what cannot wait', async () => {
    const budget = aBudget();
    budget.told(answer(200, limits(250, 0.3)));
    const background = comesAfter(budget.turn('background'));
    await budget.turn('now');
    expect(await after(299, background)).toBe('waits');
    await jest.advanceTimersByTimeAsync(1);
    expect(await background).toBe(300);
  });

  test('lets all through while more than that is left', async () => {
    const budget = aBudget();
    budget.told(answer(200, limits(200, 3_600)));
    const all = Promise.all(Array.from({ length: 50 }, () => budget.turn('background')));
    expect(await after(1_000, all)).toBe('came');
    const next = budget.turn('background');
    expect(await after(60_000, next)).toBe('waits');
    stopping.abort();
    await expect(next).rejects.toThrow(/abort/i);
  });

  test('holds everything up after a 429, for as long as Genesys asked', async () => {
    const budget = aBudget();
    budget.told(answer(429, { 'retry-after': '0.2' }));
    const turn = comesAfter(budget.turn('now'));
    await jest.advanceTimersByTimeAsync(200);
    expect(await turn).toBe(200);
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
      await jest.advanceTimersByTimeAsync(20);
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
    const turns = [1, 2, 3, 4].map(() => comesAfter(budget.turn('background')));
    await jest.advanceTimersByTimeAsync(150);
    expect(await Promise.all(turns)).toEqual([0, 50, 100, 150]);
  });

  test('takes a minute that is over for a new one', async () => {
    const budget = aBudget();
    budget.told(answer(200, limits(300, 0.1)));
    await jest.advanceTimersByTimeAsync(120);
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
