import { setTimeout as sleep } from 'node:timers/promises';
import { OperatorError } from '../common';
import type { LogRecord } from '../log';
import { type Anchor, currentEpoch, renewEpoch } from '../store';
import { conversationOf, NOTING, type SinkOptions } from './options';
import { topicRecreated } from './topic-guard';

export interface TopicCheckOptions extends Pick<
  SinkOptions,
  'store' | 'topic' | 'topicId' | 'epoch' | 'prepare' | 'decode' | 'noting'
> {
  readonly log: Pick<SinkOptions['log'], 'read' | 'endOffsets' | 'topicId'>;
}

/**
 * Checks whether the topic still has the records that were stored. A topic that was restored from an older copy has
 * other records at the offsets of stored ones. It then gets another epoch in the store, so the next sink reads it from
 * its beginning and brings the tables to it.
 */
export interface TopicCheck {
  /**
   * Checks that the topic does not end before these offsets, one for each partition. Returns where it ends.
   * @throws OperatorError if it ends earlier for half a minute; any error of the log
   */
  reaches(offsets: ReadonlyMap<number, number>, signal: AbortSignal): Promise<ReadonlyMap<number, number>>;
  /**
   * Checks that the topic has records of the same conversations at the places of these rows.
   * @throws OperatorError if it has others; any error of the log
   */
  hasSame(rows: readonly Anchor[], signal: AbortSignal): Promise<void>;
  /** @throws OperatorError if another sink has given the topic another epoch */
  hasEpoch(): Promise<void>;
}

const LOOK_MS = 500;
/** How long a new leader of a partition may show fewer records than were acknowledged. */
const CONFIRM_MS = 30_000;

export function createTopicCheck(options: TopicCheckOptions): TopicCheck {
  const { log, store, topic, topicId, epoch, prepare, decode } = options;
  const confirmMs = Math.min(CONFIRM_MS, (options.noting ?? NOTING).confirmMs);

  const end = async (what: string): Promise<never> => {
    if (topicId === null) {
      throw new OperatorError(
        `${what}. The topic was restored from an older copy, or recreated on a Kafka without topic ids (before 2.8). ` +
          `Choose another CLICKHOUSE_DATABASE, or drop ${store.database}, and run queuefold setup.`,
      );
    }
    if ((await log.topicId(topic)) !== topicId) throw topicRecreated(topic);
    await renewEpoch(store, { topic, id: topicId }, epoch);
    throw new OperatorError(
      `${what}. The topic was restored from an older copy. Start the sink again: it then reads ${topic} from the ` +
        'beginning and brings the table to it.',
    );
  };

  return {
    reaches: async (offsets, signal) => {
      // The caller's offsets grow. One that was reached after the ends were asked for may lie behind them.
      const reached = [...offsets];
      for (const from = performance.now(); ;) {
        const ends = await log.endOffsets(topic);
        const short = reached.find(([partition, offset]) => offset > (ends.get(partition) ?? 0));
        if (short === undefined) return ends;
        const [partition, offset] = short;
        if (performance.now() - from >= confirmMs) {
          const place = `${topic}/${partition} ends at offset ${ends.get(partition) ?? 0}`;
          await end(`${place}, but ClickHouse database ${store.database} holds it up to ${offset}`);
        }
        await sleep(LOOK_MS, undefined, { signal });
      }
    },
    hasSame: async (rows, signal) => {
      // Somebody may have written another row into the table by hand.
      const known = new Set(rows.map((row) => `${placeOf(row)} ${row.conversationId}`));
      const records = await recordsAt(options, rows, signal);
      await prepare?.(records.map(({ value }) => value));
      for (const record of records) {
        const decoded = decode(record);
        if (decoded.kind === 'invalid' || known.has(`${placeOf(record)} ${conversationOf(decoded)}`)) continue;
        const place = `${topic}/${record.partition} has another record at offset ${record.offset}`;
        await end(`${place} than ClickHouse database ${store.database}`);
      }
    },
    hasEpoch: async () => {
      const current = await currentEpoch(store, { topic, id: topicId });
      if (current === null || current === epoch) return;
      throw new OperatorError(
        `${topic} now has epoch ${current} in ClickHouse database ${store.database}, not ${epoch} as when this sink began: ` +
          'another sink found that the topic was restored from an older copy. Start the sink again: it then reads the topic from the beginning.',
      );
    },
  };
}

const placeOf = ({ partition, offset }: Pick<LogRecord, 'partition' | 'offset'>): string => `${partition} ${offset}`;

/** The records that the topic still has at the places of these rows. */
async function recordsAt(
  { log, topic }: TopicCheckOptions,
  rows: readonly Anchor[],
  signal: AbortSignal,
): Promise<readonly LogRecord[]> {
  const first = offsetsOf(rows, Math.min);
  if (first.size === 0) return [];
  const last = offsetsOf(rows, Math.max);
  const wanted = new Set(rows.map(placeOf));
  const records: LogRecord[] = [];
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  signal.addEventListener('abort', finish, { once: true });
  const reading = await log.read({
    ...{ topics: [topic], from: first, follow: false },
    onRecord: (record) => {
      if (wanted.has(placeOf(record))) records.push(record);
      if (record.offset >= (last.get(record.partition) ?? Infinity)) last.delete(record.partition);
      if (last.size === 0) finish();
    },
  });
  try {
    await Promise.race([reading.caughtUp, finished]);
  } finally {
    signal.removeEventListener('abort', finish);
    await reading.stop();
  }
  signal.throwIfAborted();
  return records;
}

/** One offset of each partition. */
function offsetsOf(rows: readonly Anchor[], choose: (a: number, b: number) => number): Map<number, number> {
  const offsets = new Map<number, number>();
  for (const { partition, offset } of rows) offsets.set(partition, choose(offsets.get(partition) ?? offset, offset));
  return offsets;
}
