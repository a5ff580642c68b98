import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { type Change, openQueueTable, type QueueConversation, type QueueTable } from '../../../src/client';
import type { QueueConversation as StateRow } from '../../../src/conversation';
import {
  createKafkaLog,
  createRegistrySchemas,
  createRowCodec,
  type LogRecord,
  registerSchema,
  loadSchema,
  topicNames,
  type ValueCodec,
  valueSubject,
} from '../../../src/log';
import { aRow } from '../../support/clickhouse/store-rows';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { createRandom } from '../../support/processes/random';
import { until } from '../../support/processes/until';
import { ownKafkaForTests, ownRegistryForTests } from '../../support/services/services';

export interface ClientSoakOptions {
  readonly seed: number;
  /** Rounds go on for so long; each fault comes at least once. */
  readonly minutes: number;
  readonly say: (text: string) => void;
}

export interface ClientSoakResult {
  readonly rounds: Readonly<Record<Fault, number>>;
  readonly records: number;
  /** Committed and read; the rest was aborted. */
  readonly transactions: { readonly committed: number; readonly aborted: number };
  /** By the compaction of the broker. */
  readonly recordsCompactedAway: number;
  readonly resets: number;
  readonly skippedRecords: number;
  readonly changes: { readonly fast: number; readonly slow: number };
  /** Where a picture differed from the topic when it was quiet, or went back; none. */
  readonly differences: readonly string[];
}

const FAULTS = ['none', 'kill', 'restart', 'remake', 'garbage'] as const;
type Fault = (typeof FAULTS)[number];

const PARTITIONS = 3;
const CONVERSATIONS = 300;
const ROUND_MS = 4_000;
const AWAY_MS = 1_500;
const LIMIT_MS = 180_000;
const QUIET = pino({ level: 'silent' });
const { state: TOPIC } = topicNames('genesys');
const CONFIG = {
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0.01',
  'segment.ms': '1000',
  'max.compaction.lag.ms': '1000',
  // So short that a broker that is away for a while makes the client read all again.
  'delete.retention.ms': '10000',
};

/**
 * A writer, as the fold is one, and a broker to which everything happens; beside them a table of the client, with a reader of
 * its changes that is fast and one that is slow. After each fault comes a quiet moment, at which all three have to be what
 * the topic says.
 */
export async function runClientSoak(options: ClientSoakOptions): Promise<ClientSoakResult> {
  const { say, minutes } = options;
  const random = createRandom(options.seed);
  const stage = await setStage();
  const { kafka, table, writer, fast, slow, admin } = stage;
  const rounds: Record<Fault, number> = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>;
  const differences: string[] = [];
  let skippable = 0;

  const faults: Readonly<Record<Fault, () => Promise<void>>> = {
    none: () => sleep(ROUND_MS),
    kill: async () => {
      await sleep(AWAY_MS);
      await kafka.kill9();
      await sleep(AWAY_MS);
      await kafka.restart();
      await sleep(AWAY_MS);
    },
    restart: async () => {
      await kafka.restart();
      await sleep(AWAY_MS);
    },
    remake: async () => {
      await sleep(AWAY_MS);
      await writer.pause();
      await admin.deleteTopic(TOPIC);
      await admin.createTopic(TOPIC, PARTITIONS, CONFIG);
      writer.resume();
      await sleep(AWAY_MS);
    },
    garbage: async () => {
      skippable += 1;
      await writer.garbage();
      await sleep(AWAY_MS);
    },
  };

  try {
    const end = Date.now() + minutes * 60_000;
    for (let round = 0; round < FAULTS.length || Date.now() < end; round += 1) {
      const fault = FAULTS[round < FAULTS.length ? round : random.below(FAULTS.length)] ?? 'none';
      rounds[fault] += 1;
      writer.resume();
      await faults[fault]();
      await writer.pause();
      const found = await stage.compare();
      differences.push(...found.map((difference) => `round ${round} (${fault}): ${difference}`));
      say(`round ${round}, ${fault}: ${table.size} rows, ${found.length} differences`);
    }
    const skipped = table.freshness().skippedRecords;
    if (skipped < skippable) differences.push(`${skippable} records of garbage, ${skipped} skipped`);
    return {
      rounds,
      records: writer.records(),
      transactions: writer.transactions(),
      recordsCompactedAway: await stage.compactedAway(),
      resets: fast.resets(),
      skippedRecords: skipped,
      changes: { fast: fast.count(), slow: slow.count() },
      differences: [...differences, ...fast.wrong, ...slow.wrong],
    };
  } finally {
    await stage.dispose();
  }
}

