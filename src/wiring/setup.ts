import type { Config } from '../config';
import {
  type AvroSchema,
  type KafkaConnection,
  loadSchema,
  registerSchema,
  type RegistryOptions,
  topicDefinitions,
  topicNames,
  type TopicNames,
  type TopicUse,
  valueSubject,
} from '../log';
import { migrate, type Store } from '../store';
import { withKafkaAdmin } from './connect';

export interface SetupOptions {
  readonly config: Config;
  readonly kafka: KafkaConnection;
  readonly registry: RegistryOptions;
  /** Null: without ClickHouse. */
  readonly store: Store | null;
  readonly mode: 'apply' | 'dry-run';
  /** Default `live`. */
  readonly use?: TopicUse;
  /** Whether a shorter HISTORY_RETENTION may delete existing versions. Default `refuse`. */
  readonly loss?: 'refuse' | 'allow';
  /** Gets notes about optional settings that a broker refuses. */
  readonly onNote?: (sentence: string) => void;
}

/** Creates or updates topics, schemas and tables for this version. Idempotent. Returns a line for each change. */
export async function setUp({
  config,
  kafka,
  registry,
  store,
  mode,
  use = 'live',
  loss = 'refuse',
  onNote = () => undefined,
}: SetupOptions): Promise<readonly string[]> {
  const topics = topicNames(config.topics.prefix);
  const [topicChanges, schemaChanges, tableChanges] = await Promise.all([
    setUpTopics(config, kafka, { mode, use, topics, onNote }),
    setUpSchemas(registry, topics, mode, use),
    store === null ? [] : setUpTables(config, store, mode, loss),
  ]);
  return [...topicChanges, ...schemaChanges, ...tableChanges];
}

/** How many copies must have a record before it counts as written. */
export function minInsyncReplicas({ topics }: Config): number {
  return Math.min(2, topics.replicationFactor);
}

interface TopicSchema {
  readonly subject: string;
  readonly schema: AvroSchema;
}

/** The schemas of the topics' values. */
export function topicSchemas(topics: TopicNames, use: TopicUse = 'live'): readonly TopicSchema[] {
  const live = [{ subject: valueSubject(topics.names), schema: loadSchema('name') }];
  return [
    { subject: valueSubject(topics.events), schema: loadSchema('conversation-event') },
    { subject: valueSubject(topics.state), schema: loadSchema('queue-conversation') },
    { subject: valueSubject(topics.visits), schema: loadSchema('queue-visit') },
    { subject: valueSubject(topics.changelog), schema: loadSchema('fold-state') },
    ...(use === 'live' ? live : []),
  ];
}

function setUpTopics(
  config: Config,
  kafka: KafkaConnection,
  { topics, mode, use, onNote }: Required<Pick<SetupOptions, 'mode' | 'use' | 'onNote'>> & { topics: TopicNames },
): Promise<readonly string[]> {
  const { partitions, replicationFactor } = config.topics;
  const definitions = topicDefinitions(topics, minInsyncReplicas(config), use);
  const request = { definitions, partitions, replicationFactor, dryRun: mode === 'dry-run', onNote };
  return withKafkaAdmin(kafka, (admin) => admin.setupTopics(request));
}

async function setUpSchemas(
  registry: RegistryOptions,
  topics: TopicNames,
  mode: 'apply' | 'dry-run',
  use: TopicUse,
): Promise<string[]> {
  const changes: string[] = [];
  for (const { subject, schema } of topicSchemas(topics, use)) {
    const change = await registerSchema(registry, subject, schema, mode);
    if (change === 'registered') changes.push(`schema ${subject}: ${schema.name}.avsc registered (FULL_TRANSITIVE)`);
  }
  return changes;
}

/** Creates only the tables, for a log without Kafka. */
export async function setUpTables(
  { clickhouse }: Config,
  store: Store,
  mode: 'apply' | 'dry-run',
  loss: 'refuse' | 'allow' = 'refuse',
): Promise<readonly string[]> {
  const { storagePolicy, historyRetentionMs } = clickhouse;
  const steps = await migrate(store.client, {
    database: store.database,
    dryRun: mode === 'dry-run',
    ...(clickhouse.cluster === undefined ? {} : { cluster: clickhouse.cluster }),
    history: {
      retentionMs: historyRetentionMs,
      loss,
      ...(storagePolicy === undefined ? {} : { storagePolicy }),
    },
  });
  return steps.filter(({ outcome }) => outcome !== 'unchanged').map(({ name }) => `table ${store.database}: ${name}`);
}
