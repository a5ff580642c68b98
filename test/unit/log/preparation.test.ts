import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import { OperatorError } from '../../../src/common';
import type { Task, Topology } from '../../../src/log';
import { adoptPartitions } from '../../../src/log/runtime/adopt';
import type { Backend, FencedProducer } from '../../../src/log/runtime/backend';
import { Preparation } from '../../../src/log/runtime/preparation';
import { createRuntimeMetrics } from '../../../src/log/runtime/runtime-metrics';
import { LossFound } from '../../../src/log/runtime/task-errors';

const TOPOLOGY: Topology = {
  ...{ group: 'g', input: 'in', changelog: 'changelog', outputs: [], tables: [], timers: false },
};

/** A task that has folded five records of an input that shows only `shows`. */
function createScene() {
  const kafka = { shows: 3, inSync: false };
  const marks = ['in', 'changelog'].map((topic) => ({ topic, id: topic, partitions: 1, beginning: 0, end: 5 }));
  const task = {
    restored: () => ({ nextOffset: 5, topics: marks, last: null }),
    begin: () => undefined,
    close: () => undefined,
  } satisfies Partial<Task> as unknown as Task;
  const producer = {
    restore: () => Promise.resolve(),
    commit: () => Promise.reject(new Error('nothing is to be written')),
    close: () => Promise.resolve(),
  } satisfies Partial<FencedProducer> as unknown as FencedProducer;
  const backend = {
    openFencedProducer: () => Promise.resolve(producer),
    topics: () => Promise.resolve(new Map(marks.map(({ topic, id, partitions }) => [topic, { id, partitions }]))),
    bounds: (topic: string) => Promise.resolve({ beginning: 0, end: topic === 'in' ? kafka.shows : 5 }),
    groupOffsets: () =>
      Promise.resolve([
        { partition: 0, committedOffset: 5, committedMetadata: null, beginningOffset: 0, endOffset: kafka.shows },
      ]),
    cleanupPolicy: () => Promise.resolve('compact'),
    inSync: () => Promise.resolve(kafka.inSync),
  } satisfies Partial<Backend> as unknown as Backend;
  const createTask = (): Task => task;
  const preparation = new Preparation(
    {
      ...{ topology: TOPOLOGY, partition: 0, backend, createTask, copy: null },
      metrics: createRuntimeMetrics(undefined, 'g'),
    },
    pino({ enabled: false }),
    () => false,
  );
  return {
    kafka,
    prepare: () => preparation.prepare(producer),
    adopt: () => adoptPartitions({ backend, topology: TOPOLOGY, createTask, partitions: 1, hooks: {} }),
  };
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

test('an apparent loss does not count while replicas are not in sync', async () => {
  const { kafka, prepare } = createScene();
  for (let seconds = 0; seconds < 60; seconds += 5) {
    await expect(prepare()).rejects.toThrow(LossFound);
    jest.advanceTimersByTime(5_000);
  }
  kafka.shows = 5;
  expect(await prepare()).toMatchObject({ from: 5 });
});

test('it is real after three seconds if all replicas are in sync, and after two minutes in any case', async () => {
  const { kafka, prepare } = createScene();
  await expect(prepare()).rejects.toThrow(LossFound);
  jest.advanceTimersByTime(2_000);
  kafka.inSync = true;
  await expect(prepare()).rejects.toThrow(LossFound);
  jest.advanceTimersByTime(2_000);
  await expect(prepare()).rejects.toThrow(OperatorError);
  kafka.inSync = false;
  await expect(prepare()).rejects.toThrow(LossFound);
  jest.advanceTimersByTime(120_000);
  await expect(prepare()).rejects.toThrow(/the fold needs offset 5, but the topic ends at 3/);
});

test('setup adopts no loss that may be only apparent', async () => {
  const { kafka, adopt } = createScene();
  await expect(adopt()).rejects.toThrow(/in\/0: not all replicas .* Start the missing brokers and try again/);
  kafka.shows = 5;
  expect(await adopt()).toEqual([]);
});
