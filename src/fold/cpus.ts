import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** In a container on Linux: `max 100000`, or microseconds of CPU per period of microseconds. */
const CGROUP_LIMIT = '/sys/fs/cgroup/cpu.max';

/** How many CPUs this process may use: those of the machine, or fewer in a container with a limit. At least 1. */
export function usableCpus(limitFile = CGROUP_LIMIT): number {
  const all = availableParallelism();
  return Math.max(1, Math.min(all, Math.ceil(limitOf(limitFile) ?? all)));
}

function limitOf(file: string): number | null {
  try {
    const [quota, period] = readFileSync(file, 'utf8').trim().split(' ').map(Number);
    const limit = (quota ?? Number.NaN) / (period ?? Number.NaN);
    return Number.isFinite(limit) && limit > 0 ? limit : null;
  } catch {
    return null; // Another system, or an older kernel.
  }
}
