import { describe, expect, test } from '@jest/globals';
import { createMetrics } from '../../../src/ops/metrics';
import { createBatchLoop } from '../../../src/store/batch-loop';
import type { SourceRecord } from '../../../src/store/record-source';
import { createSinkBuffer } from '../../../src/store/sink-buffer';

const ROWS = 10;

/** A loop at a store that takes a batch when it is told to. */
function aLoop() {
  const buffer = createSinkBuffer<SourceRecord>();
  const sizes: number[] = [];
  const committed: number[] = [];
  const flow: string[] = [];
  const answers: (() => void)[] = [];
  let offset = 0;
  buffer.assign(0);
  const loop = createBatchLoop({
    buffer,
    flush: { rows: ROWS, bytes: 1024 * 1024, ms: 3_600_000 },
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
        const record = { partition: 0, offset, key: Buffer.from('k'), value: null, timestamp: 0 };
        offset += 1;
        return record;
      });
      buffer.add(0, records, offset);
      loop.pump();
    },
    /** The oldest batch that is under way is in the table. */
    stored: async (): Promise<void> => {
      answers.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('the batches of a sink', () => {
  test('begin when there are enough rows; what gathers while two are under way goes in one, of four times as many at most', async () => {
    const { loop, sizes, committed, read, stored } = aLoop();
    read(ROWS - 1);
    expect(sizes).toEqual([]);
    read(1);
    read(ROWS);
    read(2 * ROWS);
    read(2 * ROWS + 5);
    expect(sizes).toEqual([ROWS, ROWS]);
    await stored();
    expect(sizes).toEqual([ROWS, ROWS, 4 * ROWS]);
    await stored();
    expect(committed).toEqual([ROWS, 2 * ROWS]);
    const drained = loop.drain();
    expect(sizes).toEqual([ROWS, ROWS, 4 * ROWS, 5]);
    await stored();
    await stored();
    await drained;
    expect(committed).toEqual([ROWS, 2 * ROWS, 6 * ROWS, 6 * ROWS + 5]);
  });

  test('do not make the memory grow: reading pauses at four full ones, and goes on when there are two', async () => {
    const { loop, flow, read, stored } = aLoop();
    read(ROWS);
    read(ROWS);
    read(4 * ROWS - 1);
    expect(flow).toEqual([]);
    read(1);
    expect(flow).toEqual(['pause']);
    await stored();
    expect(flow).toEqual(['pause', 'resume']);
    loop.end();
  });
});
