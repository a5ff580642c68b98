import type { DashboardSpec, PanelSpec } from './grafana';

const CHOSEN = 'queue_name IN (${queue:singlequote})';
/** The intervals of the time that is shown. Without a time zone ClickHouse would write the texts in its own. */
const INTERVALS =
  "${database}.queue_intervals(from = toString($__fromTime, 'UTC'), to = toString($__toTime, 'UTC'), minutes = ${minutes}, " +
  'target_seconds = ${target}, short_abandon_seconds = ${short}) AS intervals';
const SHOWN = `FROM ${INTERVALS} WHERE ${CHOSEN}`;
const LEVEL =
  'sum(intervals.answered_in_target) / nullIf(sum(intervals.answered) + sum(intervals.abandoned) - sum(intervals.short_abandoned), 0)';
/** An average over intervals: each counts as often as it has visits. */
const averageSeconds = (column: string, visits: string): string =>
  `sum(intervals.${column} * intervals.${visits}) / nullIf(sumIf(intervals.${visits}, isNotNull(intervals.${column})), 0) / 1000`;

type Rest = Pick<PanelSpec, 'unit' | 'redFrom' | 'description'>;
const number = (title: string, query: string, rest: Rest = {}): PanelSpec => ({
  title,
  type: 'stat',
  width: 4,
  ...rest,
  queries: [{ query }],
});
const textbox = (name: string, label: string, value: string) => ({
  ...{ name, type: 'textbox', label, query: value },
  current: { text: value, value },
});

/** What became of the callers: offered, answered, abandoned, service level. ClickHouse. */
export const QUEUE_PERFORMANCE: DashboardSpec = {
  uid: 'queuefold-queue-performance',
  title: 'queuefold: queue performance',
  description: 'How many came, how long they waited, who answered and who gave up: the table queue_visit.',
  datasource: 'grafana-clickhouse-datasource',
  refresh: '1m',
  from: 'now/d',
  variables: [
    textbox('database', 'Database', 'queuefold'),
    {
      name: 'queue',
      type: 'query',
      label: 'Queue',
      datasource: { type: 'grafana-clickhouse-datasource', uid: '${datasource}' },
      query: `SELECT DISTINCT queue_name FROM \${database}.queue_visit_named WHERE $__timeFilter(entered_time) ORDER BY queue_name`,
      refresh: 2,
      multi: true,
      includeAll: true,
      current: { text: ['All'], value: ['$__all'] },
    },
    textbox('minutes', 'Interval (minutes)', '15'),
    textbox('target', 'Answer within (seconds)', '20'),
    textbox('short', 'Short abandon (seconds)', '5'),
  ],
  rows: [
    {
      title: 'In the time that is shown',
      panels: [
        number('Offered', `SELECT sum(intervals.offered) AS offered ${SHOWN}`),
        number('Answered', `SELECT sum(intervals.answered) AS answered ${SHOWN}`),
        number('Abandoned', `SELECT sum(intervals.abandoned) AS abandoned ${SHOWN}`),
        number('Service level', `SELECT ${LEVEL} AS service_level ${SHOWN}`, {
          unit: 'percentunit',
          description:
            'The callers who were answered in time, of all who were answered or gave up. Callers who gave up very early do not count.',
        }),
        number(
          'Average speed of answer',
          `SELECT ${averageSeconds('average_wait_answered_ms', 'answered')} AS seconds ${SHOWN}`,
          { unit: 's' },
        ),
        number('Longest wait', `SELECT max(intervals.longest_wait_ms) / 1000 AS seconds ${SHOWN}`, { unit: 's' }),
        {
          title: 'Offered, answered, abandoned',
          type: 'timeseries',
          width: 12,
          queries: [
            {
              series: true,
              query:
                'SELECT interval_start AS time, sum(intervals.offered) AS offered, sum(intervals.answered) AS answered, ' +
                `sum(intervals.abandoned) AS abandoned, sum(intervals.flowed_out) AS flowed_out ${SHOWN} GROUP BY time ORDER BY time`,
            },
          ],
        },
        {
          title: 'Service level',
          type: 'timeseries',
          width: 12,
          unit: 'percentunit',
          queries: [
            {
              series: true,
              query: `SELECT interval_start AS time, ${LEVEL} AS service_level ${SHOWN} GROUP BY time ORDER BY time`,
            },
          ],
        },
      ],
    },
    {
      title: 'By queue and agent',
      panels: [
        {
          title: 'Queues',
          type: 'table',
          width: 24,
          queries: [
            {
              query:
                'SELECT queue_name, media_type, sum(intervals.offered) AS offered, sum(intervals.answered) AS answered, ' +
                'sum(intervals.abandoned) AS abandoned, sum(intervals.flowed_out) AS flowed_out, sum(intervals.waiting) AS waiting, ' +
                `round(100 * (${LEVEL}), 1) AS service_level_percent, ` +
                `round(${averageSeconds('average_wait_answered_ms', 'answered')}, 1) AS speed_of_answer_s, ` +
                `round(${averageSeconds('average_talk_ms', 'answered')}, 1) AS talk_s, ` +
                `sum(intervals.offers_missed) AS offers_missed ${SHOWN} GROUP BY queue_name, media_type ORDER BY offered DESC, queue_name, media_type`,
            },
          ],
        },
        {
          title: 'Agents',
          type: 'table',
          width: 12,
          queries: [
            {
              query:
                'SELECT user_name, count() AS answered, round(avg(talk_ms) / 1000, 1) AS talk_s FROM ${database}.queue_visit_named ' +
                `WHERE outcome = 'answered' AND $__timeFilter(entered_time) AND ${CHOSEN} GROUP BY user_name ORDER BY answered DESC, user_name LIMIT 50`,
            },
          ],
        },
        {
          title: 'Who still waits, the longest first',
          type: 'table',
          width: 12,
          queries: [
            {
              query:
                "SELECT queue_name, media_type, dateDiff('second', entered_time, now64(3, 'UTC')) AS seconds, offers, offers_missed, conversation_id " +
                `FROM \${database}.queue_visit_named WHERE outcome = 'waiting' AND ${CHOSEN} ORDER BY entered_time, conversation_id LIMIT 50`,
            },
          ],
        },
      ],
    },
  ],
};
