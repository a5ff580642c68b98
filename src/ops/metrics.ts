import { Counter, Registry } from 'prom-client';
import { NAME_KINDS } from '../common';
import { allSeries, createMetricBuilder, type MetricBuilder, type MetricRole } from './metric-builder';

/**
 * Every metric of queuefold, in one place: docs/reference/metrics.md is made from it (`npm run docs`). Base units; the values of a
 * label are listed, or it is said what bounds them.
 */
export type Metrics = ReturnType<typeof createMetrics>;

const DURATION_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300];

const PARTITION = { bounded: 'partitions' } as const;
const TOPIC = { bounded: 'topics of queuefold' } as const;
const GROUP = { bounded: 'consumer groups of queuefold' } as const;

const SKIPPED = ['control-frame', 'no-topic', 'other-topic', 'no-communications', 'no-events', 'handshake'] as const;
const INVALID = [
  'not-json',
  'not-an-object',
  'no-conversation-id',
  'participants-not-an-array',
  'participant-not-an-object',
  'participant-without-id',
  'communication-not-an-object',
  'communication-without-id',
  'not-a-conversation',
  'gone-not-taken',
  'too-large',
  'too-deep',
] as const;
const UNREADABLE = ['not-avro', 'unknown-schema', 'no-key'] as const;

/** Why a record went to the dead letters, by the stage that refused it. */
const DEAD_LETTER_REASONS = {
  bridge: INVALID,
  fold: [...UNREADABLE, 'no-value', 'wrong-key', 'wrong-time', 'too-large', 'refused-by-kafka'],
  sink: [...UNREADABLE, 'refused-by-store'],
} as const;
export type FoldDeadLetterReason = (typeof DEAD_LETTER_REASONS)['fold'][number];
export type SinkDeadLetterReason = (typeof DEAD_LETTER_REASONS)['sink'][number];

const RECONCILED = ['snapshot', 'gone', 'heard', 'moved-on', 'overtaken', 'failed'] as const;
export type ReconciliationOutcome = (typeof RECONCILED)[number];

const SINK_TABLES = ['queue_conversation_history', 'queue_visit_state', 'names'] as const;
export type SinkTable = (typeof SINK_TABLES)[number];

/** So many series of a counter are there from the beginning, as zeros: `increase` does not see the first of a new one. */
const MOST_ZEROS = 20;

/** A registry of its own for each process (and each test): nothing global. */
export function createMetrics() {
  const all = createMetricBuilder();
  const { registry, definitions } = all;
  const metrics = {
    buildInfo: all.gauge('build_info', 'The version of queuefold that runs, as a label. The value is always 1', {
      version: { bounded: 'one a process' },
    }),
    ...bridgeMetrics(all.of('bridge')),
    ...genesysMetrics(all.of('bridge')),
    ...foldMetrics(all.of('fold')),
    ...readerMetrics(all.of('fold', 'sink')),
    ...sinkMetrics(all.of('sink')),
    ...boardMetrics(all.of('board')),
    ...sharedMetrics(all, all.of('bridge', 'fold', 'sink')),
  };
  const { deadLetters } = metrics;

  return {
    ...metrics,
    registry,
    definitions,
    /**
     * The metrics that a process with these roles serves: those of the roles and its own, with zeros for counters that
     * may come.
     */
    served: (roles: readonly MetricRole[]): Registry => {
      const served = servedOf(all, roles);
      for (const role of roles) {
        if (role === 'board') continue; // It writes nothing.
        for (const reason of DEAD_LETTER_REASONS[role]) deadLetters.inc({ stage: role, reason }, 0);
      }
      return served;
    },
  };
}

