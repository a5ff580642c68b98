import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { QueueConversation } from '../../src/conversation';
import { openEmbeddedClickHouse } from '../../src/embedded';
import { createKafkaLog, createLocalSchemas, createRowCodec, partitionOf, type TopicNames } from '../../src/log';
import { createMetrics } from '../../src/ops';
import { cleanUp } from '../../src/sink/cleanup';
import { createSink } from '../../src/sink/sink';
import { connectStore, createWriter, migrate, type Store, type StoreRow } from '../../src/store';
import { aRow } from '../support/conversation/rows';
import { heard, report } from './child';
import { connectionTo, PARTITIONS } from './cluster';
import { logWithCommit } from './log-with-commit';
import { measureQueries, type QueryFigures } from './store-queries';

export interface StoreProcessArgs {
  readonly brokers: readonly string[];
  readonly topics: TopicNames;
  readonly folder: string;
  readonly ended: number;
  /** The conversations in the queried history. */
  readonly conversations: number;
}

export interface StoreReports {
  readonly done: StoreFigures;
}

export interface StoreFigures extends QueryFigures {
  /** From the call of `send` for a state record to the answer to its INSERT; after that a query shows the record. */
  readonly visibleP50Ms: number;
  readonly visibleP99Ms: number;
  readonly ended: number;
  /** The state table with a row and a tombstone of each ended conversation. */
  readonly before: TableSize;
  readonly cleanupMs: number;
  readonly after: TableSize;
  readonly historyBytesPerConversation: number;
}

export interface TableSize {
  readonly rows: number;
  readonly bytes: number;
  readonly parts: number;
}

const PER_SECOND = 1_000;
const TICK_MS = 10;
const WARM_UP_MS = 10_000;
const MEASURED_MS = 20_000;
/** The values of `queuefold start`. */
const FLUSH = { rows: 10_000, bytes: 8 * 1024 * 1024, ms: 250 };
const BATCH = 10_000;
const DAY_MS = 86_400_000;

async function main({ brokers, topics, folder, ended, conversations }: StoreProcessArgs): Promise<void> {
  const ending = heard('end');
  const engine = await openEmbeddedClickHouse({ dataDir: folder });
  const store = connectStore({ connection: engine.connection(), database: 'bench_store', where: engine.path });
  await migrate(store.client, { database: store.database, dryRun: false });
  const visible = await measureVisibility(brokers, topics, store);
  await empty(store);
  const cleanup = await measureCleanup(store, ended);
  await empty(store);
  const queries = await measureQueries(store, conversations, createMetrics());
  const figures: StoreFigures = { ...visible, ...cleanup, ...queries };
  report('done', figures);
  await ending;
  await store.close();
  await engine.close();
  process.exit(0);
}

async function empty({ client, database }: Store): Promise<void> {
  for (const table of ['state', 'history', 'lives']) {
    await client.command({ query: `TRUNCATE TABLE ${database}.queue_conversation_${table}` });
  }
}

