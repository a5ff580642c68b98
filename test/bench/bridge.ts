import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createKafkaLog, type TopicNames } from '../../src/log';
import type { BridgeFigures, BridgeProcessArgs, BridgeReports } from './bridge-process';
import { type Child, startChild } from './child';
import type { BenchCluster } from './cluster';
import type { FramesArgs, FramesReports } from './frames-process';
import type { RawProduceArgs, RawProduceReports } from './raw-produce-process';
import type { Throughput } from './throughput';

export interface BridgeResult extends BridgeFigures {
  readonly meanFrameBytes: number;
  /** From the first frame sent to the last one read back from Kafka; merged ones count. */
  readonly notificationsPerSecond: number;
  /** kafkajs alone, with the same number of records of the same size. */
  readonly rawPerSecond: number;
  /**
   * For the bridge's process a frame of the burst, for kafkajs alone a record. They depend less on the machine's load.
   */
  readonly cpuMicroseconds: number;
  readonly rawCpuMicroseconds: number;
  /** Frame sent → read back from Kafka, at 1,000 a second. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const ARGS: FramesArgs = { frames: 10_000, burst: 150_000, paced: 15_000 };
/** Of the paced ones, until everything is compiled. */
const WARM_UP = 5_000;
const IDLE_MS = 1_500;

/** Notifications through one bridge process into Kafka. */
export async function measureBridge(
  cluster: BenchCluster,
  topics: TopicNames,
  profile: string | null,
): Promise<BridgeResult> {
  const log = createKafkaLog(cluster.connection);
  let records = 0;
  let bytes = 0;
  let lastAt = 0;
  const paced = new Map<string, number>();
  await log.read({
    topics: [topics.events],
    follow: true,
    onRecord: ({ key, value }) => {
      records += 1;
      bytes += value?.length ?? 0;
      lastAt = Date.now();
      const id = key?.toString() ?? '';
      if (id.startsWith('paced-')) paced.set(id, lastAt);
    },
  });
  const settled = async (): Promise<void> => {
    do await sleep(100);
    while (Date.now() - lastAt < IDLE_MS);
  };
  const frames = startChild<FramesReports>(join(__dirname, 'frames-process.js'), ARGS, null);
  const { url, meanBytes } = await frames.next('ready');
  const args: BridgeProcessArgs = { brokers: cluster.brokers, topics, url };
  const connected = frames.next('connected');
  const bridge = startChild<BridgeReports>(join(__dirname, 'bridge-process.js'), args, profile);
  try {
    await connected;
    await sleep(500);
    const before = await cpuOf(bridge);
    const bursting = frames.next('burst');
    frames.tell('burst');
    const { startedAt } = await bursting;
    await settled();
    const cpuMicroseconds = ((await cpuOf(bridge)) - before) * (1e6 / ARGS.burst);
    const seconds = (lastAt - startedAt) / 1_000;
    const size = Math.round(bytes / records);

    const pacing = frames.next('paced');
    frames.tell('paced');
    const { sentAt } = await pacing;
    await settled();
    const latencies = sentAt
      .map((sent, index) => (paced.get(`paced-${index}`) ?? NaN) - sent)
      .slice(WARM_UP)
      .filter((latency) => !Number.isNaN(latency))
      .sort((a, b) => a - b);
    const at = (part: number): number => latencies[Math.floor(latencies.length * part)] ?? NaN;
    const raw = await measureRaw(cluster, topics, size);
    return {
      ...(await figuresOf(bridge)),
      meanFrameBytes: meanBytes,
      notificationsPerSecond: ARGS.burst / seconds,
      rawPerSecond: raw.perSecond,
      cpuMicroseconds,
      rawCpuMicroseconds: raw.cpuMicroseconds,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    };
  } finally {
    await bridge.end();
    await frames.end();
    await log.close();
  }
}

async function figuresOf(bridge: Child<BridgeReports>): Promise<BridgeFigures> {
  const telling = bridge.next('figures');
  bridge.tell('figures');
  return telling;
}

async function cpuOf(bridge: Child<BridgeReports>): Promise<number> {
  return (await figuresOf(bridge)).cpuSeconds;
}

async function measureRaw({ brokers }: BenchCluster, topics: TopicNames, size: number): Promise<Throughput> {
  const args: RawProduceArgs = { brokers, topics, records: ARGS.burst, size };
  const child = startChild<RawProduceReports>(join(__dirname, 'raw-produce-process.js'), args, null);
  try {
    return await child.next('produced');
  } finally {
    await child.end();
  }
}
