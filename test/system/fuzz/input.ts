import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../../src/config/load';
import type { ConversationEvent, QueueConversation } from '../../../src/conversation';
import { DEFAULT_FOLD_SETTINGS } from '../../../src/conversation';
import { hasRealTimes } from '../../../src/conversation/event-times';
import { DEFAULT_INPUT_LIMITS, DEFAULT_LIMITS } from '../../../src/conversation/limits';
import { startFold } from '../../../src/fold';
import { createIngest } from '../../../src/ingest';
import {
  createEventCodec,
  createLocalSchemas,
  createRowCodec,
  type Log,
  type LogRecord,
  type OutRecord,
  partitionOf,
  type RunningSubscription,
  topicNames,
  type ValueCodec,
} from '../../../src/log';
import { createMemoryCluster } from '../../../src/log/memory/cluster';
import { aloneBytes } from '../../../src/log/record-size';
import { createMetrics } from '../../../src/ops';
import { generateEvents } from '../../../src/simulator';
import { startSinkRole } from '../../../src/sink';
import { storeForTests } from '../../support/clickhouse/store';
import { QUIET } from '../../support/clickhouse/store-rows';
import { createRandom, type Random } from '../../support/processes/random';
import { damaged, mutatedLine } from './mutations';

/**
 * Generated and mutated lines and records through intake, fold and sink, on a log in memory and a real ClickHouse. Whatever
 * comes, nothing crashes, memory stays bounded, what is invalid is dead-lettered and a good conversation passes behind it.
 */
export interface InputFuzz {
  /** Lines and records. */
  readonly count: number;
  readonly seed: number;
  /** Word of what has been done, now and then. */
  readonly say?: (text: string) => void;
}

export interface InputReport {
  readonly inputs: number;
  readonly lines: Readonly<Record<'event' | 'skip' | 'invalid' | 'blank', number>>;
  readonly records: Readonly<Record<'readable' | 'invalid', number>>;
  readonly stateRecords: Readonly<Record<'readable' | 'invalid', number>>;
  readonly deadLetters: number;
  /** The greatest dead letter, bytes. */
  readonly largestLetter: number;
  /** After a batch, with nothing under way, the greatest so far; bytes. */
  readonly heap: number;
}

const PARTITIONS = 2;
/** Of damaged rows there are few: ClickHouse refuses some, and each of these is sent to it five times. */
const SMALL_BATCH = { lines: 800, records: 190, stateRecords: 10 };
const LARGE_BATCH = { lines: 16_000, records: 3_980, stateRecords: 20 };
/** From so many inputs on the batches are large: what stands between two of them takes as long as a small one. */
const MANY = 100_000;
/** 64 KB of body, and what stands around it. */
const LARGEST_LETTER = 80 * 1024;
/** What a batch of inputs, the states of the corpus and the engine's buffers may take on the heap. */
const MOST_HEAP = 1_200 * 1024 * 1024;
/** Markers are forgotten after 2 hours: a batch is a day. */
const DAY_MS = 24 * 3_600_000;
const START = Date.UTC(2026, 0, 1);
/** Receive times stay below 2300, however many batches there are. */
const DAYS = 90_000;
const PATIENCE_MS = 120_000;
const SAY_BATCHES = 5;

/** @throws Error that names the seed, the input and what was wrong with what became of it */
export async function runInputFuzz({ count, seed, say }: InputFuzz): Promise<InputReport> {
  const world = await openWorld(count < MANY ? SMALL_BATCH : LARGE_BATCH);
  try {
    const random = createRandom(seed);
    const corpus = [...generateEvents({ seed, conversations: 60 })].map(({ frame }) => JSON.stringify(frame));
    for (let batch = 0; world.report().inputs < count; batch++) {
      try {
        await world.feed(random, corpus, START + (batch % DAYS) * DAY_MS);
      } catch (error) {
        throw new Error(`input fuzz: seed ${seed}, batch ${batch}: ${String(error)}`, { cause: error });
      }
      if (batch % SAY_BATCHES === 0) say?.(`seed ${seed}: ${JSON.stringify(world.report())}`);
    }
    return world.report();
  } finally {
    await world.close();
  }
}

