import { describe, expect, test } from '@jest/globals';
import { createMemoryWatch, type MemorySample } from '../../system/fuzz/memory';

const MIB = 1024 * 1024;
const most: MemorySample = { heap: 600 * MIB, buffers: 600 * MIB, resident: 3_000 * MIB };
const noise: MemorySample = { heap: 8 * MIB, buffers: 32 * MIB, resident: 96 * MIB };

/** Samples of a run whose memory is so many MiB at each of them; answers what was said, null: nothing. */
function saidOf(samples: number, at: (sample: number) => Partial<Record<keyof MemorySample, number>>): string | null {
  let sample = 0;
  const measure = (): MemorySample => {
    const { heap = 50, buffers = 20, resident = 700 } = at(sample++);
    return { heap: heap * MIB, buffers: buffers * MIB, resident: resident * MIB };
  };
  const watch = createMemoryWatch({ most, noise, measure });
  try {
    for (let i = 0; i < samples; i++) watch.sample();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('the watch over memory in a long run', () => {
  test.each(['heap', 'buffers', 'resident'] as const)('finds %s that grows with every batch', (kind) => {
    const perBatch = { heap: 1, buffers: 4, resident: 12 }[kind];
    expect(saidOf(300, (i) => ({ [kind]: 50 + i * perBatch }))).toMatch(
      new RegExp(`^${kind} memory grows without end: at least \\d+, then \\d+, then \\d+ bytes`),
    );
  });

  test('finds growth under a saw-tooth of collections and batches', () => {
    expect(saidOf(400, (i) => ({ heap: 50 + i / 2 + (i % 9) * 10 }))).toContain('heap memory grows without end');
  });

  test('lets caches fill, quickly or slowly, as long as they fill less and less', () => {
    expect(
      saidOf(400, (i) => ({ resident: 1_200 - 550 * Math.exp(-i / 20), heap: 65 - 15 * Math.exp(-i / 40) })),
    ).toBeNull();
    expect(saidOf(400, (i) => ({ resident: 650 + 60 * Math.log(i + 1) }))).toBeNull();
  });

  test('lets memory go up and down, and up by one step', () => {
    expect(saidOf(400, (i) => ({ heap: 50 + (i % 10) * 5, resident: 700 + 300 * Math.sin(i / 7) }))).toBeNull();
    expect(saidOf(400, (i) => ({ heap: i < 200 ? 50 : 90 }))).toBeNull();
  });

  test('says nothing of growth in a short run', () => {
    expect(saidOf(39, (i) => ({ heap: 50 + i * 10 }))).toBeNull();
  });

  test('ends a run above the ceiling at once, and tells the greatest', () => {
    expect(saidOf(3, (i) => ({ heap: i === 1 ? 601 : 50 }))).toMatch(/^heap memory: \d+ bytes, at most/);
    let heap = 0;
    const watch = createMemoryWatch({
      most,
      noise,
      measure: () => ({ heap: (heap = (heap + 7) % 10), buffers: 1, resident: 2 }),
    });
    for (let i = 0; i < 10; i++) watch.sample();
    expect(watch.greatest()).toEqual({ heap: 9, buffers: 1, resident: 2 });
  });
});
