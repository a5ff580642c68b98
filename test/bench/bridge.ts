import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createKafkaLog, type Log, type TopicNames } from '../../src/log';
import type { BridgeFigures, BridgeProcessArgs, BridgeReports } from './bridge-process';
import { type Child, startChild } from './child';
import type { BenchCluster } from './cluster';
import type { FramesArgs, FramesReports } from './frames-process';
import type { RawProduceArgs, RawProduceReports } from './raw-produce-process';
import { medianOf, type Throughput } from './throughput';

export interface BridgeResult extends BridgeFigures {
  readonly meanFrameBytes: number;
  readonly meanValueBytes: number;
  /** From the first frame sent until Kafka has the last one; merged ones count. The median of the rounds. */
  readonly notificationsPerSecond: number;
  /** The producer alone, with the bridge's records. */
  readonly rawPerSecond: number;
  /** Of records written by the bridge to records written by the producer alone; the median of the rounds. */
  readonly ratio: number;
  /** For the bridge's process a frame, for the producer alone a record. They depend less on the machine's load. */
  readonly cpuMicroseconds: number;
  readonly rawCpuMicroseconds: number;
  /** Frame sent → read back from Kafka, at 1,000 a second. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Burst extends Throughput {
  readonly recordsPerSecond: number;
}

const ARGS: FramesArgs = { frames: 10_000, burst: 50_000, paced: 15_000 };
/** The bridge and the producer alone, in turns. The first round of each does not count: code is compiled in it. */
const ROUNDS = 3;
/** Of the paced ones, until everything is compiled. */
const WARM_UP = 5_000;
const IDLE_MS = 1_500;
const LOOK_MS = 20;

/** Notifications through one bridge process into Kafka. */
export async function measureBridge(
  cluster: BenchCluster,
  topics: TopicNames,
  profile: string | null,
): Promise<BridgeResult> {
  const log = createKafkaLog(cluster.connection);
  const frames = startChild<FramesReports>(join(__dirname, 'frames-process.js'), ARGS, null);
  const { url, meanBytes } = await frames.next('ready');
  const args: BridgeProcessArgs = { brokers: cluster.brokers, topics, url };
  const connected = frames.next('connected');
  const bridge = startChild<BridgeReports>(join(__dirname, 'bridge-process.js'), args, profile);
  let raw: Child<RawProduceReports> | null = null;
  const rounds: { readonly bridge: Burst; readonly raw: Throughput }[] = [];
  let meanValueBytes = NaN;
  try {
    await connected;
    await sleep(500);
    for (let round = 0; round <= ROUNDS; round += 1) {
      const bridged = await measureBurst(log, topics, frames, bridge);
      if (raw === null) {
        const rawArgs: RawProduceArgs = { brokers: cluster.brokers, topics, records: ARGS.burst };
        raw = startChild<RawProduceReports>(join(__dirname, 'raw-produce-process.js'), rawArgs, null);
        ({ meanValueBytes } = await raw.next('ready'));
      }
      const produced = raw.next('produced');
      raw.tell('go');
      rounds.push({ bridge: bridged, raw: await produced });
    }
    const latencies = await measureLatency(log, topics, frames);
    const at = (part: number): number => latencies[Math.floor(latencies.length * part)] ?? NaN;
    const median = (of: (round: (typeof rounds)[number]) => number): number => medianOf(rounds.slice(1).map(of));
    return {
      ...(await figuresOf(bridge)),
      meanFrameBytes: meanBytes,
      meanValueBytes,
      notificationsPerSecond: median((round) => round.bridge.perSecond),
      rawPerSecond: median((round) => round.raw.perSecond),
      ratio: median((round) => round.bridge.recordsPerSecond / round.raw.perSecond),
      cpuMicroseconds: median((round) => round.bridge.cpuMicroseconds),
      rawCpuMicroseconds: median((round) => round.raw.cpuMicroseconds),
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    };
  } finally {
    await raw?.end();
    await bridge.end();
    await frames.end();
    await log.close();
  }
}

/** Nobody reads the topic meanwhile: only its end is looked at, which costs neither Kafka nor the machine anything. */
async function measureBurst(
  log: Log,
  topics: TopicNames,
  frames: Child<FramesReports>,
  bridge: Child<BridgeReports>,
): Promise<Burst> {
  const endOf = async (): Promise<number> =>
    [...(await log.endOffsets(topics.events)).values()].reduce((sum, offset) => sum + offset, 0);
  const from = await endOf();
  const before = await cpuOf(bridge);
  const bursting = frames.next('burst');
  const sending = frames.next('sent');
  frames.tell('burst');
  const { startedAt } = await bursting;
  await sending;
  let end = -1;
  let lastAt = Date.now();
  while (Date.now() - lastAt < IDLE_MS) {
    const now = await endOf();
    if (now !== end) [end, lastAt] = [now, Date.now()];
    await sleep(LOOK_MS);
  }
  return {
    recordsPerSecond: ((end - from) * 1_000) / (lastAt - startedAt),
    perSecond: (ARGS.burst * 1_000) / (lastAt - startedAt),
    cpuMicroseconds: ((await cpuOf(bridge)) - before) * (1e6 / ARGS.burst),
  };
}

/** From sent to read back from Kafka, at 1,000 a second, sorted. */
async function measureLatency(log: Log, topics: TopicNames, frames: Child<FramesReports>): Promise<readonly number[]> {
  const readAt = new Map<string, number>();
  let lastAt = Date.now();
  const reading = await log.read({
    topics: [topics.events],
    from: await log.endOffsets(topics.events),
    follow: true,
    onRecord: ({ key }) => readAt.set(key?.toString() ?? '', (lastAt = Date.now())),
  });
  const pacing = frames.next('paced');
  frames.tell('paced');
  const { sentAt } = await pacing;
  do await sleep(100);
  while (Date.now() - lastAt < IDLE_MS);
  await reading.stop();
  return sentAt
    .map((sent, index) => (readAt.get(`paced-${index}`) ?? NaN) - sent)
    .slice(WARM_UP)
    .filter((latency) => !Number.isNaN(latency))
    .sort((a, b) => a - b);
}

async function figuresOf(bridge: Child<BridgeReports>): Promise<BridgeFigures> {
  const telling = bridge.next('figures');
  bridge.tell('figures');
  return telling;
}

async function cpuOf(bridge: Child<BridgeReports>): Promise<number> {
  return (await figuresOf(bridge)).cpuSeconds;
}
