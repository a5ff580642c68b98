export interface Throughput {
  readonly perSecond: number;
  /** This process's CPU, for each; on a busy machine it is more reliable than the time. */
  readonly cpuMicroseconds: number;
}

/** Begins a measurement. The returned function answers the figures since then. */
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
