import {
  checkSubject,
  createKafkaLog,
  createRegistrySchemas,
  createRowReader,
  createVisitReader,
  type SchemaSource,
  topicNames,
  type TopicNames,
  valueSubject,
  visitKey,
} from '../log';
import { FollowedRows, type RowSource } from './followed-rows';
import { inOptions, loggerFor, readConnection, readPrefix, readRegistry, readSince } from './options';
import { toConversation, toVisit } from './rows';
import type { ClientOptions, QueueTable, QueueVisit, VisitsOptions, VisitTable } from './types';

/**
 * Opens the table `queue_conversation`. It reads the topic from the beginning, without a group and without writing
 * anything, and then follows it. Resolves when the table is complete. After that only `close()` ends it: it waits for
 * brokers that are away, and starts over if the topic was recreated.
 * @throws UsageError for a wrong option; OperatorError if Kafka, the registry or the topic cannot be used
 */
export async function openQueueTable(options: ClientOptions): Promise<QueueTable> {
  const { rows, close } = await open(options, (topics, schemas) => ({
    topic: topics.state,
    reader: createRowReader(schemas),
    toRow: toConversation,
  }));
  return {
    get: (conversationId) => rows.get(conversationId),
    get size() {
      return rows.size;
    },
    rows: () => rows.rows(),
    changes: () => rows.changes(),
    freshness: () => rows.freshness(),
    close,
  };
}

/**
 * Opens the table `queue_visit`, in the same way as `openQueueTable`.
 * @throws UsageError for a wrong option; OperatorError if Kafka, the registry or the topic cannot be used
 */
export async function openVisits(options: VisitsOptions): Promise<VisitTable> {
  const since = readSince(options.since);
  const { rows, close } = await open(options, (topics, schemas) => ({
    topic: topics.visits,
    reader: createVisitReader(schemas),
    toRow: toVisit,
    keeps: ({ entered_time }: QueueVisit) => entered_time.getTime() >= since(),
  }));
  return {
    get: (conversationId, participantId) =>
      rows.get(visitKey({ conversation_id: conversationId, participant_id: participantId })),
    get size() {
      return rows.size;
    },
    rows: () => rows.rows(),
    changes: () => rows.changes(),
    freshness: () => rows.freshness(),
    close,
  };
}

async function open<Value, Row>(
  options: ClientOptions,
  sourceOf: (topics: TopicNames, schemas: SchemaSource) => RowSource<Value, Row>,
): Promise<{ readonly rows: FollowedRows<Value, Row>; close(): Promise<void> }> {
  const { signal, onProblem } = options;
  signal?.throwIfAborted();
  const logger = loggerFor(options);
  const connection = readConnection(options, logger);
  const registry = readRegistry(options);
  const topics = topicNames(readPrefix(options));

  const closing = new AbortController();
  const log = createKafkaLog(connection);
  const schemas = createRegistrySchemas({ ...registry, logger, signal: closing.signal });
  const source = sourceOf(topics, schemas);
  let rows: FollowedRows<Value, Row> | null = null;
  let closed: Promise<void> | null = null;
  const close = (): Promise<void> =>
    (closed ??= (async () => {
      signal?.removeEventListener('abort', onAbort);
      closing.abort(new Error('the table is closed'));
      await rows?.stop();
      await log.close();
    })());
  const onAbort = (): void => void close();
  signal?.addEventListener('abort', onAbort, { once: true });

  try {
    await Promise.all([log.reach([source.topic]), checkSubject(registry, valueSubject(source.topic))]);
    signal?.throwIfAborted();
    rows = new FollowedRows({ log, source, logger, onProblem });
    await rows.loaded;
    signal?.throwIfAborted();
    return { rows, close };
  } catch (error) {
    await close();
    signal?.throwIfAborted();
    throw inOptions(error);
  }
}
