import { Counter, Registry } from 'prom-client';
import { allSeries, createMetricBuilder, type MetricBuilder, type MetricRole } from './metric-builder';
import { bridgeMetrics, genesysMetrics } from './metrics/bridge';
import { foldMetrics } from './metrics/fold';
import { sinkMetrics } from './metrics/sink';
import { DEAD_LETTER_REASONS, DURATION_SECONDS, INVALID, PARTITION, UNREADABLE } from './metrics/values';

/**
 * Every metric of queuefold. `npm run docs` makes docs/reference/metrics.md from them. Values are in base units. Each
 * label lists its values, or says what bounds them.
 */
export type Metrics = ReturnType<typeof createMetrics>;

const TOPIC = { bounded: 'topics of queuefold' } as const;
const GROUP = { bounded: 'consumer groups of queuefold' } as const;

/**
 * A counter with at most this many series serves all of them as zeros, because `increase` misses the first value of a
 * new series.
 */
const MOST_ZEROS = 20;

/** Each process (and each test) has a registry of its own. Nothing is global. */
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
