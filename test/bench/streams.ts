import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConversationEvent, createPartitionFold, DEFAULT_FOLD_SETTINGS } from '../../src/conversation';
import {
  createEventCodec,
  createKafkaLog,
  createLocalSchemas,
  createRowCodec,
  type OutRecord,
  type TopicNames,
} from '../../src/log';
import { createStockAdmin } from '../support/kafka/kafka-admin';
import type { BenchCluster } from './cluster';
import { benchEvents } from './events';
import { measureLatency } from './latency';
import type { Loaded } from './load';
import { cpuMicrosecondsOf, peakBytesOf, type Program, startFoldThreads } from './programs';
import { buildStreams } from './streams-program';
import { medianOf } from './throughput';

export interface StreamsFigures {
  readonly threads: number;
  /** Medians of the rounds. */
  readonly ours: ThroughputFigures;
  readonly streams: ThroughputFigures;
  /** Ours relative to theirs: medians of the rounds' ratios. */
  readonly ratios: { readonly eventsPerSecond: number; readonly cpuMicroseconds: number; readonly peakBytes: number };
  /** The number of conversations whose last record differs between the two state topics. */
  readonly conversations: number;
  readonly differences: number;
  /** Send → read committed at 1,000 events/s, ms; theirs by their commit interval. */
  readonly latency: Readonly<
    Record<'ours' | 'streams100ms' | 'streams10ms', { readonly p50Ms: number; readonly p99Ms: number }>
  >;
  /** From the start of a process until all partitions are restored, with this many live conversations. */
  readonly restore: {
    readonly conversations: number;
    readonly ours: RestoreFigures;
    readonly streams: RestoreFigures;
  };
}

interface ThroughputFigures {
  readonly eventsPerSecond: number;
  readonly cpuMicroseconds: number;
  readonly peakBytes: number;
}

interface RestoreFigures {
  readonly seconds: number;
  readonly peakBytes: number;
}

const ROUNDS = 3;
const POLL_MS = 25;
const COMMIT_MS = 100;
const SOON_MS = 10;
const CHUNK = 1_000;
const TEMPLATES = 500;

/**
 * The fold beside a plain Kafka Streams program that makes the same rows from the same events, in turns. Each is one
 * process with as many threads as the machine has processors, and both are measured from outside.
 */
export async function measureStreams(
  cluster: BenchCluster,
  events: TopicNames,
  loaded: Loaded,
  restored: number,
  say: (text: string) => void,
): Promise<StreamsFigures> {
  say('the Kafka Streams program is built');
  const build = await buildStreams(cluster.folder);
  const threads = cpus().length;
  const { brokers } = cluster;
  let made = 0;
  const stateDir = (): string => join(cluster.folder, `rocksdb-${(made += 1)}`);
  const streams = (topics: TopicNames, folder: string, commitMs = COMMIT_MS): Program =>
    build({ brokers, topics, threads, commitMs, stateDir: folder });
  const ours = (topics: TopicNames): Program => startFoldThreads(brokers, topics, threads);

  const rounds: { readonly ours: ThroughputFigures; readonly streams: ThroughputFigures }[] = [];
  let compared = { conversations: 0, differences: 0 };
  for (let round = 1; round <= ROUNDS; round++) {
    const [one, other] = [
      await cluster.createTopics(`ours${round}`, events.events),
      await cluster.createTopics(`streams${round}`, events.events),
    ];
    const figures = {
      ours: await throughputOf(cluster, one, loaded.events, () => ours(one)),
      streams: await throughputOf(cluster, other, loaded.events, () => streams(other, stateDir())),
    };
    say(`round ${round} of ${ROUNDS}: ${JSON.stringify(figures)}`);
    rounds.push(figures);
    if (round === 1) compared = await compare(cluster, one, other);
  }

  const latencyOf = async (name: string, start: (topics: TopicNames) => Program) => {
    const topics = await cluster.createTopics(name);
    const { p50Ms, p99Ms } = await measureLatency(cluster, topics, loaded.first, () => start(topics));
    say(`latency, ${name}: p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`);
    return { p50Ms, p99Ms };
  };
  const latency = {
    ours: await latencyOf('late-ours', ours),
    streams100ms: await latencyOf('late-streams-100', (topics) => streams(topics, stateDir())),
    streams10ms: await latencyOf('late-streams-10', (topics) => streams(topics, stateDir(), SOON_MS)),
  };

  const live = await cluster.createTopics('live');
  await writeLive(cluster, live, restored);
  const oursAgain = await cluster.createTopics('restore-ours', live.events);
  const streamsAgain = await cluster.createTopics('restore-streams', live.events);
  const folder = stateDir();
  const restore = {
    conversations: restored,
    ours: await restoreOf(cluster, oursAgain, restored, () => ours(oursAgain)),
    streams: await restoreOf(cluster, streamsAgain, restored, () => {
      rmSync(folder, { recursive: true, force: true });
      return streams(streamsAgain, folder);
    }),
  };

  const median = (of: (round: (typeof rounds)[number]) => number): number => medianOf(rounds.map(of));
  const middle = (who: 'ours' | 'streams'): ThroughputFigures => ({
    eventsPerSecond: median((round) => round[who].eventsPerSecond),
    cpuMicroseconds: median((round) => round[who].cpuMicroseconds),
    peakBytes: median((round) => round[who].peakBytes),
  });
  const ratio = (figure: keyof ThroughputFigures): number =>
    median((round) => round.ours[figure] / round.streams[figure]);
  return {
    threads,
    ours: middle('ours'),
    streams: middle('streams'),
    ratios: {
      eventsPerSecond: ratio('eventsPerSecond'),
      cpuMicroseconds: ratio('cpuMicroseconds'),
      peakBytes: ratio('peakBytes'),
    },
    ...compared,
    latency,
    restore,
  };
}

