import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import { watchLoop } from '../../../src/wiring/loop-watch';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const LOOK_MS = 10_000;
const TWO_MINUTES = 12;

/** A loop that turns, and a log that answers, as the test says. */
function watched(first: number | null = 0) {
  let turns = first;
  let isAway = false;
  const watch = watchLoop({
    log: { endOffsets: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve(new Map())) },
    topic: 't',
    turns: () => turns,
    logger: pino({ level: 'silent' }),
  });
  return {
    watch,
    turn: () => void (turns = (turns ?? 0) + 1),
    away: (yes: 'yes' | 'no') => void (isAway = yes === 'yes'),
    looks: (count: number) => jest.advanceTimersByTimeAsync(count * LOOK_MS),
  };
}

test('a loop that has not turned for two minutes hangs, and one that turns again does not', async () => {
  const { watch, turn, looks } = watched();
  await looks(TWO_MINUTES - 1);
  expect(watch.live()).toEqual({ ok: true });
  await looks(1);
  expect(watch.live()).toEqual({ ok: false, detail: expect.stringMatching(/^t: the loop that reads it hangs/) });
  turn();
  await looks(1);
  expect(watch.live()).toEqual({ ok: true });
});

test('a loop that turns once in a while does not', async () => {
  const { watch, turn, looks } = watched();
  for (let round = 0; round < 5; round++) {
    await looks(TWO_MINUTES - 1);
    turn();
    await looks(1);
    expect(watch.live()).toEqual({ ok: true });
  }
});

test('nothing is concluded while Kafka does not answer, nor from the time before', async () => {
  const { watch, away, looks } = watched();
  away('yes');
  await looks(10 * TWO_MINUTES);
  expect(watch.live()).toEqual({ ok: true });
  away('no');
  await looks(TWO_MINUTES - 1);
  away('yes');
  await looks(1);
  away('no');
  await looks(TWO_MINUTES - 1);
  expect(watch.live()).toEqual({ ok: true });
});

test('where there is no loop none hangs', async () => {
  const { watch, looks } = watched(null);
  await looks(10 * TWO_MINUTES);
  expect(watch.live()).toEqual({ ok: true });
});

test('after the end nobody looks', async () => {
  const { watch, looks } = watched();
  watch.stop();
  await looks(10 * TWO_MINUTES);
  expect(watch.live()).toEqual({ ok: true });
});
