import { messageOf } from '../common';
import { QUEUE_CONVERSATION } from '../conversation';
import {
  createRowCodec,
  createVisitCodec,
  deadLetterRecord,
  headerOf,
  type LogProducer,
  type LogRecord,
  readVisitKey,
  reportStored,
  saysErased,
  TOMBSTONE_RETENTION_MS,
  unreadable,
} from '../log';
import type { CheckResult, Received } from '../ops';
import { claimEpoch, createTranscoder, HISTORY_TABLE, type Store, VISIT_TABLE } from '../store';
import { type RoleParts, watchLoop } from '../wiring';
import type { DecodedRecord, SinkOptions } from './options';
import { createSink, type RunningSink } from './sink';

export type TopicSinkOptions = Required<Pick<SinkOptions, 'about' | 'begin' | 'group'>>;

/** The sink of one topic, with its own producer. */
export interface TopicSink {
  readonly sink: RunningSink;
  readonly live: () => CheckResult;
  stop(): Promise<void>;
}

type Parts = RoleParts & { readonly store: Store };
type Reader = Required<Pick<SinkOptions, 'prepare' | 'decode'>> & Pick<SinkOptions, 'transcode'>;

/**
 * A batch ends at the limit that it reaches first. ClickHouse makes a part of each batch. Larger batches gain nothing,
 * and more would have to be sent again after an error. How old its first row may become is a setting (SINK_FLUSH_MS).
 */
const FLUSH_ROWS = 10_000;
const FLUSH_BYTES = 8 * 1024 * 1024;
/**
 * How long an ended conversation stays in the state table as a tombstone. A sink that can store nothing for half of it
 * ends. A constant, because all sinks of a database need the same.
 */
const CLEANUP_GRACE_MS = 60 * 60_000;
const CLEANUP_INTERVAL_MS = 10 * 60_000;

/**
 * Joins the group and stores what the topic has.
 * @throws AwayError when Kafka or the registry does not answer, OperatorError where the topic is missing
 */
export async function startTopicSink(parts: Parts, { about, group, begin }: TopicSinkOptions): Promise<TopicSink> {
  const { config, logger, metrics, log, topics, store, tracing } = parts;
  const topic = about === 'visits' ? topics.visits : topics.state;
  await log.reach([topic, topics.deadLetters]);
  const reader = about === 'visits' ? await visitReader(parts) : await rowReader(parts);
  const id = await log.topicId(topic);
  if (id === null)
    logger.info({ topic }, 'Kafka has no topic ids, so the sink does not notice if the topic is recreated');
  const epoch = await claimEpoch(store, { topic, id });
  const producer = await log.createProducer();
  const place = { table: about === 'visits' ? VISIT_TABLE : HISTORY_TABLE, database: store.database };
  const sink = await createSink({
    ...{ store, log, group, begin, topic, about, epoch, metrics, logger },
    ...reader,
    onInvalid: deadLettersInto(producer, parts),
    deadLetterLimits: config.deadLetters,
    // A visit comes from the same event as its row, which is already counted.
    ...(about === 'visits' ? {} : { receivedOf }),
    onStored: tracing && ((batch) => reportStored(tracing, batch, { group, ...place })),
    flush: { ms: config.sink.flushMs, rows: FLUSH_ROWS, bytes: FLUSH_BYTES },
    topicId: id,
    keptMs: config.clickhouse.historyRetentionMs,
    tombstoneRetentionMs: about === 'visits' ? null : await tombstoneRetention(parts),
    cleanup: { intervalMs: CLEANUP_INTERVAL_MS, graceMs: CLEANUP_GRACE_MS },
  });
  const loop = watchLoop({ log, topic, turns: () => sink.turns(), logger });
  return {
    sink,
    live: loop.live,
    stop: async () => {
      loop.stop();
      await sink.stop();
      await producer.close();
    },
  };
}

/** How the sink reads rows. */
export async function rowReader({ schemas, topics }: Pick<Parts, 'schemas' | 'topics'>): Promise<Reader> {
  const rows = await createRowCodec(schemas, topics);
  const transcode = createTranscoder(QUEUE_CONVERSATION);
  return {
    prepare: (values) => rows.prepare(values),
    transcode: ({ key, value }) => {
      const from = key === null || value === null ? null : rows.ownAvroAt(value);
      return from === null || value === null ? null : transcode(value, from);
    },
    decode: (record): DecodedRecord => {
      if (record.key === null) return { kind: 'invalid', reason: 'no-key', message: 'a state record without a key' };
      if (record.value === null) {
        return { kind: 'tombstone', conversationId: record.key.toString(), erased: saysErased(record) };
      }
      const decoded = rows.decode(record.value);
      return decoded.ok ? { kind: 'row', row: decoded.value } : { kind: 'invalid', ...decoded };
    },
  };
}

async function visitReader({ schemas, topics }: Parts): Promise<Reader> {
  const visits = await createVisitCodec(schemas, topics);
  return {
    prepare: (values) => visits.prepare(values),
    decode: ({ key, value }): DecodedRecord => {
      if (key === null)
        return { kind: 'invalid', reason: 'no-key', message: 'a record of the visits topic without a key' };
      if (value !== null) {
        const decoded = visits.decode(value);
        return decoded.ok ? { kind: 'visit', visit: decoded.value } : { kind: 'invalid', ...decoded };
      }
      const visit = readVisitKey(key.toString());
      // Only an erasure writes a tombstone there.
      return visit === null
        ? { kind: 'invalid', reason: 'no-key', message: 'a tombstone whose key is not the key of a visit' }
        : { kind: 'tombstone', conversationId: visit.conversation_id, erased: true };
    },
  };
}

function deadLettersInto(producer: LogProducer, { topics, metrics, logger }: Parts): SinkOptions['onInvalid'] {
  return async (record, reason, message) => {
    metrics.deadLetters.inc({ stage: 'sink', reason });
    const { topic, partition, offset, key, value } = record;
    logger.error({ topic, partition, offset, reason }, 'the sink sent a record to the dead letters');
    const origin = { topic, partition, offset };
    const body = unreadable(value);
    await producer.send([deadLetterRecord(topics.deadLetters, { stage: 'sink', reason, message, key, origin, body })]);
  };
}

/** The state topic's time is the receive time. A row that a deadline closed belongs to no event, and so to no trace. */
export function receivedOf(record: LogRecord): readonly Received[] {
  const traceparent = headerOf(record, 'traceparent');
  return traceparent === undefined ? [] : [{ at: record.timestamp, traceparent }];
}

/** The retention by the broker, or the one that `setup` sets if this user may not ask. */
async function tombstoneRetention({ log, topics, logger }: Parts): Promise<number | null> {
  try {
    return await log.tombstoneRetentionMs(topics.state);
  } catch (error) {
    logger.warn(
      { error: messageOf(error), assumedMs: TOMBSTONE_RETENTION_MS },
      'the sink cannot read delete.retention.ms of the state topic. Is DescribeConfigs permitted?',
    );
    return TOMBSTONE_RETENTION_MS;
  }
}
