/** Runs at most `width` pieces of work at once; the others wait in order of arrival. */
export interface Lane {
  run<T>(work: () => Promise<T>): Promise<T>;
  /** How many pieces of work wait for their turn. */
  waiting(): number;
  /** Resolves when nothing runs and nothing waits. */
  idle(): Promise<void>;
}

export function createLane(width: number): Lane {
  let free = width;
  const waiting: (() => void)[] = [];
  const idlers: (() => void)[] = [];

  const release = (): void => {
    const next = waiting.shift();
    if (next !== undefined) {
      next();
      return;
    }
    free += 1;
    if (free === width) for (const resolve of idlers.splice(0)) resolve();
  };

  return {
    run: async (work) => {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await work();
      } finally {
        release();
      }
    },
    waiting: () => waiting.length,
    idle: () => (free === width ? Promise.resolve() : new Promise((resolve) => idlers.push(resolve))),
  };
}
