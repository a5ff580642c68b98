import { mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from '../common';
import { type Config, requireGroups, withDefaults } from '../config';
import { keepPrivate, namingPath, openEmbeddedClickHouse, provideKafka, provideRegistry } from '../embedded';
import { createLocalSchemas, createMemoryLog, discard, topicNames } from '../log';
import { type RunningSinkRole, startSinkRole } from '../sink';
import { connectStore, dropDatabase, identifier, type Store } from '../store';
import {
  type Connected,
  connectKafka,
  kafkaConnection,
  registryOptions,
  setUp,
  type SetupOptions,
  setUpTables,
  withKafkaAdmin,
} from '../wiring';
import type { Context } from './context';
import { configuredStore } from './role';
import { progressOf, stoppedInTheEnd } from './start-parts';

/** The topics and tables of a replay. They are never the live ones. */
export interface ReplayPlace {
  readonly prefix: string;
  readonly database: string;
  readonly keep: boolean;
  /** Whether the user wants the visits of the replay. */
  readonly readsVisits: boolean;
  /** Which places the command line named. The replay leaves these as they are. */
  readonly named: { readonly prefix: boolean; readonly database: boolean };
}

export async function openReplayLog(
  context: Context,
  kind: 'memory' | 'embedded' | 'kafka',
  place: ReplayPlace,
): Promise<Connected> {
  switch (kind) {
    case 'memory':
      return openMemory(context, place);
    case 'embedded':
      return openEmbedded(context, place);
    case 'kafka':
      return openConfigured(context, place);
  }
}

/** One partition, so that the records keep the order of the input. Consumed records are dropped. */
async function openMemory(
  { logger, metrics, shutdown }: Context,
  { prefix, readsVisits }: ReplayPlace,
): Promise<Connected> {
  const topics = topicNames(prefix);
  const log = createMemoryLog({
    partitions: 1,
    topics: {
      [topics.events]: { retention: 'consumed' },
      [topics.state]: { retention: 'consumed' },
      [topics.visits]: { retention: 'consumed' },
      [topics.changelog]: { retention: 'latest' },
      [topics.deadLetters]: { retention: 'consumed' },
    },
    logger,
    metrics,
  });
  shutdown.onStop('log', () => log.close());
  for (const topic of [topics.deadLetters, ...(readsVisits ? [] : [topics.visits])]) await discard(log, topic);
  return { log, schemas: createLocalSchemas(), topics };
}

/**
 * A folder below the data directory, which may be the only writable folder of a container. It is removed at the end,
 * unless the user keeps it.
 */
async function ownFolder({ config, shutdown, io }: Context, place: ReplayPlace): Promise<string> {
  const parent = resolve(config.dataDir);
  keepPrivate();
  const [made, folder] = await namingPath('data directory', parent, async () => [
    await mkdir(parent, { recursive: true }),
    await mkdtemp(join(parent, 'replay-')),
  ]);
  shutdown.onStop(`the replay's ${folder}`, async () => {
    if (place.keep) io.stderr.write(`kept: ${folder}\n`);
    else await rm(folder, { recursive: true, force: true });
    // Removes the data directory if this replay made it and nobody else uses it by now.
    if (made !== undefined) await rmdir(parent).catch(() => undefined);
  });
  return folder;
}

/** A Kafka and a registry for this replay only. Their data are removed afterwards, unless the user keeps them. */
async function openEmbedded(context: Context, place: ReplayPlace): Promise<Connected> {
  const { config, shutdown } = context;
  const dataDir = await ownFolder(context, place);
  const onProgress = progressOf(context);
  const [kafka, registry] = await Promise.all([
    stoppedInTheEnd(shutdown, 'Kafka', provideKafka({ dataDir, onProgress, signal: shutdown.signal })),
    stoppedInTheEnd(shutdown, 'schema registry', provideRegistry({ dataDir, onProgress, signal: shutdown.signal })),
  ]);
  // A configured service belongs to somebody else, with its credentials. So the replay asks for an embedded one.
  const alone: Config = {
    ...config,
    kafka: { ...config.kafka, brokers: kafka.brokers, ssl: undefined, sasl: undefined },
    registry: {
      url: registry.url,
      ...{ username: undefined, password: undefined, token: undefined, oauth: undefined },
      ...{ tls: { ca: undefined, cert: undefined, key: undefined } },
    },
    topics: { ...withDefaults(config, 'replay', { PARTITIONS: '4' }).topics, replicationFactor: 1 },
  };
  return connected(context, alone, place);
}

async function openConfigured(context: Context, place: ReplayPlace): Promise<Connected> {
  const { config, logger, shutdown } = context;
  const { kafka } = requireGroups(config, ['kafka', 'registry']);
  const connection = kafkaConnection(config, kafka.brokers, logger);
  const topics = topicNames(place.prefix);
  for (const group of [topics.foldGroup, topics.sinkGroup, topics.visitSinkGroup]) {
    if (await withKafkaAdmin(connection, (admin) => admin.groupIsActive(group))) {
      throw new UsageError(`--prefix: "${place.prefix}" is in use by the running group ${group}. Name another prefix`);
    }
  }
  if (!place.keep && !place.named.prefix) {
    const names = [topics.events, topics.state, topics.visits, topics.changelog, topics.deadLetters];
    shutdown.onStop('topics of the replay', () => withKafkaAdmin(connection, (admin) => admin.deleteTopics(names)));
  }
  return connected(context, config, place);
}

async function connected(context: Context, config: Config, place: ReplayPlace): Promise<Connected> {
  const { logger, metrics, shutdown } = context;
  const { kafka, registry } = requireGroups(config, ['kafka', 'registry']);
  const prefixed: Config = { ...config, topics: { ...config.topics, prefix: place.prefix } };
  const setup: SetupOptions = {
    config: prefixed,
    kafka: kafkaConnection(prefixed, kafka.brokers, logger),
    registry: registryOptions(prefixed, registry.url, logger),
    store: null,
    mode: 'apply',
  };
  await setUp({ ...setup, use: 'replay' });
  // The user may use what stays from then on, so Kafka compacts it like any other topic.
  if (place.keep || place.named.prefix) shutdown.onStop('settings of the topics', () => setUp(setup));
  const connection = connectKafka(prefixed, logger, metrics);
  shutdown.onStop('Kafka clients', () => connection.log.close());
  return connection;
}

/** The table of the replay: in a folder of its own, or in a database of its own on the configured server. */
export async function openReplayStore(
  context: Context,
  kind: 'embedded' | 'clickhouse',
  place: ReplayPlace,
): Promise<Store> {
  const { config, shutdown } = context;
  const own: Config = { ...config, clickhouse: { ...config.clickhouse, database: place.database } };
  const store = kind === 'clickhouse' ? configuredStore({ ...context, config: own }) : await openEmbeddedStore();
  if (kind === 'clickhouse' && !place.keep && !place.named.database) {
    const { cluster } = config.clickhouse;
    const made = { database: place.database, ...(cluster === undefined ? {} : { cluster }) };
    shutdown.onStop('tables of the replay', () => dropDatabase(store.client, made));
  }
  await setUpTables(own, store, 'apply');
  return store;

  async function openEmbeddedStore(): Promise<Store> {
    const dataDir = await ownFolder(context, place);
    const engine = await openEmbeddedClickHouse({ dataDir });
    shutdown.onStop('embedded ClickHouse', () => engine.close());
    return connectStore({ connection: engine.connection(), database: place.database, where: engine.path });
  }
}

export interface ReplaySink {
  /** Resolves when these records of the state topic, the last one of each partition, are in the store. */
  stored(lastOffsets: ReadonlyMap<number, number>): Promise<void>;
}

export async function startReplaySink(
  context: Context,
  parts: Connected & { readonly store: Store },
): Promise<ReplaySink> {
  const { config, logger, metrics, shutdown } = context;
  const flushing: Config = { ...config, sink: { ...config.sink, flushMs: 100 } };
  const sink = await startSinkRole({ config: flushing, logger, metrics, ...parts }, { names: 'left-out' });
  shutdown.onStop('sink', () => sink.stop());
  return {
    stored: (lastOffsets) =>
      Promise.race([
        untilStored(sink, lastOffsets, shutdown.signal).then(() => untilVisits(sink, parts, shutdown.signal)),
        sink.done,
      ]),
  };
}

/** As far as their topic reaches now. With VISITS=off nobody stores any. */
async function untilVisits(sink: RunningSinkRole, { log, topics }: Connected, signal: AbortSignal): Promise<void> {
  if (sink.visitsStored() === null) return;
  const ends = await log.endOffsets(topics.visits);
  const isStored = (): boolean =>
    [...ends].every(([partition, end]) => end === 0 || (sink.visitsStored()?.get(partition) ?? 0) >= end);
  while (!isStored()) await sleep(20, undefined, { signal });
}

async function untilStored(
  sink: RunningSinkRole,
  lastOffsets: ReadonlyMap<number, number>,
  signal: AbortSignal,
): Promise<void> {
  const isStored = (): boolean =>
    [...lastOffsets].every(([partition, offset]) => (sink.stored().get(partition) ?? 0) > offset);
  while (!isStored()) await sleep(20, undefined, { signal });
}

/** The rows of the view `queue_conversation`, as `--print rows` prints them. */
export async function storedRows(store: Store): Promise<readonly object[]> {
  const answer = await store.client.query({
    query: `SELECT * FROM ${identifier(store.database)}.queue_conversation ORDER BY conversation_id`,
    format: 'JSONEachRow',
  });
  const rows = await answer.json<Record<string, unknown>>();
  return rows.map((row) => ({ ...row, ...Object.fromEntries(TIMES.map((column) => [column, isoTime(row[column])])) }));
}

const TIMES = ['db_last_updated', 'db_when_created', 'connected_time'] as const;

/** ClickHouse writes `2026-03-02 09:00:00.000`, in UTC. */
function isoTime(value: unknown): string {
  return `${String(value).replace(' ', 'T')}Z`;
}
