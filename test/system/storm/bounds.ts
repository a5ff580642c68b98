import type { StormResult } from './storm';

/** What docs/explanation/failover.md promises, on a machine that keeps up, ms. */
export const BOUNDS = { backMs: 10_000, othersMs: 1_000, standstillMs: 20_000, movingShare: 0.5 } as const;

/** Where a storm cost more than it may, in words. @param factor of the times; a busy machine needs more */
export function problemsOf(result: StormResult, factor: number): readonly string[] {
  const { singles, longestMs, fewestMoving, partitions, needless } = result;
  const problems: string[] = [];
  const atMost = (what: string, found: number, bound: number): void => {
    if (found > bound * factor) problems.push(`${what}: ${found} ms, the bound is ${bound} ms, times ${factor}`);
  };
  for (const { member, partition } of needless) problems.push(`${member} restored partition ${partition} needlessly`);
  for (const { fault, hitMs, othersMs } of singles) {
    atMost(`after a lone ${fault}, until a partition is back`, hitMs, BOUNDS.backMs);
    atMost(`after a lone ${fault}, the pause of another partition`, othersMs, BOUNDS.othersMs);
  }
  atMost('in the storm, the longest standstill of a partition', longestMs, BOUNDS.standstillMs);
  if (fewestMoving < (partitions * BOUNDS.movingShare) / factor) {
    problems.push(`in the storm, ${fewestMoving} of ${partitions} partitions moved within five seconds`);
  }
  return problems;
}
