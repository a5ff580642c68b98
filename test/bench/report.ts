import type { BridgeResult } from './bridge';
import type { CompressionFigures } from './compression';
import type { FoldResult } from './fold';
import type { IntervalFigures, Taken } from './intervals';
import type { LatencyResult } from './latency';
import type { Loaded } from './load';
import type { RestoreResult } from './restore';
import type { SinkFigures } from './sink';
import type { StoreFigures } from './store-process';
import type { StreamsFigures } from './streams';
import type { VisitCost } from './visits';

export interface BenchResult {
  readonly input: Pick<Loaded, 'events' | 'live' | 'meanJsonBytes' | 'meanAvroBytes'>;
  readonly bridge: BridgeResult;
  readonly consumePerSecond: number;
  readonly decodePerSecond: number;
  readonly foldOne: FoldResult;
  readonly foldTwo: FoldResult;
  /**
   * `kafkaBytes`: the size of one version of a visit on the broker's disk, with its headers and its share of the batch.
   */
  readonly visits: VisitCost & { readonly kafkaBytes: number };
  readonly latency: LatencyResult;
  /** Null: this machine cannot build it. */
  readonly streams: StreamsFigures | null;
  readonly restore: RestoreResult;
  readonly sink: SinkFigures;
  readonly store: StoreFigures;
  readonly intervals: IntervalFigures;
  readonly compression: readonly CompressionFigures[];
  /** The one-minute load averages of the machine, before and after: they show what else ran. */
  readonly load: { readonly before: number; readonly after: number };
}

/** The figure's name, its value, its ratio to the line marked 1.00, and the goal. */
type Row = readonly [what: string, value: string, ratio: string, toReach?: string];

