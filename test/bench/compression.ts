import { compressionOf } from '../../src/log/kafkajs/client';
import { codecOf } from '../../src/log/kafkajs/compression';
import type { BenchCluster } from './cluster';
import { measureConsume } from './consume';
import { loadEvents, type Loaded } from './load';

/** Node before 22.15 cannot write zstd. */
const CODECS = (['gzip', 'snappy', 'lz4', 'zstd'] as const).filter(
  (codec) => codec !== 'zstd' || 'zstdCompressSync' in process.getBuiltinModule('node:zlib'),
);
const ROUNDS = 50;
/** As for a batch that is read. */
const LIMIT_BYTES = 64 * 1024 * 1024;

export interface CompressionFigures {
  readonly codec: string;
  readonly eventsPerSecond: number;
  /** For each event, more than of a topic that is not compressed. */
  readonly moreMicroseconds: number;
  /** For each event, what the library alone takes for the same records. */
  readonly codecMicroseconds: number;
  /** How many times as large the records are when they are decompressed. */
  readonly ratio: number;
}

/** What it costs to read a compressed topic, beside what its codec costs. */
export async function measureCompression(
  cluster: BenchCluster,
  options: Omit<Parameters<typeof loadEvents>[2], 'keep' | 'onProgress'>,
): Promise<readonly CompressionFigures[]> {
  const load = { ...options, keep: 1_000, onProgress: () => undefined };
  const plain = await cluster.createTopics('plain');
  const loaded = await loadEvents(cluster, plain, load);
  const plainPerSecond = await measureConsume(cluster, plain, loaded.events, 'raw');
  const figures: CompressionFigures[] = [];
  for (const compression of CODECS) {
    const topics = await cluster.createTopics(compression);
    const compressing = { ...cluster, connection: { ...cluster.connection, compression } };
    await loadEvents(compressing, topics, load);
    const eventsPerSecond = await measureConsume(cluster, topics, loaded.events, 'raw');
    const moreMicroseconds = 1e6 / eventsPerSecond - 1e6 / plainPerSecond;
    figures.push({ codec: compression, eventsPerSecond, moreMicroseconds, ...(await codecAlone(compression, loaded)) });
  }
  return [
    { codec: 'none', eventsPerSecond: plainPerSecond, moreMicroseconds: 0, codecMicroseconds: 0, ratio: 1 },
    ...figures,
  ];
}

async function codecAlone(
  compression: (typeof CODECS)[number],
  { first }: Loaded,
): Promise<Pick<CompressionFigures, 'codecMicroseconds' | 'ratio'>> {
  const codec = codecOf(compressionOf({ compression }))?.codec;
  if (codec === undefined) throw new Error(compression);
  const values = first.flatMap(({ value }) => (value === null ? [] : [value]));
  const records = Buffer.concat(values);
  const compressed = await codec.compress(records);
  const from = performance.now();
  for (let round = 0; round < ROUNDS; round++) await codec.decompress(compressed, LIMIT_BYTES);
  const codecMicroseconds = ((performance.now() - from) * 1_000) / ROUNDS / values.length;
  return { codecMicroseconds, ratio: records.length / compressed.length };
}
