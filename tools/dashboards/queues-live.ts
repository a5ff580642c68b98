import type { DashboardSpec, PanelSpec } from './grafana';

const CHOSEN = 'queue_name IN (${queue:singlequote})';
const LIVE = `\${database}.queue_live WHERE ${CHOSEN}`;

type Rest = Pick<PanelSpec, 'unit' | 'redFrom' | 'description'>;
const number = (title: string, query: string, rest: Rest = {}): PanelSpec => ({
  title,
  type: 'stat',
  width: 4,
  ...rest,
  queries: [{ query }],
});

/** What happens in the queues now. ClickHouse. */
export const QUEUES_LIVE: DashboardSpec = {
  uid: 'queuefold-queues-live',
  title: 'queuefold: queues live',
  description: 'Who waits, who is talked to, for how long: the table queue_conversation as it is now.',
  datasource: 'grafana-clickhouse-datasource',
  refresh: '5s',
  from: 'now-1h',
  variables: [
    {
      name: 'database',
      type: 'textbox',
      label: 'Database',
      query: 'queuefold',
      current: { text: 'queuefold', value: 'queuefold' },
    },
    {
      name: 'queue',
      type: 'query',
      label: 'Queue',
      datasource: { type: 'grafana-clickhouse-datasource', uid: '${datasource}' },
      query: 'SELECT DISTINCT queue_name FROM ${database}.queue_live ORDER BY queue_name',
      refresh: 2,
      multi: true,
      includeAll: true,
      current: { text: ['All'], value: ['$__all'] },
    },
  ],
  rows: [
    {
      title: 'Now',
      panels: [
        number('Waiting', `SELECT sum(waiting_now) AS waiting FROM ${LIVE}`),
        number('Longest wait', `SELECT max(oldest_wait_seconds) AS seconds FROM ${LIVE}`, { unit: 's', redFrom: 120 }),
        number('Alerting', `SELECT sum(alerting) AS alerting FROM ${LIVE}`),
        number('Talking', `SELECT sum(talking) AS talking FROM ${LIVE}`),
        number('After-call work', `SELECT sum(after_call_work) AS after_call_work FROM ${LIVE}`),
        number(
          'The table is behind by',
          "SELECT dateDiff('second', min(as_of), now64(3, 'UTC')) AS seconds FROM ${database}.queue_conversation_progress FINAL",
          { unit: 's', redFrom: 120, description: 'The sink notes it every half a minute, so up to 30 s is normal.' },
        ),
        {
          title: 'Queues',
          type: 'table',
          width: 12,
          queries: [
            {
              query:
                'SELECT queue_name, media_type, waiting_now, offered, talking, after_call_work, oldest_wait_seconds ' +
                `FROM ${LIVE} ORDER BY oldest_wait_seconds DESC NULLS LAST, queue_name, media_type`,
            },
          ],
        },
        {
          title: 'Who waits longest',
          type: 'table',
          width: 12,
          queries: [
            {
              query:
                'SELECT queue_name, media_type, seconds, state, routing_skill_names, conversation_id ' +
                'FROM ${database}.queue_conversation_named INNER JOIN (' +
                "SELECT conversation_id, dateDiff('second', queue_connected_time, now64(3, 'UTC')) AS seconds " +
                'FROM ${database}.queue_conversation_state FINAL WHERE waiting) AS waits USING (conversation_id) ' +
                `WHERE ${CHOSEN} ORDER BY seconds DESC, conversation_id LIMIT 20`,
            },
          ],
        },
      ],
    },
    {
      title: 'In the time that is shown',
      panels: [
        {
          title: 'Conversations that began, a minute',
          type: 'timeseries',
          width: 12,
          queries: [
            {
              series: true,
              query:
                'SELECT toStartOfMinute(db_when_created) AS time, toString(media_type) AS medium, uniqExact(conversation_id) AS conversations ' +
                'FROM ${database}.queue_conversation_history ' +
                'WHERE _deleted = 0 AND $__timeFilter(db_when_created) GROUP BY time, medium ORDER BY time',
            },
          ],
        },
        {
          title: 'Conversations that ended, a minute',
          type: 'timeseries',
          width: 12,
          queries: [
            {
              series: true,
              query:
                'SELECT toStartOfMinute(db_last_updated) AS time, uniqExact(conversation_id) AS conversations ' +
                'FROM ${database}.queue_conversation_history ' +
                'WHERE _deleted = 1 AND $__timeFilter(db_last_updated) GROUP BY time ORDER BY time',
            },
          ],
        },
        {
          title: 'From the receipt of an event to its row, a minute',
          type: 'timeseries',
          width: 12,
          unit: 's',
          description: 'Measured by the clock of ClickHouse minus the clock of the bridge.',
          queries: [
            {
              series: true,
              query:
                "SELECT toStartOfMinute(db_last_updated) AS time, quantileExact(0.99)(dateDiff('millisecond', db_last_updated, _ingested_at) / 1000) AS p99 " +
                'FROM ${database}.queue_conversation_history ' +
                'WHERE $__timeFilter(db_last_updated) GROUP BY time ORDER BY time',
            },
          ],
        },
        {
          title: 'Changes, a minute',
          type: 'timeseries',
          width: 12,
          queries: [
            {
              series: true,
              query:
                'SELECT toStartOfMinute(db_last_updated) AS time, count() AS changes ' +
                'FROM ${database}.queue_conversation_history ' +
                'WHERE $__timeFilter(db_last_updated) GROUP BY time ORDER BY time',
            },
          ],
        },
      ],
    },
  ],
};