async function setStage() {
  const [kafka, registry] = await Promise.all([
    ownKafkaForTests({ overrides: { 'log.cleaner.backoff.ms': '500' } }),
    ownRegistryForTests(),
  ]);
  const { brokers } = kafka;
  const admin = await createStockAdmin(brokers);
  await admin.createTopic(TOPIC, PARTITIONS, CONFIG);
  await registerSchema(
    { url: registry.url, logger: QUIET },
    valueSubject(TOPIC),
    loadSchema('queue-conversation'),
    'apply',
  );
  const log = createKafkaLog({ brokers, clientId: 'soak', logger: QUIET });
  const schemas = createRegistrySchemas({ url: registry.url, logger: QUIET });
  const codec = await createRowCodec(schemas, topicNames('genesys'));
  const writer = await createWriter(admin, codec);
  const table = await openQueueTable({ brokers, registry: registry.url });
  const fast = follow(table, 'fast', () => null);
  const slow = follow(table, 'slow', () => sleep(20));

  const compare = async (): Promise<readonly string[]> => {
    const quietAt = Date.now();
    await until('a picture of the quiet topic', LIMIT_MS, () => {
      const { isReading, ageMs } = table.freshness();
      return isReading && Date.now() - ageMs > quietAt;
    });
    const topic = await readTopic(log, codec);
    const isSame = (map: ReadonlyMap<string, number>): boolean => differencesOf(topic, map).length === 0;
    // Apart from the table itself, which has to be right now, the readers may need a moment for what waits for them.
    const wrong = differencesOf(topic, versionsOf(table)).map((difference) => `table: ${difference}`);
    for (const reader of [fast, slow]) {
      await until('the readers to have read all', LIMIT_MS, () => isSame(reader.versions)).catch(() => undefined);
      wrong.push(...differencesOf(topic, reader.versions).map((difference) => `${reader.name}: ${difference}`));
    }
    return wrong;
  };

  return {
    ...{ kafka, admin, log, writer, table, fast, slow, compare },
    async compactedAway(): Promise<number> {
      const ends = [...(await log.endOffsets(TOPIC)).values()].reduce((sum, end) => sum + end, 0);
      return ends - (await recordsOf(log)).length;
    },
    async dispose() {
      await writer.close();
      await table.close();
      await log.close();
      await admin.close().catch(() => undefined);
      await Promise.all([kafka.dispose(), registry.dispose()]);
    },
  };
}

type SoakLog = ReturnType<typeof createKafkaLog>;

async function recordsOf(log: SoakLog): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = [];
  const reading = await log.read({ topics: [TOPIC], follow: false, onRecord: (record) => void records.push(record) });
  await reading.done;
  await reading.stop();
  return records;
}

/** The version of each conversation, as its last readable record says. */
async function readTopic(log: SoakLog, codec: ValueCodec<StateRow>): Promise<ReadonlyMap<string, number>> {
  const records = await recordsOf(log);
  await codec.prepare(records.map(({ value }) => value));
  const map = new Map<string, number>();
  for (const { key, value } of records) {
    const id = key?.toString() ?? '';
    const decoded = value === null ? null : codec.decode(value);
    if (decoded === null) map.delete(id);
    else if (decoded.ok) map.set(id, decoded.value.db_last_updated);
  }
  return map;
}

function versionsOf(table: QueueTable): ReadonlyMap<string, number> {
  return new Map([...table.rows()].map((row) => [row.conversation_id, row.db_last_updated.getTime()]));
}

