import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import { createSignal } from '../../../src/common';
import type { LogRecord, Task, Topology } from '../../../src/log';
import { createOffsetPace } from '../../../src/log/kafkajs/offset-pace';
import type { Backend, FencedProducer } from '../../../src/log/runtime/backend';
import { createBatchSize } from '../../../src/log/runtime/batch-size';
import { Inbox } from '../../../src/log/runtime/inbox';
import { createRuntimeMetrics } from '../../../src/log/runtime/runtime-metrics';
import { TaskLoop } from '../../../src/log/runtime/task-loop';

const TOPOLOGY: Topology = {
  ...{ group: 'g', input: 'in', changelog: 'changelog', outputs: [], tables: [], timers: true },
};
const DAY_MS = 86_400_000;

/** A task that runs, at a log whose offsets of the group lag behind as on Kafka. */
function aRunningTask() {
  const pace = createOffsetPace();
  const offsets: number[] = [];
  const timers: number[] = [];
  const due: { at: number | null } = { at: null };
  let position = 0;
  let closing = false;
  const producer = {
    commit: (_, nextOffset) => {
      const isDue = pace.isDue(nextOffset, 1);
      if (isDue) offsets.push(nextOffset);
      pace.committed(nextOffset, isDue ? 'with-offset' : 'without');
      return Promise.resolve();
    },
    offsetDueAt: () => pace.owed()?.at ?? null,
    commitOffset: () => {
      const owed = pace.owed();
      if (owed !== null) offsets.push(owed.offset);
      if (owed !== null) pace.committed(owed.offset, 'with-offset');
      return Promise.resolve();
    },
  } satisfies Partial<FencedProducer> as unknown as FencedProducer;
  const output = { changelog: [{ key: '', value: null }], outputs: [] };
  const task = {
    process: () => output,
    nextTimer: () => due.at,
    onTimer: (at: number) => {
      timers.push(at);
      due.at = null;
      return output;
    },
    committed: () => undefined,
  } satisfies Partial<Task> as unknown as Task;
  const backend = { endOffset: () => Promise.resolve(position) } satisfies Partial<Backend> as unknown as Backend;
  const inbox = new Inbox({ pause: () => undefined, resume: () => undefined }, 0, false);
  const signal = createSignal();
  const loop = new TaskLoop(
    {
      ...{ topology: TOPOLOGY, partition: 0, backend, task, producer, inbox, signal, size: createBatchSize() },
      ...{ hooks: {}, logger: pino({ enabled: false }), metrics: createRuntimeMetrics(undefined, 'g') },
      isClosing: () => closing,
      changed: () => null,
      onPosition: () => undefined,
      onCommitted: () => undefined,
    },
    0,
  );
  const running = loop.run();
  return {
    ...{ offsets, timers, due },
    read: () => {
      inbox.push([{ offset: position } as LogRecord], ++position);
      signal.notify();
    },
    close: () => {
      closing = true;
      signal.notify();
      return running;
    },
  };
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

describe('a task', () => {
  test('brings the offset of its group in time, although the clock of the machine was set back', async () => {
    const { offsets, read, close } = aRunningTask();
    read();
    await jest.advanceTimersByTimeAsync(20);
    read();
    await jest.advanceTimersByTimeAsync(20);
    expect(offsets).toEqual([1]);
    jest.setSystemTime(Date.now() - DAY_MS);
    await jest.advanceTimersByTimeAsync(120);
    expect(offsets).toEqual([1, 2]);
    await close();
  });

  test('calls a timer in time after the clock was set forward and back again', async () => {
    const { timers, due, read, close } = aRunningTask();
    jest.setSystemTime(Date.now() + DAY_MS);
    due.at = Date.now();
    read();
    await jest.advanceTimersByTimeAsync(20);
    expect(timers).toHaveLength(1);
    jest.setSystemTime(Date.now() - DAY_MS);
    due.at = Date.now() + 1_000;
    read();
    await jest.advanceTimersByTimeAsync(1_100);
    expect(timers).toHaveLength(2);
    await close();
  });

  test('calls a timer soon after the machine slept for longer than it had to wait, although no record comes', async () => {
    const { timers, due, read, close } = aRunningTask();
    due.at = Date.now() + DAY_MS;
    read();
    await jest.advanceTimersByTimeAsync(1_000);
    // The clock of the machine goes on while it sleeps. The clock of timers does not.
    jest.setSystemTime(Date.now() + 2 * DAY_MS);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(timers).toHaveLength(1);
    await close();
  });
});
