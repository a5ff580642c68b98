import type { DashboardSpec, PanelSpec } from './grafana';

const OF_QUEUEFOLD = 'and on (job, instance) queuefold_build_info';
const rate = (metric: string): string => `rate(${metric}[$__rate_interval])`;
const quantile = (q: number, histogram: string, by = ''): string =>
  `histogram_quantile(${q}, sum by (le${by === '' ? '' : `, ${by}`}) (${rate(`${histogram}_bucket`)}))`;

type Rest = Omit<PanelSpec, 'title' | 'type' | 'queries' | 'width'> & { readonly width?: number };
const lines = (
  title: string,
  queries: readonly (readonly [query: string, legend: string])[],
  rest: Rest = {},
): PanelSpec => ({
  title,
  type: 'timeseries',
  width: 8,
  ...rest,
  queries: queries.map(([query, legend]) => ({ query, legend })),
});
const number = (title: string, query: string, rest: Rest = {}): PanelSpec => ({
  title,
  type: 'stat',
  width: 4,
  ...rest,
  queries: [{ query, instant: true }],
});

/** Whether the table is true now, and if not, which stage is at fault. Prometheus. */
export const PIPELINE_HEALTH: DashboardSpec = {
  uid: 'queuefold-pipeline-health',
  title: 'queuefold: pipeline health',
  description:
    'Whether the table is true now, and if not, which stage is at fault. The alerts are those of helm/queuefold/rules.',
  datasource: 'prometheus',
  refresh: '30s',
  from: 'now-3h',
  variables: [],
  rows: [
    {
      title: 'What users notice',
      panels: [
        number('Events later than 2 s, 30 days', 'queuefold:events_late:ratio_rate30d', {
          unit: 'percentunit',
          redFrom: 0.01,
        }),
        number('The same, 1 hour', 'queuefold:events_late:ratio_rate1h', { unit: 'percentunit', redFrom: 0.01 }),
        number('Furthest behind', 'time() - min(queuefold_low_watermark_timestamp_seconds)', {
          unit: 's',
          redFrom: 120,
        }),
        number('Live conversations', 'sum(queuefold_fold_live_conversations)'),
        number('Events stored a second', 'sum(queuefold:events_stored:rate5m)', { unit: 'reqps' }),
        number('Dead letters, 24 hours', 'sum(increase(queuefold_dead_letters_total[24h]))', { redFrom: 1 }),
        {
          title: 'Alerts that fire',
          type: 'table',
          width: 8,
          queries: [{ query: 'ALERTS{alertname=~"Queuefold.*", alertstate="firing"}', instant: true }],
        },
        {
          title: 'From the receipt of an event, 99th percentile',
          type: 'timeseries',
          width: 8,
          unit: 's',
          description:
            'Seconds until an event is in Kafka, in the state topic and in ClickHouse. The points are traces.',
          queries: [
            {
              query: quantile(0.99, 'queuefold_end_to_end_latency_seconds', 'stage'),
              legend: '{{stage}}',
              exemplars: true,
            },
          ],
        },
        lines(
          'Behind, by stage',
          [['time() - min by (stage) (queuefold_low_watermark_timestamp_seconds)', '{{stage}}']],
          {
            unit: 's',
            description: 'The low watermark. It advances without traffic, and stops only when the stage stops.',
          },
        ),
        lines(
          'Events later than 2 s',
          [
            ['queuefold:events_late:ratio_rate5m', '5 minutes'],
            ['queuefold:events_late:ratio_rate30m', '30 minutes'],
            ['queuefold:events_late:ratio_rate1h', '1 hour'],
            ['queuefold:events_late:ratio_rate6h', '6 hours'],
            ['queuefold:events_late:ratio_rate3d', '3 days'],
          ],
          { unit: 'percentunit' },
        ),
        lines('Dead letters', [
          [`sum by (stage, reason) (${rate('queuefold_dead_letters_total')})`, '{{stage}} {{reason}}'],
        ]),
        lines(
          'From the receipt of an event, median',
          [[quantile(0.5, 'queuefold_end_to_end_latency_seconds', 'stage'), '{{stage}}']],
          { unit: 's' },
        ),
      ],
    },
    {
      title: 'Bridge',
      panels: [
        lines(
          'Frames from Genesys',
          [[`sum by (kind) (${rate('queuefold_bridge_notifications_total')})`, '{{kind}}']],
          { unit: 'reqps' },
        ),
        lines(
          'Events by source and outcome',
          [[`sum by (source, outcome) (${rate('queuefold_bridge_events_total')}) > 0`, '{{source}} {{outcome}}']],
          { unit: 'reqps' },
        ),
        lines('Channels', [['sum by (state) (queuefold_bridge_channels)', '{{state}}']]),
        lines('Queues', [
          ['sum(queuefold_bridge_subscribed_queues)', 'listened to'],
          ['sum by (permission) (queuefold_bridge_refused_queues)', 'refused: {{permission}}'],
          ['sum(queuefold_bridge_unwatched_queues)', 'no room'],
        ]),
        lines(
          'Since the last frame',
          [['time() - queuefold_bridge_last_notification_timestamp_seconds', '{{instance}}']],
          { unit: 's' },
        ),
        lines('Gaps, and what notifications missed', [
          ['sum(increase(queuefold_bridge_gaps_total[$__rate_interval]))', 'gaps'],
          ['sum(increase(queuefold_bridge_future_times_total[$__rate_interval]))', 'receive times in the future'],
          ['sum(increase(queuefold_bridge_missed_by_notifications_total[$__rate_interval]))', 'conversations missed'],
        ]),
        lines('Conversations to ask for', [
          ['sum by (importance) (queuefold_bridge_reconciliation_pending)', '{{importance}}'],
          ['sum(queuefold_bridge_table_read == bool 0)', 'bridges that do not read the table back'],
          [
            'sum by (reason) (increase(queuefold_bridge_unreadable_rows_total[$__rate_interval]))',
            'unreadable: {{reason}}',
          ],
        ]),
        lines(
          'Asked for',
          [
            [`sum by (outcome) (${rate('queuefold_bridge_reconciliations_total')})`, '{{outcome}}'],
            [`sum(${rate('queuefold_bridge_rows_back_total')})`, 'rows that went back'],
          ],
          { unit: 'reqps' },
        ),
        lines(
          'Requests to Genesys',
          [[`sum by (route, status) (${rate('queuefold_genesys_requests_total')})`, '{{status}} {{route}}']],
          { unit: 'reqps' },
        ),
        lines('Requests left in the minute', [['queuefold_genesys_rate_limit_remaining', '{{instance}}']]),
        lines('Looks at the list of queues', [
          ['sum by (outcome) (increase(queuefold_bridge_queue_polls_total[$__rate_interval]))', '{{outcome}}'],
        ]),
        lines('Looks at lists of names, and what has changed', [
          [
            'sum by (kind, outcome) (increase(queuefold_bridge_name_polls_total[$__rate_interval]))',
            '{{kind}} {{outcome}}',
          ],
          [
            'sum by (kind, change) (increase(queuefold_bridge_name_changes_total[$__rate_interval]))',
            '{{kind}} {{change}}',
          ],
        ]),
        lines('POST /events', [[`sum by (status) (${rate('queuefold_bridge_events_requests_total')})`, '{{status}}']], {
          unit: 'reqps',
        }),
        lines('Waits for Kafka', [['sum(queuefold_bridge_pending_conversations)', 'conversations']]),
        lines('Memory of records that wait for Kafka', [['queuefold_bridge_pending_bytes', '{{instance}}']], {
          unit: 'bytes',
        }),
        lines('Merged while waiting', [[`sum(${rate('queuefold_bridge_coalesced_total')})`, 'snapshots']], {
          unit: 'reqps',
        }),
      ],
    },
    {
      title: 'Kafka and fold',
      panels: [
        lines('Lag', [['sum by (group, topic) (queuefold_kafka_consumer_lag_records)', '{{group}}']]),
        lines('Rebalances', [
          ['sum by (group) (increase(queuefold_kafka_rebalances_total[$__rate_interval]))', '{{group}}'],
        ]),
        lines('Tasks', [['sum by (state) (queuefold_fold_tasks)', '{{state}}']]),
        lines('Events folded', [[`sum by (outcome) (${rate('queuefold_fold_events_total')})`, '{{outcome}}']], {
          unit: 'reqps',
        }),
        lines(
          'Records of state and visits',
          [
            [`sum by (kind) (${rate('queuefold_fold_records_total')})`, '{{kind}}'],
            [`sum by (outcome) (${rate('queuefold_fold_visits_total')})`, 'visit {{outcome}}'],
          ],
          {
            unit: 'reqps',
          },
        ),
        lines('Rows by partition', [['sum by (partition) (queuefold_fold_live_conversations)', '{{partition}}']]),
        lines(
          'Transactions, 99th percentile',
          [[quantile(0.99, 'queuefold_fold_transaction_duration_seconds'), 'transaction']],
          { unit: 's' },
        ),
        lines('Restores, 99th percentile', [[quantile(0.99, 'queuefold_fold_restore_duration_seconds'), 'restore']], {
          unit: 's',
        }),
        lines('Standby copies', [
          ['sum by (state) (queuefold_fold_standby_partitions)', '{{state}}'],
          ['sum(queuefold_fold_standby_lag_records)', 'lag in records'],
          [`sum by (copy) (${rate('queuefold_fold_restored_records_total')})`, 'restored, copy: {{copy}}'],
        ]),
        lines('Values on no list', [
          [`sum by (column) (${rate('queuefold_fold_unlisted_values_total')})`, '{{column}}'],
        ]),
      ],
    },
    {
      title: 'Sink',
      panels: [
        lines('Rows stored', [[`sum by (table) (${rate('queuefold_sink_rows_total')})`, '{{table}}']], {
          unit: 'reqps',
        }),
        lines('Batches, by trigger', [[`sum by (trigger) (${rate('queuefold_sink_batches_total')})`, '{{trigger}}']], {
          unit: 'reqps',
        }),
        lines('INSERT, 99th percentile', [[quantile(0.99, 'queuefold_sink_insert_duration_seconds'), 'insert']], {
          unit: 's',
        }),
        lines('Rows that wait', [['queuefold_sink_buffer_rows', '{{instance}}']]),
        lines('Inserts tried again', [[`sum by (reason) (${rate('queuefold_sink_retries_total')})`, '{{reason}}']]),
        lines('Since the last INSERT', [['time() - queuefold_sink_last_success_timestamp_seconds', '{{instance}}']], {
          unit: 's',
        }),
        lines('Partitions read again, rows swept', [
          ['sum by (reason) (increase(queuefold_sink_rereads_total[$__rate_interval]))', 'read again: {{reason}}'],
          ['sum(increase(queuefold_sink_swept_rows_total[$__rate_interval]))', 'rows swept'],
        ]),
        lines(
          'Since the last clean-up',
          [['time() - max(queuefold_cleanup_last_success_timestamp_seconds)', 'clean-up']],
          { unit: 's' },
        ),
        lines('Rows cleaned up', [['sum(increase(queuefold_cleanup_rows_total[$__rate_interval]))', 'rows']]),
      ],
    },
    {
      title: 'Board',
      panels: [
        lines('Viewers', [['queuefold_board_viewers', '{{instance}}']], { width: 6 }),
        lines('Age of the picture', [['queuefold_board_picture_age_seconds', '{{instance}}']], { width: 6, unit: 's' }),
        lines('Sent to pages, a second', [[rate('queuefold_board_sent_bytes_total'), '{{instance}}']], {
          width: 6,
          unit: 'bytes',
        }),
        lines(
          'Records left out',
          [['sum by (reason) (increase(queuefold_board_unreadable_records_total[$__rate_interval]))', '{{reason}}']],
          { width: 6 },
        ),
      ],
    },
    {
      title: 'Processes',
      panels: [
        lines('CPU', [[`${rate('process_cpu_seconds_total')} ${OF_QUEUEFOLD}`, '{{instance}}']], { width: 6 }),
        lines('Memory', [[`process_resident_memory_bytes ${OF_QUEUEFOLD}`, '{{instance}}']], {
          width: 6,
          unit: 'bytes',
        }),
        lines('Event loop, 99th percentile', [[`nodejs_eventloop_lag_p99_seconds ${OF_QUEUEFOLD}`, '{{instance}}']], {
          width: 6,
          unit: 's',
        }),
        lines('Versions', [['count by (version) (queuefold_build_info)', '{{version}}']], { width: 6 }),
        lines('Spans', [[`sum by (outcome) (${rate('queuefold_trace_spans_total')})`, '{{outcome}}']], { width: 6 }),
      ],
    },
  ],
};
