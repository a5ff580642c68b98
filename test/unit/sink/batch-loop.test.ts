import { describe, expect, jest, test } from '@jest/globals';
import { createMetrics } from '../../../src/ops';
import { BatchLoop } from '../../../src/sink/batch-loop';
import { createSinkBuffer } from '../../../src/sink/buffer';

const ROWS = 10;

/** A loop at a store that takes a batch when it is told to. */
function aLoop(flushMs = 3_600_000) {
  const buffer = createSinkBuffer();
  const sizes: number[] = [];
  const committed: number[] = [];
  const flow: string[] = [];
  const answers: (() => void)[] = [];
  let offset = 0;
  buffer.assign(0);
  const loop = new BatchLoop({
    buffer,
    flush: { rows: ROWS, bytes: 1024 * 1024, ms: flushMs },
    store: ({ records }) => {
      sizes.push(records.length);
      return new Promise<void>((resolve) => answers.push(resolve));
    },
    commit: ({ ends }) => {
      committed.push(...ends.map((end) => end.offset));
      return Promise.resolve();
    },
    pause: () => flow.push('pause'),
    resume: () => flow.push('resume'),
    onError: (error) => {
      throw error;
    },
    metrics: createMetrics(),
  });
  return {
    ...{ loop, sizes, committed, flow },
    read: (count: number): void => {
      const records = Array.from({ length: count }, () => {
        const record = {
          topic: 'state',
          headers: {},
          partition: 0,
          offset,
          key: Buffer.from('k'),
          value: null,
          timestamp: 0,
        };
        offset += 1;
        return record;
      });
      buffer.add(0, records, offset);
      loop.pump();
    },
    /** One of the batches that are under way is in the table; the oldest is 0. */
    stored: async (index = 0): Promise<void> => {
      for (const answer of answers.splice(index, 1)) answer();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('the batches of a sink', () => {
  test('begin when there are enough rows, three at once, and are committed in their order', async () => {
    const { loop, sizes, committed, read, stored } = aLoop();
    read(ROWS - 1);
    expect(sizes).toEqual([]);
    read(1);
    read(3 * ROWS + 5);
    expect(sizes).toEqual([ROWS, ROWS, ROWS]);
    await stored(1);
    expect([sizes.length, committed]).toEqual([3, []]);
    await stored();
    expect(sizes).toEqual([ROWS, ROWS, ROWS, ROWS]);
    expect(committed).toEqual([ROWS, 2 * ROWS]);
    const drained = loop.drain();
    await stored();
    await stored();
    await stored();
    await drained;
    expect(sizes.at(-1)).toBe(5);
    expect(committed).toEqual([ROWS, 2 * ROWS, 3 * ROWS, 4 * ROWS, 4 * ROWS + 5]);
  });

  test('do not make the memory grow: reading pauses at four full ones, and continues when there are two', async () => {
    const { loop, flow, read, stored } = aLoop();
    read(3 * ROWS);
    read(4 * ROWS - 1);
    expect(flow).toEqual([]);
    read(1);
    expect(flow).toEqual(['pause']);
    await stored();
    expect(flow).toEqual(['pause']);
    await stored();
    expect(flow).toEqual(['pause', 'resume']);
    loop.end();
  });
});

test('rows go to the table in time, although the clock of the machine was set back by a day', () => {
  jest.useFakeTimers();
  try {
    const { read, sizes } = aLoop(1_000);
    read(1);
    jest.setSystemTime(Date.now() - 86_400_000);
    read(1);
    jest.advanceTimersByTime(1_100);
    expect(sizes).toEqual([2]);
  } finally {
    jest.useRealTimers();
  }
});
