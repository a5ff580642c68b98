import { topicDefinitions, type TopicNames } from '../../src/log';
import { createClient, kafkajs, PATIENT } from '../../src/log/kafkajs/client';
import { startChild, type Child } from './child';
import type { BenchCluster } from './cluster';
import type { CompressionProcessArgs, CompressionReports, ReadCost } from './compression-process';
import type { EventsOptions } from './events';
import { loadEvents } from './load';
import { medianOf } from './throughput';

const CODECS = ['gzip', 'snappy', 'lz4', 'zstd'] as const;
type Topic = 'none' | (typeof CODECS)[number];
const TOPICS: readonly Topic[] = ['none', ...CODECS];

/** The first rounds do not count, because code is slow when it runs for the first time. */
const WARM_UP = 3;
const ROUNDS = 21;

export interface CompressionFigures {
  readonly codec: Topic;
  /** CPU of the reading process for each record, with all its threads: the median of the rounds. */
  readonly readMicroseconds: number;
  /** Relative to the topic without compression: the median of the rounds' ratios. */
  readonly ratio: number;
  /** Above the topic without compression: the median of the rounds' differences. */
  readonly moreMicroseconds: number;
  /** The codec alone, for the same batches. */
  readonly codecMicroseconds: number;
  /** The rest: the cost of reading without the codec. */
  readonly restMicroseconds: number;
  /** How many times larger the batches are when they are decompressed. */
  readonly compression: number;
}

/**
 * The cost of reading a compressed topic, compared with the cost of its codec: CPU time, which hardly depends on the
 * machine's load, of a process for each codec. The processes take turns, and a round's figures are compared only with
 * one another.
 */
export async function measureCompression(
  cluster: BenchCluster,
  { onProgress, ...sizes }: EventsOptions & { readonly onProgress: (text: string) => void },
): Promise<readonly CompressionFigures[]> {
  const children = new Map<Topic, Child<CompressionReports>>();
  try {
    for (const codec of TOPICS) {
      const topics = await cluster.createTopics(codec);
      if (codec !== 'none') await compressOnBroker(cluster, topics, codec);
      const { events } = await loadEvents(cluster, topics, { ...sizes, keep: 0, onProgress: () => undefined });
      const args: CompressionProcessArgs = { brokers: cluster.brokers, topic: topics.events, codec, events };
      const child = startChild<CompressionReports>(require.resolve('./compression-process'), args, null);
      children.set(codec, child);
      await child.next('ready');
      onProgress(`${codec}: ${events} records, ${await cluster.bytesOf(topics.events)} bytes on the disk`);
    }
    const rounds: ReadonlyMap<Topic, ReadCost>[] = [];
    for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
      const costs = await oneRound(children, round);
      if (round >= WARM_UP) rounds.push(costs);
    }
    return TOPICS.map((codec) => figuresOf(codec, rounds));
  } finally {
    for (const child of children.values()) await child.end();
  }
}

/** Each codec once, with another one first in each round. */
async function oneRound(
  children: ReadonlyMap<Topic, Child<CompressionReports>>,
  round: number,
): Promise<ReadonlyMap<Topic, ReadCost>> {
  const costs = new Map<Topic, ReadCost>();
  for (let turn = 0; turn < TOPICS.length; turn += 1) {
    const codec = TOPICS[(round + turn) % TOPICS.length] ?? 'none';
    const child = children.get(codec);
    if (child === undefined) throw new Error(codec);
    const read = child.next('read');
    child.tell('read');
    costs.set(codec, await read);
  }
  return costs;
}

function figuresOf(codec: Topic, rounds: readonly ReadonlyMap<Topic, ReadCost>[]): CompressionFigures {
  const median = (of: (cost: ReadCost, plain: ReadCost) => number): number =>
    medianOf(
      rounds.map((costs) => {
        const [cost, plain] = [costs.get(codec), costs.get('none')];
        if (cost === undefined || plain === undefined) throw new Error(codec);
        return of(cost, plain);
      }),
    );
  return {
    codec,
    readMicroseconds: median((cost) => cost.readMicroseconds),
    ratio: median((cost, plain) => cost.readMicroseconds / plain.readMicroseconds),
    moreMicroseconds: median((cost, plain) => cost.readMicroseconds - plain.readMicroseconds),
    codecMicroseconds: median((cost) => cost.codecMicroseconds),
    restMicroseconds: median((cost, plain) => cost.readMicroseconds - plain.readMicroseconds - cost.codecMicroseconds),
    compression: median((cost) => cost.compression),
  };
}

/** The topic compresses and not the producer, because Node before 22.15 cannot write zstd. */
async function compressOnBroker(
  cluster: BenchCluster,
  topics: TopicNames,
  codec: (typeof CODECS)[number],
): Promise<void> {
  const { config } = topicDefinitions(topics, 1).find(({ topic }) => topic === topics.events) ?? { config: {} };
  const configEntries = Object.entries({ ...config, 'compression.type': codec }).map(([name, value]) => ({
    name,
    value,
  }));
  const admin = createClient(cluster.connection, PATIENT).admin();
  await admin.connect();
  const resource = { type: kafkajs().ConfigResourceTypes.TOPIC, name: topics.events, configEntries };
  await admin.alterConfigs({ validateOnly: false, resources: [resource] });
  await admin.disconnect();
}
