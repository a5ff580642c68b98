import type { Metrics } from '../../ops';
import type { TaskState } from '../port';

/** The measurements of the runtime. Every part may be absent, because tests and replays need no metrics. */
export interface RuntimeMetrics {
  onTaskState(from: TaskState | null, to: TaskState): void;
  onTaskGone(): void;
  onTransaction(tookMs: number): void;
  onRestore(tookMs: number): void;
  /** @param copy `warm`: the task had a standby copy and read only the rest */
  onRestored(copy: 'warm' | 'none', records: number): void;
  /** The number of copies in each state. */
  onStandbys(copies: { readonly warm: number; readonly reading: number }): void;
  /** @param offsets null: there is no copy any more */
  onStandbyLag(partition: number, offsets: number | null): void;
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
    onRestored: (copy, records) => metrics?.restoredRecords.inc({ copy }, records),
    onStandbys({ warm, reading }) {
      metrics?.standbyPartitions.set({ state: 'warm' }, warm);
      metrics?.standbyPartitions.set({ state: 'reading' }, reading);
    },
    onStandbyLag(partition, offsets) {
      if (offsets === null) metrics?.standbyLag.remove({ partition });
      else metrics?.standbyLag.set({ partition }, offsets);
    },
    onAssignment: () => metrics?.rebalances.inc({ group }),
  };
}
