import { loadavg } from 'node:os';
import { Option } from 'commander';
import type { TopicNames } from '../../src/log';
import { numberFlag, runScript, script } from '../support/processes/script';
import { measureBoard } from './board';
import { type BridgeResult, measureBridge } from './bridge';
import { startCluster, type BenchCluster } from './cluster';
import { measureCompression, type CompressionFigures } from './compression';
import { measureConsume } from './consume';
import { measureFold, startEagerFold } from './fold';
import { type IntervalFigures, measureIntervals } from './intervals';
import { type Latencies, measureLatencies } from './latencies';
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

/** What `--only` measures. */
const PARTS = {
  visits: 'the CPU that visits cost the fold; without Kafka',
  intervals: 'queries of queue_intervals, on an embedded ClickHouse',
  board: 'the live board and its page, in a browser',
  bridge: 'a frame of Genesys made into a record, against a raw produce',
  sink: 'rows into ClickHouse, against a raw insert',
  store: 'the clean-up, and queries at an instant',
  streams: 'the fold against a Kafka Streams program (JDK 17, Maven and Linux)',
  latency: 'from send to read committed, against Kafka Streams, and where the time goes',
  million: 'a fold with 1,000, 100,000 and 1,000,000 live conversations (3 GB of memory)',
  takeover: 'how long a fold takes over from a killed one, with and without a standby copy',
  compression: 'the codecs of Kafka',
} as const;
type PartName = keyof typeof PARTS;

interface Flags {
  readonly only?: PartName;
  readonly events: number;
  readonly live: number;
  readonly restore: number;
  readonly ended: number;
  readonly history: number;
  readonly days: number;
  readonly profile?: string;
  readonly json?: true;
}

const flags = script(
  'bench',
  'Measures the pipeline on a Kafka of its own, with ratios to raw clients in the same run.',
)
  .addOption(new Option('--only <part>', 'measures this part only, and prints it as JSON').choices(Object.keys(PARTS)))
  .option('--events <n>', 'events to fold', numberFlag, 200_000)
  .option('--live <n>', 'live conversations at a time', numberFlag, 2_000)
  .option('--restore <n>', 'conversations in a state that is restored', numberFlag, 100_000)
  .option('--ended <n>', 'store: ended conversations for the clean-up', numberFlag, 1_000_000)
  .option('--history <n>', 'store: conversations in the history, for queries at an instant', numberFlag, 1_000_000)
  .option('--days <n>', 'intervals: days of half a million visits each', numberFlag, 90)
  .option('--profile <folder>', 'writes CPU profiles of board, bridge, fold and sink into this folder')
  .option('--json', 'prints JSON instead of text')
  .addHelpText(
    'after',
    `\nParts:\n${Object.entries(PARTS)
      .map(([part, measures]) => `  ${part.padEnd(12)} ${measures}\n`)
      .join('')}`,
  )
  .parse()
  .opts<Flags>();

/** The sizes that fit into memory, decoded and not. */
const fittingSizes = { events: Math.min(flags.events, 40_000), live: flags.live };
const storeSizes = { ended: flags.ended, conversations: flags.history };

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function load(cluster: BenchCluster, topics: TopicNames): Promise<Loaded> {
  say(`events: ${flags.events} are generated and written`);
  return loadEvents(cluster, topics, {
    events: flags.events,
    live: flags.live,
    keep: Math.min(flags.events, LATENCY_EVENTS),
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
      ? await step('Kafka Streams', () => measureStreams(cluster, one, loaded, flags.restore, say))
      : null,
    restore: await step('restore', () => measureRestore(cluster, restored, loaded.states, flags.restore)),
    sink: await step('sink', () => measureSink(cluster, one, profile)),
    store: await step('store', () => measureStore(cluster, stored, storeSizes)),
    intervals: await step('intervals', intervals),
    compression: await step('compression', () => measureCompression(cluster, { ...fittingSizes, onProgress: say })),
    load: { before, after: loadavg()[0] ?? 0 },
  };
}

function intervals(): Promise<IntervalFigures> {
  return measureIntervals({ days: flags.days, visitsADay: 500_000, onProgress: say });
}

type Part =
  | BridgeResult
  | SinkFigures
  | StoreFigures
  | StreamsFigures
  | Latencies
  | MillionFigures
  | readonly CompressionFigures[]
  | readonly Takeover[];

/** A part that needs the cluster. */
async function measureOnly(cluster: BenchCluster, only: PartName): Promise<Part> {
  if (only === 'compression') {
    return measureCompression(cluster, { ...fittingSizes, onProgress: say });
  }
  const topics = await cluster.createTopics(only);
  const profile = flags.profile ?? null;
  if (only === 'store') return measureStore(cluster, topics, storeSizes);
  if (only === 'million') return measureMillion(cluster, topics, say);
  if (only === 'takeover') return measureTakeover(cluster, topics, flags.restore, say);
  if (only === 'bridge') return measureBridge(cluster, topics, profile);
  const loaded = await load(cluster, topics);
  if (only === 'streams') return measureStreams(cluster, topics, loaded, flags.restore, say);
  if (only === 'latency') return measureLatencies(cluster, loaded.first, say);
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
    const isWhole = 'foldOne' in figures && flags.json !== true;
    process.stdout.write(`${isWhole ? formatResult(figures) : JSON.stringify(figures, null, 2)}\n`);
  } finally {
    await cluster.stop();
  }
}

runScript(async () => {
  await main();
  process.exit(0);
});
