import { setTimeout as sleep } from 'node:timers/promises';
import { createKafkaLog, type OutRecord, partitionOf, type TopicNames } from '../../src/log';
import { PARTITIONS, type BenchCluster } from './cluster';
import type { Program } from './programs';

export interface LatencyResult {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly records: number;
}

/** One measured event and its row. */
export interface Sample {
  /** `partition-offset` */
  readonly event: string;
  /** Epoch ms, as the next. */
  readonly sentAt: number;
  readonly seenAt: number;
}

export interface LatencyWatch {
  /** The next event counts. */
  onBegin(): void;
  onSample(sample: Sample): void;
}

const PER_SECOND = 1_000;
const TICK_MS = 10;
/**
 * Until the code of both ends and of the broker is compiled: 15 s, in which the 99th percentile falls from 100 ms to a
 * third of it.
 */
const WARM_UP_EVENTS = 15_000;
const SETTLE_MS = 2_000;

/**
 * From the call of `send` to the moment when a read_committed reader has the state topic's record, with one process in
 * between. Events without a record have no latency.
 */
export async function measureLatency(
  cluster: BenchCluster,
  topics: TopicNames,
  events: readonly OutRecord[],
  start: () => Pick<Program, 'ready' | 'end'>,
  watch: LatencyWatch | null = null,
): Promise<LatencyResult> {
  const fold = start();
  const log = createKafkaLog(cluster.connection);
  const sentAt = new Map<string, number>();
  const latencies: number[] = [];
  try {
    await fold.ready;
    await log.read({
      topics: [topics.state],
      follow: true,
      onRecord: ({ headers }) => {
        // The id names the record's event: partition-offset-number.
        const [partition, offset] = (headers['ce_id'] ?? '').split('-');
        const event = `${partition ?? ''}-${offset ?? ''}`;
        const sent = sentAt.get(event);
        if (sent === undefined) return;
        const seen = performance.now();
        latencies.push(seen - sent);
        const { timeOrigin } = performance;
        watch?.onSample({ event, sentAt: timeOrigin + sent, seenAt: timeOrigin + seen });
      },
    });
    const producer = await log.createProducer();
    const nextOffsets = new Map<number, number>();
    const started = performance.now();
    for (let index = 0; index < events.length;) {
      const due = Math.min(events.length, Math.floor(((performance.now() - started) / 1000) * PER_SECOND));
      const records = events.slice(index, due).map((record) => ({ ...record, topic: topics.events }));
      const now = performance.now();
      if (index < WARM_UP_EVENTS && due >= WARM_UP_EVENTS) watch?.onBegin();
      for (const [at, { key }] of records.entries()) {
        const partition = partitionOf(key ?? '', PARTITIONS);
        const offset = nextOffsets.get(partition) ?? 0;
        nextOffsets.set(partition, offset + 1);
        if (index + at >= WARM_UP_EVENTS) sentAt.set(`${partition}-${offset}`, now);
      }
      index = due;
      void producer.send(records);
      await sleep(TICK_MS);
    }
    await sleep(SETTLE_MS);
  } finally {
    await log.close();
    await fold.end();
  }
  latencies.sort((a, b) => a - b);
  const quantile = (q: number): number => latencies[Math.floor(q * (latencies.length - 1))] ?? NaN;
  return { p50Ms: quantile(0.5), p99Ms: quantile(0.99), maxMs: quantile(1), records: latencies.length };
}