/** Folds the whole topic of events. Measures from the first visible commit to the last. */
async function throughputOf(
  cluster: BenchCluster,
  topics: TopicNames,
  events: number,
  start: () => Program,
): Promise<ThroughputFigures> {
  const stock = await createStockAdmin(cluster.brokers);
  const committed = async (): Promise<number> => {
    const [found] = await stock.admin.fetchOffsets({ groupId: topics.foldGroup, topics: [topics.events] });
    return (found?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
  };
  const program = start();
  try {
    const reached = async (wanted: number) => {
      for (;;) {
        const done = await Promise.race([committed(), program.ready.then(committed)]);
        if (done >= wanted) return { done, at: performance.now(), cpu: cpuMicrosecondsOf(program.pid) };
        await sleep(POLL_MS);
      }
    };
    const first = await reached(1);
    const last = await reached(events);
    const count = last.done - first.done;
    return {
      eventsPerSecond: (count * 1_000) / (last.at - first.at),
      cpuMicroseconds: (last.cpu - first.cpu) / count,
      peakBytes: peakBytesOf(program.pid),
    };
  } finally {
    await program.end();
    await stock.close();
  }
}

/** The number of conversations in two state topics, and the number of those whose last records differ. */
async function compare(cluster: BenchCluster, one: TopicNames, other: TopicNames) {
  const log = createKafkaLog(cluster.connection);
  const codec = await createRowCodec(createLocalSchemas(), one);
  const lastWords = async (topic: string): Promise<ReadonlyMap<string, string>> => {
    const words = new Map<string, string>();
    const reading = await log.read({
      topics: [topic],
      follow: false,
      onRecord: ({ key, value }) => {
        const decoded = value === null ? null : codec.decode(value);
        words.set(String(key), JSON.stringify(decoded?.ok === true ? decoded.value : decoded));
      },
    });
    await reading.caughtUp;
    await reading.stop();
    return words;
  };
  try {
    const [ours, theirs] = [await lastWords(one.state), await lastWords(other.state)];
    const ids = new Set([...ours.keys(), ...theirs.keys()]);
    const differences = [...ids].filter((id) => ours.get(id) !== theirs.get(id)).length;
    return { conversations: ids.size, differences };
  } finally {
    await log.close();
  }
}

/** This many conversations of one event each, all with a row. */
async function writeLive(cluster: BenchCluster, topics: TopicNames, conversations: number): Promise<void> {
  const fold = createPartitionFold(DEFAULT_FOLD_SETTINGS);
  const templates: ConversationEvent[] = [];
  for (const { event } of benchEvents({ events: Number.MAX_SAFE_INTEGER, live: TEMPLATES })) {
    const alone = { ...event, conversationId: randomUUID() };
    if (fold.apply(alone).records.some(({ row }) => row !== null)) templates.push(event);
    if (templates.length === TEMPLATES) break;
  }
  const codec = await createEventCodec(createLocalSchemas(), topics);
  const log = createKafkaLog(cluster.connection);
  const producer = await log.createProducer();
  for (let done = 0; done < conversations; done += CHUNK) {
    const records = Array.from({ length: Math.min(CHUNK, conversations - done) }, (_, index): OutRecord[] => {
      const template = templates[(done + index) % templates.length];
      const conversationId = randomUUID();
      if (template === undefined) return [];
      return [
        {
          topic: topics.events,
          key: conversationId,
          value: codec.encode({ ...template, conversationId }),
          headers: {},
        },
      ];
    });
    await producer.send(records.flat());
  }
  await log.close();
}

/** Folds everything once, then starts over with only the changelog. */
async function restoreOf(
  cluster: BenchCluster,
  topics: TopicNames,
  events: number,
  start: () => Program,
): Promise<RestoreFigures> {
  await throughputOf(cluster, topics, events, start);
  // Kafka Streams does not leave its group, so the next member waits until its session is over, and that is no restore.
  await emptied(cluster, topics.foldGroup);
  const began = performance.now();
  const program = start();
  try {
    await program.ready;
    return { seconds: (performance.now() - began) / 1_000, peakBytes: peakBytesOf(program.pid) };
  } finally {
    await program.end();
  }
}

async function emptied(cluster: BenchCluster, group: string): Promise<void> {
  const stock = await createStockAdmin(cluster.brokers);
  try {
    for (;;) {
      const { groups } = await stock.admin.describeGroups([group]);
      if (groups[0]?.members.length === 0) return;
      await sleep(POLL_MS);
    }
  } finally {
    await stock.close();
  }
}
