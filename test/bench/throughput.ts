export interface Throughput {
  readonly perSecond: number;
  /** Of this process, for each; on a busy machine it says more than the time. */
  readonly cpuMicroseconds: number;
}

/** Begins to measure; the answer says what there was since. */
export function beginThroughput(): (count: number, ms?: number) => Throughput {
  const started = performance.now();
  const before = process.cpuUsage();
  return (count, ms = performance.now() - started) => {
    const { user, system } = process.cpuUsage(before);
    return { perSecond: (count * 1000) / ms, cpuMicroseconds: (user + system) / count };
  };
}

export function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}