async function openWorld(size: typeof SMALL_BATCH) {
  const topics = topicNames('fuzz');
  const schemas = createLocalSchemas();
  const store = await storeForTests();
  const config = loadConfig({
    env: { SINK_FLUSH_MS: '20', DLQ_MAX_CONSECUTIVE: '0', TOPIC_PREFIX: topics.prefix },
  });
  const metrics = createMetrics();
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
  const log = cluster.connect();
  const [events, rows] = await Promise.all([createEventCodec(schemas, topics), createRowCodec(schemas, topics)]);
  const ingest = createIngest({
    ...{ stage: 'bridge', topics, events, limits: DEFAULT_LIMITS, input: DEFAULT_INPUT_LIMITS, mask: null },
  });
  const producer = await log.createProducer();
  const letters = createLetters();
  const followers = [await follow(log, topics.deadLetters, letters.add)];
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
  const live = createLiveKeys();
  followers.push(await follow(log, topics.state, live.see), await follow(log, topics.visits, () => undefined));

  const lines = { event: 0, skip: 0, invalid: 0, blank: 0 };
  const records = { readable: 0, invalid: 0 };
  const stateRecords = { readable: 0, invalid: 0 };
  let inputs = 0;
  let heap = 0;
  let letterOffset = 0;

  const until = async (what: string, isSo: () => boolean | Promise<boolean>): Promise<void> => {
    const waiting = (async () => {
      const end = Date.now() + PATIENCE_MS;
      while (!(await isSo())) {
        if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
        await sleep(5);
      }
    })();
    await Promise.race([waiting, failure]);
  };
  const passedOn = async (): Promise<void> => {
    const ends = await log.endOffsets(topics.events);
    await until('the fold has read all events', () =>
      tasks.status().every(({ partition, nextOffset }) => (nextOffset ?? -1) >= (ends.get(partition) ?? 0)),
    );
  };
  const stored = async (): Promise<void> => {
    const ends = await log.endOffsets(topics.state);
    await until('the sink has stored all rows', () =>
      [...ends].every(([partition, end]) => end === 0 || (sink.stored().get(partition) ?? 0) >= end),
    );
  };

  /** One line of the way in: never an exception, and a bounded dead letter where it is invalid. */
  const feedLine = (line: Buffer, now: number): OutRecord | null => {
    const ingested = ingest.line(line, now, 'fuzz');
    lines[ingested?.kind ?? 'blank']++;
    if (ingested === null || ingested.kind === 'skip') return null;
    if (ingested.kind === 'invalid' && ingested.record.topic !== topics.deadLetters) throw new Error('no dead letter');
    return ingested.record;
  };

  /** A good conversation in each partition: its row is in the table, and gone when it has ended. */
  const checkGood = async (now: number): Promise<void> => {
    const ids = Array.from({ length: PARTITIONS }, (_, partition) => goodId(partition));
    const send = async (at: number, state: string): Promise<void> => {
      const out = ids.map((id) => feedLine(Buffer.from(goodLine(id, at, state)), at));
      await producer.send(out.flatMap((record) => record ?? []));
      await passedOn();
      await stored();
    };
    const there = async (): Promise<number> => {
      const list = ids.map((id) => `'${id}'`).join();
      const found = await store.rows(
        `SELECT conversation_id FROM ${store.store.database}.queue_conversation WHERE conversation_id IN (${list})`,
      );
      return found.length;
    };
    await send(now, 'connected');
    if ((await there()) !== PARTITIONS) throw new Error('a good conversation did not pass');
    await send(now + 1_000, 'disconnected');
    if ((await there()) !== 0) throw new Error('a good conversation did not end');
  };

  return {
    report: (): InputReport => ({
      ...{ inputs, lines, records, stateRecords, heap },
      ...{ deadLetters: letters.count(), largestLetter: letters.largest() },
    }),
    async feed(random: Random, corpus: readonly string[], now: number): Promise<void> {
      const base = Array.from({ length: size.lines }, () =>
        feedLine(mutatedLine(random, corpus, now + random.below(3_600_000)), now),
      ).flatMap((record) => record ?? []);
      const good = base.filter(({ topic, value }) => topic === topics.events && value !== null);
      const bad = Array.from({ length: size.records }, () => damaged(random, good[random.below(good.length)] ?? null));
      const invalid = new Set<string>();
      const begin = await log.endOffsets(topics.events);
      const places = new Map(begin);
      const sent = [
        ...base,
        ...bad.map((record) => ({ ...record, topic: topics.events, partition: random.below(PARTITIONS) })),
      ];
      for (const record of sent) {
        if (record.topic !== topics.events) continue;
        const partition = record.partition ?? partitionOf(record.key ?? '', PARTITIONS);
        const offset = places.get(partition) ?? 0;
        places.set(partition, offset + 1);
        const isReadable = canBeRead(record, events);
        if (record.partition !== undefined) records[isReadable ? 'readable' : 'invalid']++;
        if (!isReadable) invalid.add(`${topics.events} ${partition} ${offset}`);
      }
      await producer.send(sent);
      await passedOn();

      const state = live.some().map((record) => damaged(random, record));
      const damagedRows = state.slice(0, size.stateRecords);
      const stateAt = new Map(await log.endOffsets(topics.state));
      for (const record of damagedRows) {
        const partition = random.below(PARTITIONS);
        const offset = stateAt.get(partition) ?? 0;
        stateAt.set(partition, offset + 1);
        const isReadable = record.key !== null && (record.value === null || (await decodes(record.value, rows)));
        stateRecords[isReadable ? 'readable' : 'invalid']++;
        if (!isReadable) invalid.add(`${topics.state} ${partition} ${offset}`);
        await producer.send([{ ...record, topic: topics.state, partition, timestamp: now }]);
      }
      await stored();

      await until('every invalid record is a dead letter', () => [...invalid].every((place) => letters.has(place)));
      letters.forget();
      if (letters.largest() > LARGEST_LETTER) throw new Error(`a dead letter of ${letters.largest()} bytes`);
      inputs += size.lines + size.records + damagedRows.length;
      letterOffset = letters.count();
      await checkGood(now + 2 * 3_600_000);
      if (letters.count() !== letterOffset) throw new Error('a good conversation was dead-lettered');
      // What is live ends with the day: the table would grow for ever.
      await producer.send(live.keys().map((id) => ingest.gone(id, now + 3 * 3_600_000, 'has-row').record));
      await passedOn();
      await stored();
      globalThis.gc?.();
      heap = Math.max(heap, process.memoryUsage().heapUsed);
      if (heap > MOST_HEAP) throw new Error(`${heap} bytes of heap after a batch`);
    },
    async close(): Promise<void> {
      for (const follower of followers) await follower.stop();
      await sink.stop();
      await tasks.stop();
      await producer.close();
      await log.close();
      await store.close();
    },
  };
}

