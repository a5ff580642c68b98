import type { QueueConversation } from '../conversation';
import { createRowCodec, type LogRecord } from '../log';
import { claimEpoch, type Store } from '../store';
import type { RoleParts } from '../wiring';
import { compareTable, type Compacted } from './comparison';
import { startSinkRole } from './role';

export interface RebuildOptions extends RoleParts {
  readonly store: Store;
  /** How many of all offsets of the topic are stored. */
  readonly onProgress: (stored: number, all: number) => void;
  /** Aborts the rebuild where it is. */
  readonly signal: AbortSignal;
}

export interface RebuildResult {
  readonly topic: string;
  readonly epoch: number;
  readonly liveRows: number;
  /** The differences between the table and the compacted topic. Empty: they are equal. */
  readonly differences: readonly string[];
}

const POLL_MS = 250;

/**
 * Reads the compacted topic from its beginning into the tables and compares the two. It uses a sink with a group of its
 * own, so live sinks may run beside it. It also fills names, and visits as far as their topic reaches, without
 * comparing them. Returns null if it was stopped.
 */
export async function rebuild(options: RebuildOptions): Promise<RebuildResult | null> {
  const { log, topics, store, signal, onProgress } = options;
  const ends = await log.endOffsets(topics.state);
  const all = sum(ends.values());
  const groups = { state: topics.rebuildGroup, visits: topics.visitRebuildGroup };
  const sink = await startSinkRole(options, { groups, begin: 'beginning' });
  const visitEnds = sink.visitsStored() === null ? new Map<number, number>() : await log.endOffsets(topics.visits);
  const failed = sink.done.then(() => undefined);
  failed.catch(() => undefined); // raced below
  const names = { tried: false };
  void sink.namesTried.then(() => (names.tried = true));
  try {
    for (;;) {
      const stored = sink.stored();
      const storedOf = (partition: number, end: number) => Math.min(stored.get(partition) ?? 0, end);
      const visits = sink.visitsStored();
      const hasVisits = [...visitEnds].every(([partition, end]) => end === 0 || (visits?.get(partition) ?? 0) >= end);
      onProgress(sum([...ends].map(([partition, end]) => storedOf(partition, end))), all);
      if (names.tried && hasVisits && [...ends].every(([partition, end]) => storedOf(partition, end) === end)) break;
      if (signal.aborted) return null;
      await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, POLL_MS))]);
    }
  } finally {
    await sink.stop();
  }
  const epoch = await claimEpoch(store, { topic: topics.state, id: await log.topicId(topics.state) });
  const compacted = await readCompacted(options, ends);
  const differences = await compareTable(store, epoch, compacted);
  return { topic: topics.state, epoch, liveRows: compacted.rows.size, differences };
}
function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const one of numbers) total += one;
  return total;
}

/** The content of the topic up to the ends. */
async function readCompacted(
  { log, schemas, topics, logger }: RoleParts,
  ends: ReadonlyMap<number, number>,
): Promise<Compacted> {
  const codec = await createRowCodec(schemas, topics);
  const latest = new Map<string, LogRecord>();
  const newer = new Set<string>();
  const reading = await log.read({
    topics: [topics.state],
    follow: false,
    onRecord: (record) => {
      const key = record.key?.toString();
      if (key === undefined) return;
      if (record.offset >= (ends.get(record.partition) ?? 0)) newer.add(key);
      else if (record.value === null) latest.delete(key);
      else latest.set(key, record);
    },
  });
  await reading.caughtUp;
  await reading.stop();
  await codec.prepare([...latest.values()].map(({ value }) => value));
  const rows = new Map<string, { readonly row: QueueConversation; readonly offset: number }>();
  for (const [key, record] of latest) {
    const decoded = record.value === null ? null : codec.decode(record.value);
    if (decoded === null) continue;
    if (decoded.ok) rows.set(key, { row: decoded.value, offset: record.offset });
    else {
      const { topic, partition, offset } = record;
      logger.error(
        { topic, partition, offset, reason: decoded.reason },
        'the rebuild cannot read a state record and does not compare it',
      );
      newer.add(key);
    }
  }
  return { ends, rows, newer };
}
