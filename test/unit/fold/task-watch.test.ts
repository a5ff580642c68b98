import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import { watchTasks } from '../../../src/fold/task-watch';
import type { TaskState, TaskStatus } from '../../../src/log';
import { createMetrics } from '../../../src/ops';

const NOON = Date.parse('2026-03-02T12:00:00Z');

beforeEach(() => void jest.useFakeTimers({ now: NOON }));
afterEach(() => void jest.useRealTimers());

/** Tasks whose places, and a topic whose ends, are as the test says. */
function watched() {
  const metrics = createMetrics();
  const ends = new Map<number, number>();
  const tasks = new Map<number, { state: TaskState; nextOffset: number }>();
  let isAway = false;
  const watch = watchTasks({
    log: { endOffsets: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve(new Map(ends))) },
    tasks: { status: () => [...tasks].map(([partition, task]): TaskStatus => ({ partition, lag: null, ...task })) },
    group: 'g',
    topic: 't',
    metrics,
    logger: pino({ level: 'silent' }),
  });
  const seriesOf = async (gauge: 'lowWatermark' | 'consumerLag', scale: number): Promise<Record<string, number>> => {
    const { values } = await metrics[gauge].get();
    return Object.fromEntries(values.map(({ labels, value }) => [String(labels.partition), value * scale]));
  };
  return {
    ends,
    tasks,
    watch,
    away: (yes: 'yes' | 'no') => void (isAway = yes === 'yes'),
    /** Looks, so many seconds after noon. */
    lookAt: async (seconds: number) => {
      jest.setSystemTime(NOON + seconds * 1_000);
      await watch.look();
    },
    /** Seconds after noon, by partition. */
    watermarks: async () =>
      Object.fromEntries(
        Object.entries(await seriesOf('lowWatermark', 1_000)).map(([partition, ms]) => [
          partition,
          (ms - NOON) / 1_000,
        ]),
      ),
    lags: () => seriesOf('consumerLag', 1),
  };
}

test('the watermark of a task without traffic advances', async () => {
  const { tasks, ends, lookAt, watermarks, lags, watch } = watched();
  tasks.set(0, { state: 'RUNNING', nextOffset: 10 });
  ends.set(0, 10);
  await lookAt(0);
  await lookAt(600);
  expect(await watermarks()).toEqual({ 0: 600 });
  expect(await lags()).toEqual({ 0: 0 });
  watch.stop();
});

test('the watermark of a task that hangs stays, and its lag grows; that of a task that is behind is when it had what it has done', async () => {
  const { tasks, ends, lookAt, watermarks, lags, watch } = watched();
  tasks.set(0, { state: 'RUNNING', nextOffset: 10 });
  ends.set(0, 10);
  await lookAt(0);
  ends.set(0, 30);
  await lookAt(10);
  ends.set(0, 50);
  await lookAt(20);
  expect(await watermarks()).toEqual({ 0: 0 });
  expect(await lags()).toEqual({ 0: 40 });
  tasks.set(0, { state: 'RUNNING', nextOffset: 35 });
  ends.set(0, 60);
  await lookAt(30);
  expect(await watermarks()).toEqual({ 0: 10 });
  expect(await lags()).toEqual({ 0: 25 });
  watch.stop();
});

test('while Kafka does not answer nobody knows whether there is more, so it stays', async () => {
  const { tasks, ends, lookAt, watermarks, away, watch } = watched();
  tasks.set(0, { state: 'RUNNING', nextOffset: 10 });
  ends.set(0, 10);
  await lookAt(0);
  away('yes');
  await lookAt(60);
  expect(await watermarks()).toEqual({ 0: 0 });
  away('no');
  await lookAt(70);
  expect(await watermarks()).toEqual({ 0: 70 });
  watch.stop();
});

test('what another process has, or is not restored, is told by nobody here', async () => {
  const { tasks, ends, lookAt, watermarks, lags, watch } = watched();
  tasks.set(0, { state: 'RUNNING', nextOffset: 10 });
  tasks.set(1, { state: 'RUNNING', nextOffset: 5 });
  tasks.set(2, { state: 'RESTORING', nextOffset: 5 });
  for (const partition of [0, 1, 2, 3]) ends.set(partition, 10);
  await lookAt(0);
  expect(await lags()).toEqual({ 0: 0, 1: 5 });
  tasks.delete(1);
  await lookAt(5);
  expect(Object.keys(await watermarks())).toEqual(['0']);
  expect(await lags()).toEqual({ 0: 0 });
  watch.stop();
  expect([await watermarks(), await lags()]).toEqual([{}, {}]);
});
