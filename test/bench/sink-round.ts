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

/** Writes the state topic, up to its present end, into empty tables. */
export async function runSink(options: SinkRoundOptions): Promise<SinkRound> {
  const { store, log, topics, group, reader, flush, logger } = options;
  const left = new Map([...(await log.endOffsets(topics.state))].filter(([, end]) => end > 0));
  const topicId = await log.topicId(topics.state);
  /** Records that are read and not committed yet, by partition. */
  const waiting = new Map<number, number[]>();
  const commits: { readonly rows: number; readonly measured: Throughput }[] = [];
  let rows = 0;
  let committed = 0;
  let begunAt = NaN;
  let firstArrival = NaN;
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
        onRecords: (partition, records, nextOffset) => {
          if (rows === 0) firstArrival = performance.now();
          rows += records.length;
          const offsets = waiting.get(partition) ?? [];
          for (const { offset } of records) offsets.push(offset);
          waiting.set(partition, offsets);
          subscription.onRecords(partition, records, nextOffset);
        },
      }),
  };
  const source = logWithCommit(counted, (commit) => async (offsets) => {
    await commit(offsets);
    for (const { partition, offset } of offsets) {
      const before = waiting.get(partition) ?? [];
      const after = before.filter((one) => one >= offset);
      committed += before.length - after.length;
      waiting.set(partition, after);
      // The last offset of a partition is a transaction's marker.
      if (offset >= (left.get(partition) ?? Infinity) - 1) left.delete(partition);
    }
    commits.push({ rows: committed, measured: measured(committed) });
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
    tombstonesFirstSeconds: (firstArrival - begunAt) / 1000,
  };
}