function bridgeMetrics(bridge: MetricBuilder) {
  return {
    notifications: bridge.counter('bridge_notifications_total', 'Frames that Genesys sent over WebSockets, by kind', {
      kind: ['notification', 'heartbeat', 'pong', 'closing', 'gone', 'result'],
    }),
    bridgeEvents: bridge.counter('bridge_events_total', 'Inputs that the bridge read, by source and outcome', {
      source: ['websocket', 'rest', 'http', 'file'],
      outcome: ['produced', 'gone', ...SKIPPED, ...INVALID],
    }),
    futureTimes: bridge.counter(
      'bridge_future_times_total',
      'Events whose receive time was more than 5 minutes ahead of the clock of this bridge. The bridge takes the present time instead',
      {},
    ),
    eventsRequests: bridge.counter(
      'bridge_events_requests_total',
      'Requests to POST /events, by the HTTP status of the answer',
      {
        status: { bounded: 'HTTP statuses that the bridge answers' },
      },
    ),
    channels: bridge.gauge('bridge_channels', 'Notification channels, by state', {
      state: ['connecting', 'open', 'replacing', 'waiting', 'stopped'],
    }),
    gaps: bridge.counter(
      'bridge_gaps_total',
      'Gaps, in which this bridge did not hear some of its queues. After each gap it asks Genesys what happened meanwhile',
      {},
    ),
    subscribedQueues: bridge.gauge(
      'bridge_subscribed_queues',
      'Queues to which this bridge has a permitted subscription',
      {},
    ),
    lastNotification: bridge.unsetGauge(
      'bridge_last_notification_timestamp_seconds',
      'When the last frame came from Genesys, heartbeats included, in seconds since 1970',
    ),
    pendingConversations: bridge.gauge(
      'bridge_pending_conversations',
      'Conversations with snapshots that Kafka has not acknowledged yet',
      {},
    ),
    pendingBytes: bridge.gauge(
      'bridge_pending_bytes',
      'Bytes of memory for records that Kafka has not acknowledged yet. At BRIDGE_PENDING_BYTES the bridge stops reading from Genesys',
      {},
    ),
    coalesced: bridge.counter(
      'bridge_coalesced_total',
      'Snapshots that the bridge merged into others while they waited for Kafka',
      {},
    ),
    unreadableRows: bridge.counter(
      'bridge_unreadable_rows_total',
      'Records of the state topic that the bridge could not read back. It leaves them out of its table',
      { reason: UNREADABLE },
    ),
    tableRead: bridge.unsetGauge(
      'bridge_table_read',
      '1 while the bridge reads the table back. 0 while it cannot: reconciliation then compares Genesys with an old table. Absent without Genesys',
    ),
  };
}

/** Of what the bridge asks Genesys. */
function genesysMetrics(bridge: MetricBuilder) {
  return {
    reconciliations: bridge.counter(
      'bridge_reconciliations_total',
      'Conversations that reconciliation asked Genesys for, by outcome',
      {
        outcome: RECONCILED,
      },
    ),
    rowsBack: bridge.counter(
      'bridge_rows_back_total',
      'Rows that a late snapshot may have set back to an older version. The bridge asks Genesys for them, unless the row changes first',
      {},
    ),
    reconciliationPending: bridge.gauge(
      'bridge_reconciliation_pending',
      'Conversations that reconciliation still has to ask Genesys for, by importance',
      { importance: ['waiting', 'changed', 'silent', 'confirm'] },
    ),
    missedByNotifications: bridge.counter(
      'bridge_missed_by_notifications_total',
      'Conversations that differ between Genesys and the table although the bridge heard their queue all the time',
      {},
    ),
    refusedQueues: bridge.gauge(
      'bridge_refused_queues',
      'Queues that Genesys refuses to this OAuth client, by the missing permission',
      {
        permission: { bounded: 'permissions of Genesys' },
      },
    ),
    unwatchedQueues: bridge.gauge(
      'bridge_unwatched_queues',
      'Queues for which the channels of this bridge have no room. Their conversations are missing from the table',
      {},
    ),
    queuePolls: bridge.counter('bridge_queue_polls_total', 'Requests for the list of queues, by outcome', {
      outcome: ['same', 'changed', 'failed'],
    }),
    namePolls: bridge.counter('bridge_name_polls_total', 'Requests for a list of names, by kind and outcome', {
      kind: NAME_KINDS,
      outcome: ['listed', 'refused', 'failed'],
    }),
    nameChanges: bridge.counter(
      'bridge_name_changes_total',
      'Names that the bridge wrote to Kafka, by kind and change',
      {
        kind: NAME_KINDS,
        change: ['new', 'renamed', 'gone', 'back', 'forgotten'],
      },
    ),
    genesysRequests: bridge.counter('genesys_requests_total', 'REST requests to Genesys, by route and HTTP status', {
      route: { bounded: 'the paths that the bridge uses, without ids' },
      status: { bounded: 'HTTP statuses, and none' },
    }),
    rateLimitRemaining: bridge.unsetGauge(
      'genesys_rate_limit_remaining',
      'Requests that Genesys still allows this client in the current minute',
    ),
  };
}

