import { setTimeout as sleep } from 'node:timers/promises';
import { type DeadLetterLimits, LONGEST_TIMER_MS } from '../common';
import type { FoldChoices, InputLimits, Limits, PrivacyMask, QueueVisit, StateRecord } from '../conversation';
import { startFold } from '../fold';
import { createIngest, type Ingest, type OriginatedLine, readInput } from '../ingest';
import {
  createEventCodec,
  createRowCodec,
  createVisitCodec,
  type Log,
  type LogProducer,
  type OutRecord,
  readStateRecord,
  readVisitRecord,
  type RunningTasks,
  type SchemaSource,
  type TopicNames,
} from '../log';
import type { Metrics } from '../ops';
import { startTopicReader, type TopicReader } from './topic-reader';

export interface ReplayOptions {
  readonly log: Log;
  readonly schemas: SchemaSource;
  readonly topics: TopicNames;
  readonly settings: FoldChoices;
  readonly limits: Limits;
  readonly input: InputLimits;
  readonly mask: PrivacyMask | null;
  readonly deadLetterLimits: DeadLetterLimits;
  readonly metrics: Metrics;
  readonly lines: AsyncIterable<OriginatedLine>;
  /** The receive time if a line carries none, epoch ms. */
  readonly now: number;
  /** How many times as fast as the events were received. Null: as fast as possible. */
  readonly speed: number | null;
  /** Every record of the state topic, in the order of the log. */
  readonly onRecord: (record: StateRecord) => Promise<void> | void;
  /** Gets every version of every visit. Null: nobody wants visits. */
  readonly onVisit: ((key: string, visit: QueueVisit) => void) | null;
  /** Called for a line that went to the dead letters. `message` contains nothing of its content. */
  readonly onInvalid: (origin: string, message: string) => void;
  readonly onProgress: (summary: ReplaySummary) => void;
  readonly signal: AbortSignal;
}

export interface ReplaySummary {
  readonly lines: number;
  readonly events: number;
  readonly skipped: number;
  readonly invalid: number;
  /** With closing rows. */
  readonly upserts: number;
  readonly tombstones: number;
  readonly elapsedMs: number;
  /** The last record of the state topic in each partition that has one. */
  readonly lastOffsets: ReadonlyMap<number, number>;
}

const SEND_AT_RECORDS = 500;
const SEND_AT_BYTES = 512 * 1024;
const PROGRESS_MS = 500;
const POLL_MS = 10;

/** Folds recorded events on the given log. It uses the ingest, topology and codecs of a live system, and no timers. */
export async function replay(options: ReplayOptions): Promise<ReplaySummary> {
  const { log, schemas, topics, signal } = options;
  const started = Date.now();
  const counts = { lines: 0, events: 0, skipped: 0, invalid: 0, upserts: 0, tombstones: 0 };
  const summary = (): ReplaySummary => ({
    ...counts,
    elapsedMs: Date.now() - started,
    lastOffsets: reader.lastOffsets(),
  });
  const ingest = createIngest({
    stage: 'replay',
    topics,
    events: await createEventCodec(schemas, topics),
    limits: options.limits,
    input: options.input,
    mask: options.mask,
  });

  const producer = await log.createProducer();
  const rows = await createRowCodec(schemas, topics);
  const reader = await startTopicReader({
    log,
    topic: topics.state,
    group: `${topics.prefix}-replay-state`,
    values: rows,
    onRecord: (read) => {
      const record = readStateRecord(read, rows);
      counts[record.row === null ? 'tombstones' : 'upserts']++;
      return options.onRecord(record);
    },
  });
  const visits = await startVisitReader(options);
  const tasks = await startFold({
    log,
    schemas,
    topics,
    settings: options.settings,
    deadLetterLimits: options.deadLetterLimits,
    metrics: options.metrics,
    timers: false,
  });
  const progress = setInterval(() => options.onProgress(summary()), PROGRESS_MS);

  const feed = async (): Promise<void> => {
    await sendLines(options, ingest, producer, counts);
    await folded(log, topics.events, tasks, signal);
    await reader.reached(await log.writtenOffsets(topics.state));
    await visits?.reached(await log.writtenOffsets(topics.visits));
  };

  try {
    await Promise.race([
      feed(),
      endedEarly(tasks.done),
      endedEarly(reader.done),
      endedEarly(visits?.done ?? tasks.done),
      aborted(signal),
    ]);
    return summary();
  } finally {
    clearInterval(progress);
    await tasks.stop();
    await reader.stop();
    await visits?.stop();
    await producer.close();
  }
}

