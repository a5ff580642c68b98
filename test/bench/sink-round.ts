import type { Logger } from 'pino';
import type { Log, TopicNames } from '../../src/log';
import { createMetrics } from '../../src/ops';
import type { FlushLimits } from '../../src/sink/options';
import { createSink } from '../../src/sink/sink';
import { receivedOf, type rowReader } from '../../src/sink/topic-sink';
import type { Store } from '../../src/store';
import { logWithCommit } from './log-with-commit';
import { beginThroughput, type Throughput } from './throughput';

export interface SinkRoundOptions {
  readonly store: Store;
  readonly log: Log;
  readonly topics: TopicNames;
  /** The offsets of the state topic's records, by partition. */
  readonly offsets: ReadonlyMap<number, readonly number[]>;
  /** A group that has committed nothing. */
  readonly group: string;
  readonly reader: Awaited<ReturnType<typeof rowReader>>;
  readonly flush: FlushLimits;
  readonly logger: Logger;
}

export interface SinkRound extends Throughput {
  readonly rows: number;
  readonly tombstonesFirstSeconds: number;
}

/** Only rows: an empty table, one topic, no clean-up. */
const UNDISTURBED = {
  deadLetterLimits: { maxConsecutive: 0, maxRatio: 0 },
  epoch: 0,
  tombstoneRetentionMs: null,
  cleanup: { intervalMs: 86_400_000, graceMs: 86_400_000 },
};

/** The offsets of a topic's records, by partition. */
export async function readOffsets(log: Log, topic: string): Promise<ReadonlyMap<number, readonly number[]>> {
  const offsets = new Map<number, number[]>();
  const reading = await log.read({
    topics: [topic],
    follow: false,
    onRecord: ({ partition, offset }) => {
      const known = offsets.get(partition);
      if (known === undefined) offsets.set(partition, [offset]);
      else known.push(offset);
    },
  });
  await reading.caughtUp;
  await reading.stop();
  return offsets;
}

/** Writes the state topic, up to its present end, into empty tables. */
export async function runSink(options: SinkRoundOptions): Promise<SinkRound> {
  const { store, log, topics, offsets: all, group, reader, flush, logger } = options;
  const left = new Map([...(await log.endOffsets(topics.state))].filter(([, end]) => end > 0));
  const topicId = await log.topicId(topics.state);
  const rows = [...all.values()].reduce((sum, { length }) => sum + length, 0);
  /** By partition, how many records are committed. */
  const committed = new Map<number, number>();
  const commits: { readonly rows: number; readonly measured: Throughput }[] = [];
  let begunAt = NaN;
  let assignedAt = NaN;
  let measured = beginThroughput();
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));

  const counted: Log = {
    ...log,
    read: (request) => {
      begunAt = performance.now();
      measured = beginThroughput();
      return log.read(request);
    },
    subscribe: (subscription) =>
      log.subscribe({
        ...subscription,
        onAssigned: async (partitions) => {
          const from = await subscription.onAssigned(partitions);
          assignedAt = performance.now();
          return from;
        },
      }),
  };
  const source = logWithCommit(counted, (commit) => async (offsets) => {
    await commit(offsets);
    for (const { partition, offset } of offsets) {
      const records = all.get(partition) ?? [];
      let count = committed.get(partition) ?? 0;
      while ((records[count] ?? Infinity) < offset) count += 1;
      committed.set(partition, count);
      // The last offset of a partition is a transaction's marker.
      if (offset >= (left.get(partition) ?? Infinity) - 1) left.delete(partition);
    }
    const sum = [...committed.values()].reduce((one, other) => one + other, 0);
    commits.push({ rows: sum, measured: measured(sum) });
    if (left.size === 0) finish();
  });
  const sink = await createSink({
    store,
    log: source,
    group,
    topic: topics.state,
    ...reader,
    receivedOf,
    flush,
    ...UNDISTURBED,
    topicId,
    onInvalid: (_record, reason) => Promise.reject(new Error(reason)),
    metrics: createMetrics(),
    logger,
  });
  await finished;
  // The last batch, which is not full, waits for FLUSH.ms; that is latency and not throughput. Meanwhile ClickHouse
  // merges. It also does so for the raw insert, but the measurement ends before that.
  const full = rows - (rows % flush.rows);
  const last = commits.find((commit) => commit.rows >= full)?.measured;
  await sink.stop();
  return {
    rows,
    perSecond: NaN,
    cpuMicroseconds: NaN,
    ...last,
    tombstonesFirstSeconds: (assignedAt - begunAt) / 1000,
  };
}
