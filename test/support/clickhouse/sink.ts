import { createMemoryCluster, type Log, type LogRecord, type MemoryCluster } from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import type { DecodedRecord, SinkOptions } from '../../../src/sink/options';
import { createSink, type RunningSink } from '../../../src/sink/sink';
import { aRow } from '../conversation/rows';
import { pauseAfter } from '../processes/until';
import type { TestStore } from './store';
import { QUIET } from './store-rows';

export const STATE_TOPIC = 'state';
const HOUR_MS = 3_600_000;

/** Records are JSON here; Avro, as in production, is the codec's concern. */
export function decodeJson(record: LogRecord): DecodedRecord {
  if (record.value === null) return { kind: 'tombstone', conversationId: String(record.key) };
  const text = record.value.toString();
  if (text === 'garbage') return { kind: 'invalid', reason: 'not-avro', message: 'no Avro' };
  return { kind: 'row', row: aRow({ conversation_id: String(record.key), ...(JSON.parse(text) as object) }) };
}

export interface StartedSink {
  readonly sink: RunningSink;
  readonly metrics: ReturnType<typeof createMetrics>;
}

/** A sink with small, quick batches. The caller stops it. */
export async function startTestSink(
  tests: TestStore,
  log: Log,
  options: Partial<SinkOptions> = {},
): Promise<StartedSink> {
  const metrics = createMetrics();
  const sink = await createSink({
    store: tests.store,
    log,
    group: 'sink',
    topic: STATE_TOPIC,
    decode: decodeJson,
    flush: { rows: 100, bytes: 1_000_000, ms: 20 },
    onInvalid: (_, reason) => Promise.reject(new Error(reason)),
    deadLetterLimits: { maxConsecutive: 0, maxRatio: 0 },
    metrics,
    logger: QUIET,
    backOff: { firstMs: 1, maxMs: 5 },
    epoch: 0,
    topicId: null,
    tombstoneRetentionMs: null,
    cleanup: { intervalMs: HOUR_MS, graceMs: HOUR_MS },
    ...options,
  });
  sink.done.catch(() => undefined);
  return { sink, metrics };
}

/** A state topic in memory: `null` is a tombstone, and a text is the state of a conversation. */
export function aStateTopic(partitions = 1): { readonly cluster: MemoryCluster; put: Put } {
  const cluster = createMemoryCluster({ partitions });
  return {
    cluster,
    put: async (...values) => {
      const producer = await cluster.connect().createProducer();
      await producer.send(
        values.map(([key, state]) => ({
          topic: STATE_TOPIC,
          key,
          value: state === null ? null : Buffer.from(JSON.stringify({ state })),
          timestamp: Date.UTC(2026, 0, 1),
        })),
      );
      await producer.close();
    },
  };
}
export type Put = (...values: readonly (readonly [key: string, state: string | null])[]) => Promise<void>;

/** The log without some records, as after a compaction. */
export function compacted(log: Log, isGone: (record: LogRecord) => boolean): Log {
  const kept = (records: readonly LogRecord[]) => records.filter((record) => !isGone(record));
  return {
    ...log,
    read: (request) =>
      log.read({
        ...request,
        onRecord: (record) => {
          if (!isGone(record)) request.onRecord(record);
        },
      }),
    subscribe: (subscription) =>
      log.subscribe({
        ...subscription,
        onRecords: (partition, records, nextOffset) => subscription.onRecords(partition, kept(records), nextOffset),
      }),
  };
}

/** Replaces the store's notes with one, of partition 0 in epoch 0, as if the sink had been away since. */
export async function noteWatermark(
  { store }: TestStore,
  { topic, version, watermark }: { readonly topic: string; readonly version: number; readonly watermark: number },
): Promise<void> {
  const progress = `\`${store.database}\`.queue_conversation_progress`;
  await store.client.command({ query: `TRUNCATE TABLE ${progress}` });
  await store.client.command({
    query:
      `INSERT INTO ${progress} (topic, partition, version, as_of) ` +
      `VALUES ('${topic}', 0, ${version}, fromUnixTimestamp64Milli(${watermark}, 'UTC'))`,
  });
}

/** Conversation → state, as users see it. */
export async function tableOf(tests: TestStore): Promise<Record<string, unknown>> {
  const rows = await tests.rows(`SELECT conversation_id, state FROM \`${tests.store.database}\`.queue_conversation`);
  return Object.fromEntries(rows.map((row) => [String(row['conversation_id']), row['state']]));
}

export async function until<T>(ask: () => Promise<T> | T, wanted: (value: T) => boolean): Promise<T> {
  for (let checks = 0; ; checks++) {
    const value = await ask();
    if (wanted(value)) return value;
    await pauseAfter(checks);
  }
}
