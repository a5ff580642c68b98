import type { MetricBuilder } from '../metric-builder';
import { DURATION_SECONDS, PARTITION } from './values';

export function foldMetrics(fold: MetricBuilder) {
  return {
    foldEvents: fold.counter('fold_events_total', 'Events that the fold read, by outcome', {
      outcome: ['folded', 'duplicate', 'after-the-end', 'unknown-gone', 'too-large', 'dead-letter'],
    }),
    foldRecords: fold.counter('fold_records_total', 'Records that the fold wrote to the state topic, by kind', {
      kind: ['upsert', 'tombstone'],
    }),
    foldVisits: fold.counter(
      'fold_visits_total',
      'Versions of visits that the fold wrote to the visits topic, by outcome of the visit',
      {
        outcome: ['waiting', 'answered', 'abandoned', 'flowed_out', 'unknown'],
      },
    ),
    liveConversations: fold.gauge('fold_live_conversations', 'Conversations that are in the table now, by partition', {
      partition: PARTITION,
    }),
    unlistedValues: fold.counter(
      'fold_unlisted_values_total',
      'Values that are not in the known list of their column. The fold writes them as they came',
      {
        column: [
          'media_type',
          'purpose',
          'state',
          'direction',
          'message_type',
          'message_status',
          'disconnect_type',
          'acw_state',
        ],
      },
    ),
    transactionDuration: fold.histogram(
      'fold_transaction_duration_seconds',
      'Seconds from the first record of a batch to the commit of its transaction',
      {},
      DURATION_SECONDS,
    ),
    restoreDuration: fold.histogram(
      'fold_restore_duration_seconds',
      'Seconds that a task took to restore its state from the changelog',
      {},
      DURATION_SECONDS,
    ),
    restoredRecords: fold.counter(
      'fold_restored_records_total',
      'Records of the changelog that tasks read before they ran. warm: with a standby copy, they read only what it lacks. none: without one',
      { copy: ['warm', 'none'] },
    ),
    standbyPartitions: fold.gauge(
      'fold_standby_partitions',
      'Partitions of which this process keeps a standby copy, by state of the copy. warm: it has reached the end of the changelog',
      { state: ['reading', 'warm'] },
    ),
    standbyLag: fold.gauge(
      'fold_standby_lag_records',
      'Records of the changelog that a standby copy had not read yet when it last looked',
      { partition: PARTITION },
    ),
    foldTasks: fold.gauge('fold_tasks', 'Tasks of this process, by state', {
      state: ['ASSIGNED', 'FENCING', 'RESTORING', 'RUNNING', 'CLOSED'],
    }),
  };
}
