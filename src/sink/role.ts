import { messageOf } from '../common';
import {
  createNameCodec,
  createRowCodec,
  deadLetterRecord,
  type LogRecord,
  reportStored,
  saysErased,
  TOMBSTONE_RETENTION_MS,
  unreadable,
} from '../log';
import type { Received, SinkDeadLetterReason } from '../ops';
import { claimEpoch, HISTORY_TABLE, type Store } from '../store';
import { logAnswers, type RoleParts, type RunningRole, storeAnswers, watchLoop } from '../wiring';
import { followNames } from './names';
import type { DecodedRecord } from './options';
import { createSink } from './sink';

export interface RunningSinkRole extends RunningRole {
  /** Per partition the offset below which every record is stored or in the dead letters. */
  stored(): ReadonlyMap<number, number>;
  /** @see RunningNames.tried */
  readonly namesTried: Promise<void>;
}

export interface SinkRoleOptions {
  readonly group?: string;
  readonly begin?: 'noted' | 'anew';
  /** Default `followed`; a replay has none. */
  readonly names?: 'followed' | 'left-out';
}

/**
 * A batch ends at whichever of them comes first. ClickHouse makes a part of each: larger ones gain nothing any more, and
 * are the more to be sent again after an error. How old its first row may become is a setting (SINK_FLUSH_MS).
 */
const FLUSH_ROWS = 10_000;
const FLUSH_BYTES = 8 * 1024 * 1024;
/** Ended conversations wait for SINK_CLEANUP_GRACE, which is 10 minutes at least: looking more often finds nothing new. */
const CLEANUP_INTERVAL_MS = 10 * 60_000;

/** The sink: the state topic into ClickHouse, at least once, made exact by versions. */
export async function startSinkRole(
  parts: RoleParts & { readonly store: Store },
  { group = parts.topics.sinkGroup, begin = 'noted', names = 'followed' }: SinkRoleOptions = {},
): Promise<RunningSinkRole> {
  const { config, logger, metrics, log, schemas, topics, store, tracing } = parts;
  await log.reach([topics.state, topics.deadLetters]);
  const rows = await createRowCodec(schemas, topics);
  const producer = await log.createProducer();

  const decode = (record: LogRecord): DecodedRecord => {
    if (record.key === null) return { kind: 'invalid', reason: 'no-key', message: 'a state record without a key' };
    if (record.value === null) {
      return { kind: 'tombstone', conversationId: record.key.toString(), erased: saysErased(record) };
    }
    const decoded = rows.decode(record.value);
    return decoded.ok ? { kind: 'row', row: decoded.value } : { kind: 'invalid', ...decoded };
  };

  const onInvalid = async (record: LogRecord, reason: SinkDeadLetterReason, message: string): Promise<void> => {
    metrics.deadLetters.inc({ stage: 'sink', reason });
    const { topic, partition, offset, key, value } = record;
    logger.error({ topic, partition, offset, reason }, 'a state record went to the dead letters');
    const origin = { topic, partition, offset };
    const body = unreadable(value);
    await producer.send([deadLetterRecord(topics.deadLetters, { stage: 'sink', reason, message, key, origin, body })]);
  };

  const { flushMs, cleanupGraceMs } = config.sink;
  const identity = { topic: topics.state, id: await log.topicId(topics.state) };
  if (identity.id === null) logger.info('the log tells no topic ids: a state topic that is made anew is not noticed');
  const place = { table: HISTORY_TABLE, database: store.database };
  const sink = await createSink({
    store,
    log,
    group,
    begin,
    topic: topics.state,
    prepare: (values) => rows.prepare(values),
    decode,
    onInvalid,
    deadLetterLimits: config.deadLetters,
    receivedOf,
    onStored: tracing && ((batch) => reportStored(tracing, batch, { group, ...place })),
    flush: { ms: flushMs, rows: FLUSH_ROWS, bytes: FLUSH_BYTES },
    epoch: await claimEpoch(store, identity),
    topicId: identity.id,
    tombstoneRetentionMs: await tombstoneRetention(parts),
    cleanup: { intervalMs: CLEANUP_INTERVAL_MS, graceMs: cleanupGraceMs },
    metrics,
    logger,
  });
  const reachStore = storeAnswers(store);
  const loop = watchLoop({ log, topic: topics.state, turns: sink.turns, logger });
  const following = names === 'followed' ? followNamesOf(parts) : null;
  return {
    name: 'sink',
    live: loop.live,
    ready: {
      kafka: logAnswers(log, topics.state),
      clickhouse: async () => {
        const { available, error } = sink.state();
        if (!available) return { ok: false, ...(error === null ? {} : { detail: error }) };
        // There may be nothing to store for hours, which would tell nothing of ClickHouse.
        return reachStore();
      },
      partitions: () => {
        const ok = sink.ready();
        const why = sink.state().available ? 'not in its group: is Kafka away?' : 'waits for ClickHouse';
        return ok ? { ok } : { ok, detail: why };
      },
    },
    done: sink.done,
    stored: sink.stored,
    namesTried: following?.tried ?? Promise.resolve(),
    stop: async () => {
      loop.stop();
      await following?.stop();
      await sink.stop();
      await producer.close();
    },
  };
}

function followNamesOf({ log, schemas, topics, store, metrics, logger }: RoleParts & { readonly store: Store }) {
  return followNames({
    ...{ store, log, topic: topics.names, metrics, logger },
    codec: async () => {
      const { prepare, decode } = await createNameCodec(schemas, topics);
      return {
        prepare,
        decode: (value) => {
          const decoded = decode(value);
          return decoded.ok ? { kind: 'name', name: decoded.value } : { kind: 'invalid', message: decoded.message };
        },
      };
    },
  });
}

/** The state topic's time is the receive time. A row that a deadline closed belongs to no event, and so to no trace. */
export function receivedOf({ timestamp, headers: { traceparent } }: LogRecord): readonly Received[] {
  return traceparent === undefined ? [] : [{ at: timestamp, traceparent }];
}

/** As the broker says; as `setup` makes it, where asking is not permitted. */
async function tombstoneRetention({ log, topics, logger }: RoleParts): Promise<number | null> {
  try {
    return await log.tombstoneRetentionMs(topics.state);
  } catch (error) {
    logger.warn(
      { error: messageOf(error), assumedMs: TOMBSTONE_RETENTION_MS },
      'delete.retention.ms of the state topic is not to be had; is DescribeConfigs permitted?',
    );
    return TOMBSTONE_RETENTION_MS;
  }
}
