import { openEmbeddedClickHouse } from '../../src/embedded/clickhouse';
import { createRowCodec } from '../../src/log/codec/codecs';
import { createLocalSchemas } from '../../src/log/codec/schema-source';
import { createKafkaLog } from '../../src/log/kafkajs/log';
import { partitionOf } from '../../src/log/partitioner';
import type { LogRecord } from '../../src/log/port';
import type { TopicNames } from '../../src/log/topics';
import { createMetrics } from '../../src/ops/metrics';
import { connectStore } from '../../src/store/client';
import { migrate } from '../../src/store/migrations';
import type { RecordSource } from '../../src/store/record-source';
import { createSink } from '../../src/store/sink';
import type { DecodedRecord } from '../../src/store/sink-options';
import { heard, peakMemory, report } from './child';
import { connectionTo } from './cluster';
import { measureRawInsert } from './raw-insert';

export interface SinkProcessArgs {
  readonly brokers: readonly string[];
  readonly topics: TopicNames;
  readonly folder: string;
}

export interface SinkReports {
  readonly done: SinkFigures;
}

export interface SinkFigures {
  readonly rows: number;
  /** From the beginning of the tombstones' reading; the forming of the group is not in it. */
  readonly rowsPerSecond: number;
  readonly tombstonesFirstSeconds: number;
  readonly rawRowsPerSecond: number;
  readonly peakBytes: number;
}

const FLUSH = { rows: 10_000, bytes: 8 * 1024 * 1024, ms: 1_000 };
/** Nothing else than rows: an empty table, one topic, no clean-up. */
const UNDISTURBED = {
  deadLetterLimits: { maxConsecutive: 0, maxRatio: 0 },
  epoch: 0,
  tombstoneRetentionMs: null,
  partitionOf,
  cleanup: { intervalMs: 86_400_000, graceMs: 86_400_000 },
};
const DATABASES = { sink: 'bench_sink', raw: 'bench_raw', warmUp: 'bench_warm_up' };

async function main({ brokers, topics, folder }: SinkProcessArgs): Promise<void> {
  const ending = heard('end');
  const connection = connectionTo(brokers);
  const log = createKafkaLog(connection);
  const engine = await openEmbeddedClickHouse({ dataDir: folder });
  const stores = Object.values(DATABASES).map((database) =>
    connectStore({ connection: engine.connection(), database, where: engine.path }),
  );
  const [store, rawStore, warmUpStore] = stores;
  if (store === undefined || rawStore === undefined || warmUpStore === undefined) throw new Error('no stores');
  for (const { client, database } of stores) await migrate(client, { database, dryRun: false });
  const codec = await createRowCodec(createLocalSchemas(), topics);

  const decode = (record: LogRecord): DecodedRecord => {
    const conversationId = record.key?.toString() ?? '';
    if (record.value === null) return { kind: 'tombstone', conversationId };
    const decoded = codec.decode(record.value);
    return decoded.ok ? { kind: 'row', row: decoded.value } : { kind: 'invalid', ...decoded };
  };

  // Neither of the two is to pay for the engine's first inserts and for code that is not compiled yet.
  const inserted = { log, topic: topics.state, decode, batchRows: FLUSH.rows };
  await measureRawInsert({ ...inserted, store: warmUpStore });
  const ends = await log.endOffsets(topics.state);
  let rows = 0;
  let firstArrival = NaN;
  let firstPassMs = 0;
  const topicId = await log.topicId(topics.state);
  const commits: { readonly at: number; readonly rows: number }[] = [];
  const finished = new Promise<void>((resolve) => {
    const waiting = new Map<number, number[]>();
    let committed = 0;
    const left = new Map([...ends].filter(([, end]) => end > 0));
    const source: RecordSource<LogRecord> = {
      ...log,
      read: async (request) => {
        const begun = performance.now();
        const reading = await log.read(request);
        void reading.caughtUp.then(() => (firstPassMs = performance.now() - begun));
        return reading;
      },
      subscribe: async (subscription) => {
        const running = await log.subscribe({
          ...subscription,
          onRecords: (partition, records, nextOffset) => {
            if (rows === 0) firstArrival = performance.now();
            rows += records.length;
            waiting.set(partition, [...(waiting.get(partition) ?? []), ...records.map((record) => record.offset)]);
            subscription.onRecords(partition, records, nextOffset);
          },
        });
        return {
          ...running,
          commit: async (offsets) => {
            await running.commit(offsets);
            for (const { partition, offset } of offsets) {
              const offsetsLeft = (waiting.get(partition) ?? []).filter((one) => one >= offset);
              committed += (waiting.get(partition)?.length ?? 0) - offsetsLeft.length;
              waiting.set(partition, offsetsLeft);
              // The last offset of a partition is a transaction's marker.
              if (offset >= (left.get(partition) ?? Infinity) - 1) left.delete(partition);
            }
            commits.push({ at: performance.now(), rows: committed });
            if (left.size === 0) resolve();
          },
        };
      },
    };
    void createSink<LogRecord>({
      store,
      log: source,
      group: topics.sinkGroup,
      topic: topics.state,
      prepare: (values) => codec.prepare(values),
      decode,
      flush: FLUSH,
      ...UNDISTURBED,
      topicId,
      onInvalid: (_record, reason) => Promise.reject(new Error(reason)),
      metrics: createMetrics(),
      logger: connection.logger,
    }).then((sink) => ending.then(() => sink.stop()));
  });
  await finished;
  // The last batch, which is not full, waits for FLUSH.ms: a matter of latency, not of throughput.
  const full = rows - (rows % FLUSH.rows);
  const last = commits.find((commit) => commit.rows >= full) ?? { at: NaN, rows: 0 };
  const rowsPerSecond = (last.rows * 1000) / (last.at - firstArrival + firstPassMs);
  const peakBytes = peakMemory();
  const raw = await measureRawInsert({ ...inserted, store: rawStore });
  const figures: SinkFigures = {
    rows,
    rowsPerSecond,
    tombstonesFirstSeconds: firstPassMs / 1000,
    rawRowsPerSecond: raw,
    peakBytes,
  };
  report('done', figures);
  await ending;
  await log.close();
  for (const { close } of stores) await close();
  await engine.close();
  process.exit(0);
}

void main(JSON.parse(process.argv[2] ?? '{}') as SinkProcessArgs);
