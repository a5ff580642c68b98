import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Every metric of queuefold, in one place. Base units; no unbounded label (conversation, user, number, error text). */
export type Metrics = ReturnType<typeof createMetrics>;

const LATENCY_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300];

/** A registry of its own for each process (and each test): nothing global. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name: `queuefold_${name}`, help, labelNames, registers });
  const gauge = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name: `queuefold_${name}`, help, labelNames, registers });
  const histogram = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Histogram<L>({ name: `queuefold_${name}`, help, labelNames, buckets: LATENCY_SECONDS, registers });

  return {
    registry,
    buildInfo: gauge('build_info', 'The version that runs; always 1', ['version']),

    // bridge
    notifications: counter('bridge_notifications_total', 'Frames received from Genesys, by kind', ['kind']),
    bridgeEvents: counter('bridge_events_total', 'Events on their way to Kafka, by source and outcome', [
      'source',
      'outcome',
    ]),
    eventsRequests: counter('bridge_events_requests_total', 'Requests to POST /events, by status of the answer', [
      'status',
    ]),
    channels: gauge('bridge_channels', 'Notification channels, by state', ['state']),
    gaps: counter('bridge_gaps_total', 'Times that nobody listened to some queues: what they did is asked for'),
    subscribedQueues: gauge('bridge_subscribed_queues', 'Queues with a permitted subscription'),
    lastNotification: gauge(
      'bridge_last_notification_timestamp_seconds',
      'When the last frame came, heartbeats included',
    ),
    pendingConversations: gauge('bridge_pending_conversations', 'Conversations with snapshots not yet in Kafka'),
    pendingBytes: gauge(
      'bridge_pending_bytes',
      'Memory taken by records not yet in Kafka; BRIDGE_PENDING_BYTES at most',
    ),
    coalesced: counter('bridge_coalesced_total', 'Snapshots that were merged into others while they waited for Kafka'),
    reconciliations: counter('bridge_reconciliations_total', 'Conversations asked for, by what came of it', [
      'outcome',
    ]),
    reconciliationPending: gauge(
      'bridge_reconciliation_pending',
      'Conversations still to be asked for, by what users see of it: waiting, changed, silent, confirm',
      ['importance'],
    ),
    refusedQueues: gauge('bridge_refused_queues', 'Queues that Genesys refuses, by a missing permission', [
      'permission',
    ]),
    unwatchedQueues: gauge('bridge_unwatched_queues', 'Queues beyond what the channels of this bridge hold'),
    queuePolls: counter('bridge_queue_polls_total', 'Looks at the list of queues, by what came of it', ['outcome']),
    genesysRequests: counter('genesys_requests_total', 'REST requests to Genesys, by route and status', [
      'route',
      'status',
    ]),
    rateLimitRemaining: gauge('genesys_rate_limit_remaining', 'Requests left in the running minute, as Genesys says'),

    // fold
    foldEvents: counter('fold_events_total', 'Events folded, by outcome', ['outcome']),
    foldRecords: counter('fold_records_total', 'Records written to the state topic, by kind', ['kind']),
    liveConversations: gauge('fold_live_conversations', 'Rows of the table, by partition', ['partition']),
    unlistedValues: counter('fold_unlisted_values_total', 'Values outside the known list of their column', ['column']),
    transactionDuration: histogram(
      'fold_transaction_duration_seconds',
      'From the first record of a batch to its commit',
    ),
    restoreDuration: histogram('fold_restore_duration_seconds', 'Restoring a task from its changelog'),
    foldTasks: gauge('fold_tasks', 'Tasks of this process, by state', ['state']),

    // Kafka
    consumerLag: gauge('kafka_consumer_lag_records', 'Records not yet processed', ['group', 'topic', 'partition']),
    rebalances: counter('kafka_rebalances_total', 'Assignments received', ['group']),

    // sink
    sinkRows: counter('sink_rows_total', 'Rows inserted, by table', ['table']),
    sinkBatches: counter('sink_batches_total', 'Batches inserted, by what triggered them', ['trigger']),
    sinkInsertDuration: histogram('sink_insert_duration_seconds', 'One INSERT, from sending to its answer'),
    sinkRetries: counter('sink_retries_total', 'Inserts tried again, by reason', ['reason']),
    sinkBufferRows: gauge('sink_buffer_rows', 'Rows read and not yet inserted'),
    sinkLastSuccess: gauge('sink_last_success_timestamp_seconds', 'When the last INSERT succeeded'),
    sinkRereads: counter('sink_rereads_total', 'Partitions read from their beginning, by reason', ['reason']),
    sinkSweptRows: counter('sink_swept_rows_total', 'Rows removed whose tombstones the topic no longer had'),
    cleanupRows: counter('cleanup_rows_total', 'Ended conversations cleaned out of the state table'),
    cleanupLastSuccess: gauge('cleanup_last_success_timestamp_seconds', 'When the state table was last cleaned up'),

    // across
    deadLetters: counter('dead_letters_total', 'Records sent to the dead letters, by stage and reason', [
      'stage',
      'reason',
    ]),
    endToEndLatency: histogram('end_to_end_latency_seconds', 'From the receive time of an event', ['stage']),
    lowWatermark: gauge('low_watermark_timestamp_seconds', 'Receive time up to which all is processed', [
      'stage',
      'partition',
    ]),
  };
}
