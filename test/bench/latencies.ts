import { cpus } from 'node:os';
import { join } from 'node:path';
import type { OutRecord } from '../../src/log';
import type { BenchCluster } from './cluster';
import { type LatencyResult, measureLatency, type Sample } from './latency';
import { type ThreadTrace, type TracedRequests, type TracedTransaction } from './latency-trace';
import { cpuMicrosecondsOf, type Program, startFoldThreads, startTracedFold } from './programs';
import { buildStreams, canBuildStreams } from './streams-program';

export interface Latencies {
  /** In turns, a round after the other. */
  readonly ours: readonly Measured[];
  /** At a commit interval of 10 ms; empty: this machine cannot build it. */
  readonly streams: readonly Measured[];
  readonly trace: Trace;
}

type Measured = LatencyResult & {
  /** The processors that the program used while events came. */
  readonly cores: number;
};

/** Where the time of events goes, ms. */
export interface Trace {
  readonly all: Phases;
  /** Of the slowest hundredth. */
  readonly slowest: Phases;
  readonly transactionsPerSecond: number;
  readonly eventsOfATransaction: number;
  readonly requests: readonly TracedRequests[];
  readonly threads: readonly ThreadTrace['pauses'][];
}

/** Means of one event's way. */
interface Phases {
  /** From the call of `send` until the fold's reader has it. */
  readonly toTheFold: number;
  /** While the transaction before it is under way. */
  readonly waits: number;
  /** Folding, and every request up to the commit. */
  readonly sends: number;
  readonly commits: number;
  /** From the answer to the commit until a reader has the row: markers and the fetch. */
  readonly toTheReader: number;
  readonly total: number;
}

const ROUNDS = 3;
const SOON_MS = 10;

/** The fold beside Kafka Streams at 1,000 events/s, in turns, and one more round of the fold that is traced. */
export async function measureLatencies(
  cluster: BenchCluster,
  events: readonly OutRecord[],
  say: (text: string) => void,
): Promise<Latencies> {
  const threads = cpus().length;
  const { brokers } = cluster;
  const build = canBuildStreams() ? await buildStreams(cluster.folder) : null;
  const ours: Measured[] = [];
  const streams: Measured[] = [];
  const measure = async (name: string, start: Parameters<typeof measured>[3]): Promise<Measured> => {
    const found = await measured(cluster, name, events, start);
    say(`${name}: ${JSON.stringify(found)}`);
    return found;
  };
  for (let round = 1; round <= ROUNDS; round++) {
    ours.push(await measure(`late-ours-${round}`, (topics) => startFoldThreads(brokers, topics, threads)));
    if (build === null) continue;
    const name = `late-streams-${round}`;
    const stateDir = join(cluster.folder, name);
    const options = { brokers, threads, commitMs: SOON_MS, stateDir };
    streams.push(await measure(name, (topics) => build({ ...options, topics })));
  }
  return { ours, streams, trace: await traced(cluster, events, threads) };
}

async function measured(
  cluster: BenchCluster,
  name: string,
  events: readonly OutRecord[],
  start: (topics: Awaited<ReturnType<BenchCluster['createTopics']>>) => Program,
): Promise<Measured> {
  const topics = await cluster.createTopics(name);
  const program = start(topics);
  const begun = { at: 0, cpu: 0 };
  const last = { at: 0, cpu: 0 };
  const note = (one: typeof last): void => {
    Object.assign(one, { at: performance.now(), cpu: cpuMicrosecondsOf(program.pid) });
  };
  const watch = {
    onBegin: () => note(begun),
    onSample: () => {
      if (performance.now() - last.at > 1_000) note(last);
    },
  };
  const result = await measureLatency(cluster, topics, events, () => program, watch);
  return { ...result, cores: (last.cpu - begun.cpu) / 1_000 / (last.at - begun.at) };
}

async function traced(cluster: BenchCluster, events: readonly OutRecord[], threads: number): Promise<Trace> {
  const topics = await cluster.createTopics('late-traced');
  const program = startTracedFold(cluster.brokers, topics, threads);
  const samples: Sample[] = [];
  let begun = 0;
  let traces: readonly ThreadTrace[] = [];
  const end = async (): Promise<void> => {
    traces = await program.result();
    await program.end();
  };
  const watch = {
    onBegin: () => {
      begun = performance.now();
      program.begin();
    },
    onSample: (sample: Sample) => void samples.push(sample),
  };
  await measureLatency(cluster, topics, events, () => ({ ready: program.ready, end }), watch);
  const seconds = (performance.now() - begun) / 1_000;
  const ways = waysOf(samples, traces).sort((a, b) => a.total - b.total);
  const transactions = traces.flatMap((each) => each.transactions);
  const folded = transactions.reduce((sum, { from, to }) => sum + to - from, 0);
  return {
    all: meanOf(ways),
    slowest: meanOf(ways.slice(Math.floor(ways.length * 0.99))),
    transactionsPerSecond: transactions.length / seconds,
    eventsOfATransaction: folded / transactions.length,
    requests: traces.flatMap((each) => each.requests),
    threads: traces.map(({ pauses }) => pauses),
  };
}

function waysOf(samples: readonly Sample[], traces: readonly ThreadTrace[]): Phases[] {
  const arrivals = new Map(traces.flatMap((each) => each.arrivals));
  const byEvent = new Map<string, TracedTransaction>();
  for (const one of traces.flatMap((each) => each.transactions)) {
    for (let offset = one.from; offset < one.to; offset++) byEvent.set(`${one.partition}-${offset}`, one);
  }
  return samples.flatMap(({ event, sentAt, seenAt }) => {
    const arrivedAt = arrivals.get(event);
    const transaction = byEvent.get(event);
    if (arrivedAt === undefined || transaction === undefined) return [];
    return [
      {
        toTheFold: arrivedAt - sentAt,
        waits: transaction.takenAt - arrivedAt,
        sends: transaction.sentAt - transaction.takenAt,
        commits: transaction.committedAt - transaction.sentAt,
        toTheReader: seenAt - transaction.committedAt,
        total: seenAt - sentAt,
      },
    ];
  });
}

function meanOf(ways: readonly Phases[]): Phases {
  const mean = (phase: keyof Phases): number => ways.reduce((sum, way) => sum + way[phase], 0) / ways.length;
  return {
    toTheFold: mean('toTheFold'),
    waits: mean('waits'),
    sends: mean('sends'),
    commits: mean('commits'),
    toTheReader: mean('toTheReader'),
    total: mean('total'),
  };
}
