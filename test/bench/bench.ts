import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { TopicNames } from '../../src/log';
import { measureBoard } from './board';
import { type BridgeResult, measureBridge } from './bridge';
import { startCluster, type BenchCluster } from './cluster';
import { measureCompression, type CompressionFigures } from './compression';
import { measureConsume } from './consume';
import { measureFold, startEagerFold } from './fold';
import { type IntervalFigures, measureIntervals } from './intervals';
import { measureLatency } from './latency';
import { loadEvents, type Loaded } from './load';
import { measureMillion, type MillionFigures } from './million';
import { formatResult, type BenchResult } from './report';
import { measureRestore } from './restore';
import { measureSink, type SinkFigures } from './sink';
import { measureStore } from './store';
import type { StoreFigures } from './store-process';
import { measureStreams, type StreamsFigures } from './streams';
import { canBuildStreams } from './streams-program';
import { measureTakeover, type Takeover } from './takeover';
import { measureVisitCost, type VisitCost } from './visits';

const LATENCY_EVENTS = 35_000;

const { values: flags } = parseArgs({
  options: {
    events: { type: 'string', default: '200000' },
    live: { type: 'string', default: '2000' },
    restore: { type: 'string', default: '100000' },
    /** Ended conversations for the clean-up. */
    ended: { type: 'string', default: '1000000' },
    /** Conversations in the history, for queries at an instant. */
    history: { type: 'string', default: '1000000' },
    /** Days of half a million visits each, for `queue_intervals`. */
    days: { type: 'string', default: '90' },
    /**
     * `visits`, `intervals`, `board`, `bridge`, `sink`, `store`, `streams`, `million`, `takeover` or `compression`:
     * only these figures, as JSON.
     */
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    /** A folder for CPU profiles of the bridge, the fold and the sink. */
    profile: { type: 'string' },
  },
});

/** The sizes that fit into memory, decoded and not. */
const fittingSizes = { events: Math.min(Number(flags.events), 40_000), live: Number(flags.live) };
const storeSizes = { ended: Number(flags.ended), conversations: Number(flags.history) };

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function load(cluster: BenchCluster, topics: TopicNames): Promise<Loaded> {
  say(`events: ${flags.events} are generated and written`);
  return loadEvents(cluster, topics, {
    events: Number(flags.events),
    live: Number(flags.live),
    keep: Math.min(Number(flags.events), LATENCY_EVENTS),
    onProgress: (written) => {
      if (written % 20_000 === 0) say(`  ${written}`);
    },
  });
}

async function measure(cluster: BenchCluster): Promise<BenchResult> {
  const before = loadavg()[0] ?? 0;
  const profile = flags.profile ?? null;
  const one = await cluster.createTopics('one');
  const two = await cluster.createTopics('two', one.events);
  const late = await cluster.createTopics('late');
  const restored = await cluster.createTopics('restored');
  const bridged = await cluster.createTopics('bridged');
  const stored = await cluster.createTopics('stored');
  const step = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    const result = await run();
    say(`${name}: ${JSON.stringify(result)}`);
    return result;
  };
  const visitCost = await step('visits', () => measureVisitCost(fittingSizes));
  const bridge = await step('bridge', () => measureBridge(cluster, bridged, profile));
  const loaded = await load(cluster, one);
  const { events, meanJsonBytes, meanAvroBytes, live } = loaded;
  const consumePerSecond = await step('raw consume', () => measureConsume(cluster, one, events, 'raw'));
  const decodePerSecond = await step('consume + decode', () => measureConsume(cluster, one, events, 'decode'));
  const foldOne = await step('fold, one process', () => measureFold(cluster, one, 1, profile));
  const kafkaBytes = (await cluster.bytesOf(one.visits)) / loaded.visits;
  return {
    input: { events, live, meanJsonBytes, meanAvroBytes },
    bridge,
    consumePerSecond,
    decodePerSecond,
    foldOne,
    visits: { ...visitCost, kafkaBytes },
    foldTwo: await step('fold, two processes', () => measureFold(cluster, two, 2, profile)),
    latency: await step('latency', () =>
      measureLatency(cluster, late, loaded.first, () => startEagerFold(cluster, late)),
    ),
    streams: canBuildStreams()
      ? await step('Kafka Streams', () => measureStreams(cluster, one, loaded, Number(flags.restore), say))
      : null,
    restore: await step('restore', () => measureRestore(cluster, restored, loaded.states, Number(flags.restore))),
    sink: await step('sink', () => measureSink(cluster, one, profile)),
    store: await step('store', () => measureStore(cluster, stored, storeSizes)),
    intervals: await step('intervals', intervals),
    compression: await step('compression', () => measureCompression(cluster, { ...fittingSizes, onProgress: say })),
    load: { before, after: loadavg()[0] ?? 0 },
  };
}

function intervals(): Promise<IntervalFigures> {
  return measureIntervals({ days: Number(flags.days), visitsADay: 500_000, onProgress: say });
}

type Part =
  | BridgeResult
  | SinkFigures
  | StoreFigures
  | StreamsFigures
  | MillionFigures
  | readonly CompressionFigures[]
  | readonly Takeover[];

async function measureOnly(cluster: BenchCluster, only: string): Promise<Part> {
  if (only === 'compression') {
    return measureCompression(cluster, { ...fittingSizes, onProgress: say });
  }
  const topics = await cluster.createTopics(only);
  const profile = flags.profile ?? null;
  if (only === 'store') return measureStore(cluster, topics, storeSizes);
  if (only === 'million') return measureMillion(cluster, topics, say);
  if (only === 'takeover') return measureTakeover(cluster, topics, Number(flags.restore), say);
  if (only === 'bridge') return measureBridge(cluster, topics, profile);
  if (only !== 'sink' && only !== 'streams')
    throw new Error(
      `--only ${only}: no such part; known are visits, intervals, board, bridge, sink, store, streams, million, takeover and compression`,
    );
  const loaded = await load(cluster, topics);
  if (only === 'streams') return measureStreams(cluster, topics, loaded, Number(flags.restore), say);
  await measureFold(cluster, topics, 1, null);
  return measureSink(cluster, topics, profile);
}

async function main(): Promise<void> {
  if (flags.only === 'visits') {
    const cost: VisitCost = await measureVisitCost(fittingSizes);
    process.stdout.write(`${JSON.stringify(cost, null, 2)}\n`);
    return;
  }
  if (flags.only === 'board') {
    process.stdout.write(`${JSON.stringify(await measureBoard(flags.profile ?? null), null, 2)}\n`);
    return;
  }
  if (flags.only === 'intervals') {
    process.stdout.write(`${JSON.stringify(await intervals(), null, 2)}\n`);
    return;
  }
  say('Kafka starts');
  const cluster = await startCluster();
  const interrupted = (): void => {
    void cluster.stop().finally(() => process.exit(130));
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    const figures = await (flags.only === undefined ? measure(cluster) : measureOnly(cluster, flags.only));
    const isWhole = 'foldOne' in figures && !flags.json;
    process.stdout.write(`${isWhole ? formatResult(figures) : JSON.stringify(figures, null, 2)}\n`);
  } finally {
    await cluster.stop();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
