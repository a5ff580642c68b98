import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../../src/config';
import { DEFAULT_FOLD_SETTINGS, DEFAULT_LIMITS } from '../../../src/conversation';
import { startFold } from '../../../src/fold';
import { createIngest } from '../../../src/ingest';
import {
  createEventCodec,
  createLocalSchemas,
  createMemoryCluster,
  createRowCodec,
  type Log,
  type LogRecord,
  type RunningSubscription,
  topicNames,
} from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { startSinkRole } from '../../../src/sink';
import { storeForTests } from '../../support/clickhouse/store';
import { QUIET } from '../../support/clickhouse/store-rows';
import { ingestOptions } from '../../support/ingest/ingest-options';

export const PARTITIONS = 2;
const PATIENCE_MS = 120_000;

export type InputPipeline = Awaited<ReturnType<typeof openInputPipeline>>;

/** Intake, fold and sink as they are, on a log in memory and a real ClickHouse. */
export async function openInputPipeline() {
  const topics = topicNames('fuzz');
  const schemas = createLocalSchemas();
  const store = await storeForTests();
  const config = loadConfig({
    env: { SINK_FLUSH_MS: '20', DLQ_MAX_CONSECUTIVE: '0', DLQ_MAX_RATIO: '0', TOPIC_PREFIX: topics.prefix },
  });
  const metrics = createMetrics();
  const log = connectMemoryLog(topics);
  const [events, rows] = await Promise.all([createEventCodec(schemas, topics), createRowCodec(schemas, topics)]);
  const ingest = createIngest(await ingestOptions({ topics, events }));
  const producer = await log.createProducer();
  const tasks = await startFold({
    ...{ log, schemas, topics, metrics, timers: false },
    settings: { ...DEFAULT_FOLD_SETTINGS, limits: DEFAULT_LIMITS },
    deadLetterLimits: config.deadLetters,
  });
  const sink = await startSinkRole(
    { config, logger: QUIET, metrics, log, schemas, topics, store: store.store },
    { names: 'left-out' },
  );
  const failure = Promise.race([tasks.done, sink.done]).then(() => {
    throw new Error('fold or sink has stopped');
  });
  failure.catch(() => undefined);
  const followers: RunningSubscription[] = [];

  const until = async (what: string, isSo: () => boolean): Promise<void> => {
    const waiting = async (): Promise<void> => {
      const end = Date.now() + PATIENCE_MS;
      while (!isSo()) {
        if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
        await sleep(5);
      }
    };
    await Promise.race([waiting(), failure]);
  };

  return {
    ...{ topics, ingest, events, rows, producer, until },
    endOffsets: (topic: string) => log.endOffsets(topic),
    /** Sees every record of the topic from now on; what was seen leaves the log. */
    follow: async (topic: string, see: (record: LogRecord) => void): Promise<void> => {
      followers.push(await follow(log, topic, see));
    },
    /** The ids among these that have a row. */
    rowsOf: async (ids: readonly string[]): Promise<readonly string[]> => {
      const list = ids.map((id) => `'${id}'`).join();
      const found = await store.rows(
        `SELECT conversation_id FROM ${store.store.database}.queue_conversation WHERE conversation_id IN (${list})`,
      );
      return found.map((row) => String(row['conversation_id']));
    },
    folded: async (): Promise<void> => {
      const ends = await log.endOffsets(topics.events);
      await until('the fold has read all events', () =>
        tasks.status().every(({ partition, nextOffset }) => (nextOffset ?? -1) >= (ends.get(partition) ?? 0)),
      );
    },
    stored: async (): Promise<void> => {
      const has = (stored: ReadonlyMap<number, number> | null, ends: ReadonlyMap<number, number>): boolean =>
        [...ends].every(([partition, end]) => end === 0 || (stored?.get(partition) ?? 0) >= end);
      const rows = await log.endOffsets(topics.state);
      await until('the sink has stored all rows', () => has(sink.stored(), rows));
      const visits = await log.endOffsets(topics.visits);
      await until('the sink has stored all visits', () => has(sink.visitsStored(), visits));
    },
    close: async (): Promise<void> => {
      for (const follower of followers) await follower.stop();
      await sink.stop();
      await tasks.stop();
      await producer.close();
      await log.close();
      await store.close();
    },
  };
}

/** Keeps what nobody has read yet, and of the changelog what is latest. */
function connectMemoryLog(topics: ReturnType<typeof topicNames>): Log {
  const cluster = createMemoryCluster({
    partitions: PARTITIONS,
    topics: {
      [topics.events]: { retention: 'consumed' },
      [topics.state]: { retention: 'consumed' },
      [topics.visits]: { retention: 'consumed' },
      [topics.changelog]: { retention: 'latest' },
      [topics.deadLetters]: { retention: 'consumed' },
    },
    maxAhead: 1_000_000,
  });
  return cluster.connect();
}

async function follow(log: Log, topic: string, see: (record: LogRecord) => void): Promise<RunningSubscription> {
  const running = await log.subscribe({
    group: `follows-${topic}`,
    topic,
    onAssigned: () => Promise.resolve(new Map()),
    onRevoked: () => undefined,
    onRecords: (partition, records, nextOffset) => {
      records.forEach(see);
      void running.commit([{ partition, offset: nextOffset }]);
    },
  });
  return running;
}
