/** Memory of this process with nothing under way, bytes. */
export interface MemorySample {
  /** Objects that JavaScript still refers to. */
  readonly heap: number;
  /** Buffers that JavaScript still refers to, and what they are parts of. */
  readonly buffers: number;
  /** All that the process has in memory, the engine's buffers and caches included. */
  readonly resident: number;
}

export interface MemoryWatch {
  /**
   * @throws Error when a sample is above the ceilings, or when memory has grown in each of the last quarters of the run
   */
  sample(): MemorySample;
  /** The greatest so far. */
  greatest(): MemorySample;
}

export interface MemoryWatchOptions {
  /** What no sample may exceed, bytes. */
  readonly most: MemorySample;
  /** Between two quarters that grow: less is noise, bytes. */
  readonly noise: MemorySample;
  /** Default: the process's, after a collection of garbage where the process allows one. */
  readonly measure?: () => MemorySample;
}

const KINDS = ['heap', 'buffers', 'resident'] as const;
/** Fewer than so many tell nothing: caches are still filling. */
const ENOUGH = 40;

/**
 * Samples memory and tells growth without end from caches that fill: of the last three quarters of a run, each has a
 * higher floor than the one before, by more than the noise.
 */
export function createMemoryWatch({ most, noise, measure = measured }: MemoryWatchOptions): MemoryWatch {
  const samples: MemorySample[] = [];
  return {
    sample() {
      const sample = measure();
      samples.push(sample);
      for (const kind of KINDS) {
        if (sample[kind] > most[kind]) throw new Error(`${kind} memory: ${sample[kind]} bytes, at most ${most[kind]}`);
        const floors = floorsOf(samples.map((one) => one[kind]));
        if (floors.length === 0 || !isGrowing(floors, noise[kind])) continue;
        throw new Error(`${kind} memory grows without end: at least ${floors.join(', then ')} bytes`);
      }
      return sample;
    },
    greatest: () => {
      const greatest = { heap: 0, buffers: 0, resident: 0 };
      for (const sample of samples) for (const kind of KINDS) greatest[kind] = Math.max(greatest[kind], sample[kind]);
      return greatest;
    },
  };
}

/** The least of each of the last three quarters. */
function floorsOf(values: readonly number[]): readonly number[] {
  if (values.length < ENOUGH) return [];
  const quarter = Math.floor(values.length / 4);
  return [3, 2, 1].map((left) => {
    const to = values.length - (left - 1) * quarter;
    return Math.min(...values.slice(to - quarter, to));
  });
}

function isGrowing(floors: readonly number[], noise: number): boolean {
  return floors.every((floor, index) => index === 0 || floor > (floors[index - 1] ?? 0) + noise);
}

function measured(): MemorySample {
  globalThis.gc?.();
  // What the first has freed lets the second free what it held.
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed, buffers: external, resident: rss };
}