async function measureVisibility(brokers: readonly string[], topics: TopicNames, store: Store) {
  const connection = connectionTo(brokers);
  const log = createKafkaLog(connection);
  const codec = await createRowCodec(createLocalSchemas(), topics);
  const sentAt = new Map<string, number>();
  const storedTo = new Map<number, number>();
  const latencies: number[] = [];
  const source = logWithCommit(log, (commit) => (offsets) => {
    // Called when the rows below are stored, before the commit itself.
    const now = performance.now();
    for (const { partition, offset } of offsets) {
      for (let at = storedTo.get(partition) ?? 0; at < offset; at++) {
        const sent = sentAt.get(`${partition}-${at}`);
        if (sent !== undefined) latencies.push(now - sent);
      }
      storedTo.set(partition, offset);
    }
    return commit(offsets);
  });
  const sink = await createSink({
    store,
    log: source,
    group: topics.sinkGroup,
    topic: topics.state,
    prepare: (values) => codec.prepare(values),
    decode: ({ key, value }) => {
      const decoded = codec.decode(value ?? Buffer.alloc(0));
      return decoded.ok ? { kind: 'row', row: decoded.value } : { kind: 'tombstone', conversationId: String(key) };
    },
    flush: FLUSH,
    onInvalid: (_record, reason) => Promise.reject(new Error(reason)),
    deadLetterLimits: { maxConsecutive: 0, maxRatio: 0 },
    epoch: 0,
    topicId: await log.topicId(topics.state),
    tombstoneRetentionMs: DAY_MS,
    cleanup: { intervalMs: 5_000, graceMs: DAY_MS },
    metrics: createMetrics(),
    logger: connection.logger,
  });
  while (!sink.ready()) await sleep(50);
  const producer = await log.createProducer();
  const rows = Array.from({ length: 2_000 }, aConversation);
  const nextOffsets = new Map<number, number>();
  const started = performance.now();
  let sent = 0;
  for (let elapsed = 0; elapsed < WARM_UP_MS + MEASURED_MS; elapsed = performance.now() - started) {
    const due = Math.floor((elapsed * PER_SECOND) / 1000);
    const now = performance.now();
    const records = [];
    for (; sent < due; sent++) {
      const row = rows[sent % rows.length] ?? aConversation();
      const partition = partitionOf(row.conversation_id, PARTITIONS);
      const offset = nextOffsets.get(partition) ?? 0;
      nextOffsets.set(partition, offset + 1);
      if (elapsed >= WARM_UP_MS) sentAt.set(`${partition}-${offset}`, now);
      records.push({ topic: topics.state, key: row.conversation_id, value: codec.encode(row) });
    }
    void producer.send(records);
    await sleep(TICK_MS);
  }
  while (latencies.length < sentAt.size) await sleep(50);
  await sink.stop();
  await log.close();
  latencies.sort((a, b) => a - b);
  const quantile = (q: number): number => latencies[Math.floor(q * (latencies.length - 1))] ?? NaN;
  return { visibleP50Ms: quantile(0.5), visibleP99Ms: quantile(0.99) };
}

async function measureCleanup(store: Store, ended: number) {
  const { logger } = connectionTo([]);
  const metrics = createMetrics();
  const writer = createWriter({ store, metrics, logger });
  const { signal } = new AbortController();
  for (let done = 0; done < ended; done += BATCH) {
    const rows = Array.from({ length: Math.min(BATCH, ended - done) }, aConversation);
    const upserts = rows.map((row, i): StoreRow => ({ kind: 'row', row, partition: 0, offset: 2 * done + i }));
    const tombstones = rows.map((row, i): StoreRow => {
      const { conversation_id: conversationId, db_last_updated: timestamp } = row;
      return { kind: 'tombstone', conversationId, timestamp, partition: 0, offset: 2 * done + BATCH + i };
    });
    await writer.insert(upserts, signal);
    await writer.insert(tombstones, signal);
  }
  await sleep(1_100); // _ingested_at counts seconds
  const before = await sizeOf(store, 'queue_conversation_state');
  const history = await sizeOf(store, 'queue_conversation_history');
  const started = performance.now();
  const removed = await cleanUp({ store, graceMs: 0, intervalMs: DAY_MS, metrics, logger });
  const cleanupMs = performance.now() - started;
  if (removed !== ended) throw new Error(`${String(removed)} of ${ended} were cleaned up`);
  // Deleted rows are masked; the next merge, that of the next clean-up, drops them.
  await store.client.command({ query: `OPTIMIZE TABLE ${store.database}.queue_conversation_state FINAL` });
  const after = await sizeOf(store, 'queue_conversation_state');
  return { ended, before, cleanupMs, after, historyBytesPerConversation: history.bytes / ended };
}

async function sizeOf({ client, database }: Store, table: string): Promise<TableSize> {
  const result = await client.query({
    query:
      'SELECT toUInt32(sum(rows)) AS rows, toUInt32(sum(bytes_on_disk)) AS bytes, toUInt32(count()) AS parts ' +
      `FROM system.parts WHERE active AND database = '${database}' AND table = '${table}'`,
    format: 'JSONEachRow',
  });
  const [size] = await result.json<TableSize>();
  return size ?? { rows: 0, bytes: 0, parts: 0 };
}

/** With ids that do not compress, like real ones. */
function aConversation(): QueueConversation {
  const session = randomUUID();
  const now = Date.now();
  return aRow({
    conversation_id: randomUUID(),
    participant_id: randomUUID(),
    session_id: session,
    communication_id: session,
    ...{ db_last_updated: now, db_when_created: now, connected_time: now, queue_connected_time: now },
  });
}

void main(JSON.parse(process.argv[2] ?? '{}') as StoreProcessArgs);