/** Sends the events of all lines to the log, at the requested speed, and counts them. */
async function sendLines(
  options: ReplayOptions,
  ingest: Ingest,
  producer: LogProducer,
  counts: { lines: number; events: number; skipped: number; invalid: number },
): Promise<void> {
  const { signal } = options;
  const batch = createBatch(producer);
  const pace = createPace(options.speed, signal);
  for await (const { line, origin } of options.lines) {
    signal.throwIfAborted();
    for (const ingested of readInput(line, { ingest, origin, now: options.now, from: 'owner' })) {
      counts.lines++;
      if (ingested.kind === 'skip') counts.skipped++;
      else if (ingested.kind === 'event') counts.events++;
      else {
        counts.invalid++;
        options.onInvalid(origin, ingested.message);
      }
      if (ingested.kind === 'event' && pace !== null) {
        await batch.flush();
        await pace(ingested.event.receivedAt);
      }
      if (ingested.kind !== 'skip') await batch.add(ingested.record);
    }
  }
  await batch.flush();
}

async function startVisitReader({ log, schemas, topics, onVisit }: ReplayOptions): Promise<TopicReader | null> {
  if (onVisit === null) return null;
  const values = await createVisitCodec(schemas, topics);
  return startTopicReader({
    log,
    topic: topics.visits,
    group: `${topics.prefix}-replay-visits`,
    values,
    onRecord: (record) => onVisit(String(record.key), readVisitRecord(record, values)),
  });
}

function createBatch(producer: LogProducer): { add(record: OutRecord): Promise<void>; flush(): Promise<void> } {
  let records: OutRecord[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    if (records.length === 0) return;
    const sent = records;
    records = [];
    bytes = 0;
    await producer.send(sent);
  };
  return {
    flush,
    add: async (record) => {
      records.push(record);
      bytes += record.value?.length ?? 0;
      if (records.length >= SEND_AT_RECORDS || bytes >= SEND_AT_BYTES) await flush();
    },
  };
}

/**
 * Waits until an event is due, `speed` times as fast as it was received. It does not wait when receive times run back.
 */
function createPace(speed: number | null, signal: AbortSignal): ((receivedAt: number) => Promise<void>) | null {
  if (speed === null) return null;
  let origin: { readonly wall: number; readonly received: number } | null = null;
  return async (receivedAt) => {
    origin ??= { wall: Date.now(), received: receivedAt };
    const due = origin.wall + (receivedAt - origin.received) / speed;
    // A timer beyond 2^31 − 1 ms would be due at once.
    for (let dueIn = due - Date.now(); dueIn > 1; dueIn = due - Date.now()) {
      await sleep(Math.min(dueIn, LONGEST_TIMER_MS), undefined, { signal });
    }
  };
}

/** Resolves when the tasks have committed everything that the topic holds. */
async function folded(log: Log, topic: string, tasks: RunningTasks, signal: AbortSignal): Promise<void> {
  const ends = await log.endOffsets(topic);
  const isFolded = (): boolean => {
    const next = new Map(tasks.status().map(({ partition, nextOffset }) => [partition, nextOffset ?? 0]));
    return [...ends].every(([partition, end]) => (next.get(partition) ?? 0) >= end);
  };
  while (!isFolded()) await sleep(POLL_MS, undefined, { signal });
}

async function endedEarly(done: Promise<void>): Promise<never> {
  await done;
  return new Promise(() => undefined);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