function foldMetrics(fold: MetricBuilder) {
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
      'Records of the changelog that tasks read before they ran, by whether they had a standby copy: warm reads only the tail',
      { copy: ['warm', 'none'] },
    ),
    standbyPartitions: fold.gauge(
      'fold_standby_partitions',
      'Partitions of which this process keeps a standby copy: warm has reached the end of the changelog',
      { state: ['reading', 'warm'] },
    ),
    standbyLag: fold.gauge(
      'fold_standby_lag_records',
      'Offsets of the changelog that a standby copy had yet to read when it was last looked at',
      { partition: PARTITION },
    ),
    foldTasks: fold.gauge('fold_tasks', 'Tasks of this process, by state', {
      state: ['ASSIGNED', 'FENCING', 'RESTORING', 'RUNNING', 'CLOSED'],
    }),
  };
}

/** Of the members of consumer groups. */
function readerMetrics(readers: MetricBuilder) {
  return {
    consumerLag: readers.gauge(
      'kafka_consumer_lag_records',
      'Records of an assigned partition that this member has not processed yet',
      {
        group: GROUP,
        topic: TOPIC,
        partition: PARTITION,
      },
    ),
    rebalances: readers.counter('kafka_rebalances_total', 'Assignments of partitions that this member received', {
      group: GROUP,
    }),
  };
}

function sinkMetrics(sink: MetricBuilder) {
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

function boardMetrics(board: MetricBuilder) {
  return {
    boardViewers: board.gauge('board_viewers', 'Pages that are connected to this board now', {}),
    boardSentBytes: board.counter(
      'board_sent_bytes_total',
      'Bytes of live changes that the board sent to pages, before compression',
      {},
    ),
    boardPictureAge: board.gauge(
      'board_picture_age_seconds',
      'How old the data on the pages is, in seconds. While the board starts, it is the time since the start. Up to one second is normal. More means that Kafka is down or slow',
      {},
    ),
    boardUnreadable: board.counter(
      'board_unreadable_records_total',
      'Records that the board could not read, by reason. The board leaves them out',
      { reason: UNREADABLE },
    ),
  };
}

function sharedMetrics(all: MetricBuilder, writers: MetricBuilder) {
  return {
    deadLetters: writers.counter(
      'dead_letters_total',
      'Records that queuefold sent to the dead letters, by stage and reason',
      {
        stage: ['bridge', 'fold', 'sink'],
        reason: [
          ...INVALID,
          ...UNREADABLE,
          'no-value',
          'wrong-key',
          'wrong-time',
          'refused-by-kafka',
          'refused-by-store',
        ],
      },
    ),
    endToEndLatency: writers.histogram(
      'end_to_end_latency_seconds',
      'Seconds from the receipt of an event until it is in Kafka (kafka), in the state topic (state) or in ClickHouse (store)',
      { stage: ['kafka', 'state', 'store'] },
      DURATION_SECONDS,
    ),
    traceSpans: all.counter('trace_spans_total', 'Spans for the OpenTelemetry collector, by outcome', {
      outcome: ['exported', 'failed', 'dropped'],
    }),
    lowWatermark: writers.gauge(
      'low_watermark_timestamp_seconds',
      'The low watermark, in seconds since 1970: the stage has processed everything that was received before this time. It also advances without traffic, and stops only when the stage stops',
      { stage: ['kafka', 'state', 'store', 'visits'], partition: { bounded: 'partitions; empty for kafka' } },
    ),
  };
}

function servedOf({ registry, definitions }: MetricBuilder, roles: readonly MetricRole[]): Registry {
  const served = new Registry();
  const own = new Map(definitions.map((definition) => [definition.name, definition]));
  for (const metric of registry.getMetricsAsArray()) {
    const definition = own.get(metric.name);
    if (definition !== undefined && !definition.roles.some((role) => roles.includes(role))) continue;
    const made = registry.getSingleMetric(metric.name);
    if (made === undefined) continue;
    served.registerMetric(made);
    if (definition === undefined || !(made instanceof Counter)) continue;
    for (const series of allSeries(definition, MOST_ZEROS) ?? []) made.inc(series, 0);
  }
  return served;
}