/** Sees every record of the topic; what it has seen leaves the log. */
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

/** What the fold must be able to read, by the rules of docs/explanation/bad-input.md. */
function canBeRead({ key, value }: Pick<OutRecord, 'key' | 'value'>, events: ValueCodec<ConversationEvent>): boolean {
  if (value === null || key === null || value.length < 5 || value[0] !== 0) return false;
  if (value.readInt32BE(1) !== events.encode(ANY_EVENT).readInt32BE(1)) return false;
  const decoded = events.decode(value);
  if (!decoded.ok) return false;
  const id = decoded.value.conversationId;
  return id !== '' && Buffer.from(id).equals(Buffer.from(key)) && hasRealTimes(decoded.value);
}

const ANY_EVENT: ConversationEvent = {
  ...{ conversationId: 'c', receivedAt: START, source: 'rest', gone: true, participants: [], fingerprint: null },
};

async function decodes(value: Buffer, rows: ValueCodec<QueueConversation>): Promise<boolean> {
  await rows.prepare([value]);
  return rows.decode(value).ok;
}

function createLetters() {
  const places = new Set<string>();
  let count = 0;
  let largest = 0;
  return {
    add(record: LogRecord): void {
      const { headers } = record;
      count++;
      largest = Math.max(largest, aloneBytes(record));
      const place = [headers['source.topic'], headers['source.partition'], headers['source.offset']];
      places.add(place.join(' '));
    },
    has: (place: string) => places.has(place),
    forget: () => places.clear(),
    count: () => count,
    largest: () => largest,
  };
}

/** The conversations that have a row, with their last record. */
function createLiveKeys() {
  const rows = new Map<string, LogRecord>();
  return {
    see(record: LogRecord): void {
      const key = record.key?.toString() ?? '';
      if (record.value === null) rows.delete(key);
      else rows.set(key, record);
    },
    keys: () => [...rows.keys()].filter((key) => key !== ''),
    some: () => [...rows.values()],
  };
}

function goodId(partition: number): string {
  for (;;) {
    const id = `good-${randomUUID()}`;
    if (partitionOf(id, PARTITIONS) === partition) return id;
  }
}

function goodLine(id: string, at: number, state: string): string {
  const leg = { id: `${id}-leg`, state, connectedTime: new Date(at).toISOString() };
  const participants = [{ id: `${id}-acd`, purpose: 'acd', queueId: 'q', calls: [leg] }];
  return JSON.stringify({ receivedAt: new Date(at).toISOString(), event: { id, participants } });
}