function differencesOf(topic: ReadonlyMap<string, number>, map: ReadonlyMap<string, number>): readonly string[] {
  const ids = new Set([...topic.keys(), ...map.keys()]);
  return [...ids]
    .filter((id) => topic.get(id) !== map.get(id))
    .map((id) => `${id} is ${String(map.get(id))}, the topic says ${String(topic.get(id))}`);
}

/** A program that reads changes, and notes where one is older than what it had. */
function follow(table: QueueTable, name: string, rest: () => Promise<unknown> | null) {
  const versions = new Map<string, number>();
  const wrong: string[] = [];
  const greatest = new Map<string, number>();
  let count = 0;
  let resets = 0;
  const apply = (change: Change<QueueConversation>): void => {
    count += 1;
    if (change.type === 'reset') {
      resets += 1;
      versions.clear();
      return;
    }
    const { id } = change;
    if (change.type === 'delete') {
      if (!versions.delete(id)) wrong.push(`${name}: ${id} was deleted, of which nothing was known`);
      return;
    }
    const version = change.row.db_last_updated.getTime();
    // The writer's versions count up over everything, topics made anew included.
    if (version < (greatest.get(id) ?? 0)) wrong.push(`${name}: ${id} went back to ${version}`);
    greatest.set(id, version);
    versions.set(id, version);
  };
  void (async () => {
    for await (const change of table.changes()) {
      apply(change);
      await rest();
    }
  })();
  return { name, versions, wrong, count: () => count, resets: () => resets };
}

/** Writes transactions for as long as it is not paused; one in four is aborted. */
async function createWriter(admin: Awaited<ReturnType<typeof createStockAdmin>>, codec: ValueCodec<StateRow>) {
  const random = createRandom(1);
  let version = Date.UTC(2026, 2, 1);
  const counts = { records: 0, committed: 0, aborted: 0 };
  let isPaused = true;
  let isClosed = false;
  let underWay: Promise<void> = Promise.resolve();
  const connect = async () => {
    const producer = admin.kafka.producer({ transactionalId: 'soak', maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    return producer;
  };
  let producer = await connect();

  const aMessage = () => {
    const key = `c${random.below(CONVERSATIONS)}`;
    if (random.below(8) === 0) return { key, value: null };
    version += 1;
    return { key, value: codec.encode(aRow({ conversation_id: key, db_last_updated: version })) };
  };
  const write = async (): Promise<void> => {
    const transaction = await producer.transaction();
    const messages = Array.from({ length: 1 + random.below(20) }, aMessage);
    await transaction.send({ topic: TOPIC, messages });
    counts.records += messages.length;
    if (random.below(4) === 0) {
      await transaction.abort();
      counts.aborted += 1;
    } else {
      await transaction.commit();
      counts.committed += 1;
    }
  };
  const run = async (): Promise<void> => {
    while (!isClosed) {
      if (isPaused) {
        await sleep(20);
        continue;
      }
      // A broker that is away: the outcome is unknown, and the next producer ends what is open.
      underWay = write().catch(async () => {
        await producer.disconnect().catch(() => undefined);
        await until('a new producer', LIMIT_MS, async () => {
          if (isClosed) return true;
          producer = await connect();
          await (await producer.transaction()).abort();
          return true;
        });
      });
      await underWay;
      await sleep(random.below(20));
    }
  };
  const running = run();
  return {
    records: () => counts.records,
    transactions: () => ({ committed: counts.committed, aborted: counts.aborted }),
    resume: () => void (isPaused = false),
    /** Resolves when nothing is open any more. */
    async pause() {
      isPaused = true;
      await underWay;
    },
    async garbage() {
      const plain = admin.kafka.producer();
      await plain.connect();
      await plain.send({ topic: TOPIC, messages: [{ key: `g${random.below(5)}`, value: Buffer.from('no Avro') }] });
      await plain.disconnect();
    },
    async close() {
      isClosed = true;
      await running;
      await producer.disconnect().catch(() => undefined);
    },
  };
}
