import { join } from 'node:path';
import type { TopicNames } from '../../src/log';
import { startChild, type Child } from './child';
import { PARTITIONS, type BenchCluster } from './cluster';
import type { FoldProcessArgs, FoldReports } from './fold-process';

export type FoldProcess = Child<FoldReports>;

export interface FoldResult {
  readonly eventsPerSecond: number;
  /** The greatest of the processes. */
  readonly peakBytes: number;
  readonly transactions: number;
  /** The sum of all processes, for each event. */
  readonly cpuMicroseconds: number;
}

export function startFoldProcess(
  { brokers }: BenchCluster,
  topics: TopicNames,
  partitions = PARTITIONS,
  profile: string | null = null,
): FoldProcess {
  const args: FoldProcessArgs = { brokers, topics, partitions };
  return startChild(join(__dirname, 'fold-process.js'), args, profile);
}

/** A fold that reads as soon as it is ready. */
export function startEagerFold(cluster: BenchCluster, topics: TopicNames) {
  const child = startFoldProcess(cluster, topics);
  return { ready: child.next('ready').then(() => child.tell('go')), end: () => child.end() };
}

/** Folds the whole events topic. Measures from the first commit to the last, with a group that was complete before. */
export async function measureFold(
  cluster: BenchCluster,
  topics: TopicNames,
  processes: number,
  profile: string | null,
): Promise<FoldResult> {
  const children = Array.from({ length: processes }, () =>
    startFoldProcess(cluster, topics, PARTITIONS / processes, profile),
  );
  try {
    await Promise.all(children.map((child) => child.next('ready')));
    const reports = children.map((child) => child.next('done'));
    for (const child of children) child.tell('go');
    const figures = await Promise.all(reports);
    const first = figures.reduce((a, b) => (a.firstCommitAt <= b.firstCommitAt ? a : b));
    const last = Math.max(...figures.map(({ lastCommitAt }) => lastCommitAt));
    const events = figures.reduce((sum, each) => sum + each.events, 0);
    return {
      eventsPerSecond: ((events - first.firstEvents) * 1000) / (last - first.firstCommitAt),
      peakBytes: Math.max(...figures.map(({ peakBytes }) => peakBytes)),
      transactions: figures.reduce((sum, each) => sum + each.transactions, 0),
      cpuMicroseconds: (figures.reduce((sum, each) => sum + each.cpuSeconds, 0) * 1e6) / events,
    };
  } finally {
    await Promise.all(children.map((child) => child.end()));
  }
}