export function formatResult(result: BenchResult): string {
  const { input, bridge, consumePerSecond: raw, foldOne, foldTwo, latency, restore, sink, store, intervals } = result;
  const { visits } = result;
  const rows: readonly Row[] = [
    ['', '', 'ratio', 'to reach'],
    [
      `bridge, frames of ${whole(bridge.meanFrameBytes)} bytes → Kafka`,
      rate(bridge.notificationsPerSecond, 'frames'),
      bridge.ratio.toFixed(2),
      '≥ 0.25',
    ],
    ['  of them merged while they waited', whole(bridge.coalesced), ''],
    ['  raw produce of the same records', rate(bridge.rawPerSecond, 'records'), '1.00'],
    [
      '  CPU for each frame, bridge',
      `${bridge.cpuMicroseconds.toFixed(1)} µs`,
      ratio(bridge.cpuMicroseconds, bridge.rawCpuMicroseconds),
      '≤ 4.00',
    ],
    ['  CPU for each record, raw produce', `${bridge.rawCpuMicroseconds.toFixed(1)} µs`, '1.00'],
    ['  frame → read from Kafka at 1,000/s, p50', `${bridge.p50Ms.toFixed(0)} ms`, ''],
    ['  frame → read from Kafka at 1,000/s, p99', `${bridge.p99Ms.toFixed(0)} ms`, ''],
    ['  peak memory, bridge', megabytes(bridge.peakBytes), ''],
    ['raw consume', rate(raw, 'events'), '1.00'],
    ['consume + decode', rate(result.decodePerSecond, 'events'), ratio(result.decodePerSecond, raw)],
    ['fold exactly once, one process', rate(foldOne.eventsPerSecond, 'events'), ratio(foldOne.eventsPerSecond, raw)],
    ['fold exactly once, two processes', rate(foldTwo.eventsPerSecond, 'events'), ratio(foldTwo.eventsPerSecond, raw)],
    ['  two against one', '', ratio(foldTwo.eventsPerSecond, foldOne.eventsPerSecond)],
    ['  CPU for each event, one process', `${foldOne.cpuMicroseconds.toFixed(1)} µs`, ''],
    ['  an event in the fold, without Kafka', `${visits.task.withMicroseconds.toFixed(1)} µs`, ''],
    ['  … against VISITS=off, in turns', '', visits.task.ratio.toFixed(2)],
    ['  … folded alone, not read and not written', '', visits.apply.ratio.toFixed(2)],
    ['  versions of visits for each event', (visits.visits / visits.events).toFixed(2), ''],
    ['  a version of a visit in Kafka', `${whole(visits.kafkaBytes)} bytes`, ''],
    ['send → read_committed, p50', `${latency.p50Ms.toFixed(1)} ms`, ''],
    ['send → read_committed, p99', `${latency.p99Ms.toFixed(1)} ms`, ''],
    ...besideStreams(result.streams),
    [`restore of ${whole(restore.conversations)} live conversations`, `${restore.seconds.toFixed(2)} s`, ''],
    [
      'sink, Kafka → ClickHouse',
      rate(sink.rowsPerSecond, 'rows'),
      ratio(sink.rowsPerSecond, sink.rawRowsPerSecond),
      '≥ 0.80',
    ],
    ['raw insert of the same rows, decoded before it begins', rate(sink.rawRowsPerSecond, 'rows'), '1.00'],
    [
      '  CPU for each row, sink with ClickHouse',
      `${sink.cpuMicroseconds.toFixed(1)} µs`,
      ratio(sink.cpuMicroseconds, sink.rawCpuMicroseconds),
      '≤ 1.25',
    ],
    ['  CPU for each row, raw insert', `${sink.rawCpuMicroseconds.toFixed(1)} µs`, '1.00'],
    ['  tombstones first, of those rows', `${sink.tombstonesFirstSeconds.toFixed(2)} s`, ''],
    ['state record → visible at 1,000/s, p50', `${store.visibleP50Ms.toFixed(0)} ms`, ''],
    ['state record → visible at 1,000/s, p99', `${store.visibleP99Ms.toFixed(0)} ms`, ''],
    [`clean-up of ${whole(store.ended)} ended conversations`, `${store.cleanupMs.toFixed(0)} ms`, ''],
    ['  state table before', `${megabytes(store.before.bytes)}, ${whole(store.before.parts)} parts`, ''],
    ['  state table after the next merge', `${megabytes(store.after.bytes)}, ${whole(store.after.parts)} parts`, ''],
    ['  history for each, a row and a tombstone', `${whole(store.historyBytesPerConversation)} bytes`, ''],
    [
      `queue_conversation_at, ${whole(store.conversations)} conversations, ${whole(store.versions)} versions`,
      `${store.asOf.medianMs.toFixed(0)} ms`,
      '',
    ],
    ['  CPU of it', `${store.asOf.medianCpuMs.toFixed(0)} ms`, ''],
    [`queue_live, ${whole(store.liveRows)} live rows`, `${store.queueLive.medianMs.toFixed(0)} ms`, ''],
    ['  CPU of it', `${store.queueLive.medianCpuMs.toFixed(0)} ms`, ''],
    ['queue_intervals by half-hour, one day of 500,000 visits', ...taken(intervals.day)],
    [`  … over all ${whole(intervals.visits)} visits`, ...taken(intervals.allDays)],
    ['queue_visit of one queue and day', ...taken(intervals.queue)],
    ['  a visit in ClickHouse, with its versions not merged yet', `${whole(intervals.bytesAVisit)} bytes`, ''],
    ...result.compression.flatMap(reading),
    ['peak memory, one fold process', megabytes(foldOne.peakBytes), ''],
    ['peak memory, each of two', megabytes(foldTwo.peakBytes), ''],
    ['peak memory, restore', megabytes(restore.peakBytes), ''],
    ['peak memory, sink', megabytes(sink.ownPeakBytes), ''],
    ['peak memory, sink with ClickHouse', megabytes(sink.peakBytes), ''],
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const lines = rows.map(([name, ...others]) =>
    [name.padEnd(widths[0] ?? 0), ...others.map((other = '', at) => other.padStart(widths[at + 1] ?? 0))]
      .join('  ')
      .trimEnd(),
  );
  return [
    `${whole(input.events)} events (JSON ${whole(input.meanJsonBytes)} bytes, Avro ${whole(input.meanAvroBytes)}), ` +
      `${whole(input.live)} conversations live at the end, 8 partitions`,
    ...lines,
    `load average of the machine: ${result.load.before.toFixed(1)} before, ${result.load.after.toFixed(1)} after`,
  ].join('\n');
}

function reading({
  codec,
  readMicroseconds,
  ratio,
  codecMicroseconds,
}: CompressionFigures): [string, string, string][] {
  const read = `${readMicroseconds.toFixed(1)} µs`;
  if (codec === 'none') return [['CPU to read an event, not compressed', read, '1.00']];
  return [
    [`CPU to read an event, ${codec}`, read, ratio.toFixed(2)],
    ['  of it the codec alone', `${codecMicroseconds.toFixed(1)} µs`, ''],
  ];
}

function besideStreams(figures: StreamsFigures | null): Row[] {
  if (figures === null) return [['beside Kafka Streams: not measured, for lack of a JDK with Maven on Linux', '', '']];
  const { ours, streams, ratios, latency, restore, threads } = figures;
  const times = ({ p50Ms, p99Ms }: { p50Ms: number; p99Ms: number }): string =>
    `${p50Ms.toFixed(1)}; ${p99Ms.toFixed(1)} ms`;
  return [
    [`Kafka Streams, exactly once, ${threads} threads`, rate(streams.eventsPerSecond, 'events'), '1.00'],
    [
      `  the fold beside it, ${threads} threads, VISITS=off`,
      rate(ours.eventsPerSecond, 'events'),
      ratios.eventsPerSecond.toFixed(2),
      '≥ 1.50',
    ],
    ['  CPU for each event, Kafka Streams', `${streams.cpuMicroseconds.toFixed(1)} µs`, '1.00'],
    ['  … the fold', `${ours.cpuMicroseconds.toFixed(1)} µs`, ratios.cpuMicroseconds.toFixed(2), '≤ 0.60'],
    ['  peak memory, Kafka Streams', megabytes(streams.peakBytes), '1.00'],
    ['  … the fold', megabytes(ours.peakBytes), ratios.peakBytes.toFixed(2), '≤ 0.70'],
    ['  send → read_committed, p50; p99, Kafka Streams at 100 ms', times(latency.streams100ms), '1.00; 1.00'],
    ['  … Kafka Streams at 10 ms', times(latency.streams10ms), ratios2(latency.streams10ms, latency.streams100ms)],
    ['  … the fold', times(latency.ours), ratios2(latency.ours, latency.streams100ms), '≤ 0.50; 0.50'],
    ['  … the fold against 10 ms', '', ratios2(latency.ours, latency.streams10ms), '≤ 1.00; 1.00'],
    [`  restore of ${whole(restore.conversations)}, Kafka Streams`, `${restore.streams.seconds.toFixed(2)} s`, '1.00'],
    ['  … the fold', `${restore.ours.seconds.toFixed(2)} s`, ratio(restore.ours.seconds, restore.streams.seconds)],
    [`  of ${whole(figures.conversations)} conversations the rows differ`, whole(figures.differences), ''],
  ];
}

function ratios2(of: { p50Ms: number; p99Ms: number }, to: { p50Ms: number; p99Ms: number }): string {
  return `${ratio(of.p50Ms, to.p50Ms)}; ${ratio(of.p99Ms, to.p99Ms)}`;
}

function taken({ wallMs, cpuMs }: Taken): [string, string] {
  return [`${wallMs.toFixed(0)} ms`, `CPU ${cpuMs.toFixed(0)} ms`];
}

function rate(value: number, unit: string): string {
  return `${whole(value)} ${unit}/s`;
}

function ratio(value: number, of: number): string {
  return (value / of).toFixed(2);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
