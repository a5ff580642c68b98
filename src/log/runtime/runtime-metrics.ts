import type { Metrics } from '../../ops';
import type { TaskState } from '../port';

/** The measurements of the runtime. Every part may be absent, because tests and replays need no metrics. */
export interface RuntimeMetrics {
  onTaskState(from: TaskState | null, to: TaskState): void;
  onTaskGone(): void;
  onTransaction(tookMs: number): void;
  onRestore(tookMs: number): void;
  onAssignment(): void;
}

export function createRuntimeMetrics(metrics: Metrics | undefined, group: string): RuntimeMetrics {
  return {
    onTaskState(from, to) {
      if (from !== null) metrics?.foldTasks.dec({ state: from });
      metrics?.foldTasks.inc({ state: to });
    },
    onTaskGone: () => metrics?.foldTasks.dec({ state: 'CLOSED' }),
    onTransaction: (tookMs) => metrics?.transactionDuration.observe({}, tookMs / 1000),
    onRestore: (tookMs) => metrics?.restoreDuration.observe({}, tookMs / 1000),
    onAssignment: () => metrics?.rebalances.inc({ group }),
  };
}
