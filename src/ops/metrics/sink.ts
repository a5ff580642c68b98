import type { MetricBuilder } from '../metric-builder';
import { DURATION_SECONDS } from './values';

const SINK_TABLES = ['queue_conversation_history', 'queue_visit_state', 'names'] as const;
export type SinkTable = (typeof SINK_TABLES)[number];

export function sinkMetrics(sink: MetricBuilder) {
  return {
    sinkRows: sink.counter('sink_rows_total', 'Rows that the sink inserted, by table', { table: SINK_TABLES }),
    sinkBatches: sink.counter('sink_batches_total', 'Batches that the sink began to insert, by trigger', {
      trigger: ['rows', 'bytes', 'time', 'stop'],
    }),
    sinkInsertDuration: sink.histogram(
      'sink_insert_duration_seconds',
      'Seconds from sending an INSERT to its answer',
      {},
      DURATION_SECONDS,
    ),
    sinkRetries: sink.counter('sink_retries_total', 'Inserts that the sink tried again, by reason', {
      reason: { bounded: 'names of ClickHouse’s error codes and of network and TLS errors' },
    }),
    sinkBufferRows: sink.gauge('sink_buffer_rows', 'Rows that the sink has read from Kafka and not inserted yet', {}),
    sinkLastSuccess: sink.unsetGauge(
      'sink_last_success_timestamp_seconds',
      'When the last INSERT succeeded, in seconds since 1970',
    ),
    sinkRereads: sink.counter(
      'sink_rereads_total',
      'Partitions that the sink read again from their beginning, by reason',
      {
        reason: ['unknown', 'outdated'],
      },
    ),
    sinkSweptRows: sink.counter(
      'sink_swept_rows_total',
      'Rows that the sink removed because Kafka had already dropped their tombstones',
      {},
    ),
    cleanupRows: sink.counter(
      'cleanup_rows_total',
      'Ended conversations that the sink removed from the state table',
      {},
    ),
    cleanupLastSuccess: sink.unsetGauge(
      'cleanup_last_success_timestamp_seconds',
      'When the state table was last cleaned up, or when this sink became responsible for that, in seconds since 1970. Only the sink with partition 0 has this metric',
    ),
  };
}
