import { type ConversationState, createPartitionFold, DEFAULT_FOLD_SETTINGS } from '../../src/conversation';
import { createEventCodec, createKafkaLog, createLocalSchemas, type OutRecord, type TopicNames } from '../../src/log';
import type { BenchCluster } from './cluster';
import { headersOf, benchEvents, type EventsOptions } from './events';

export interface Loaded {
  readonly events: number;
  /** Conversations with a row at the end. */
  readonly live: number;
  /** Versions of visits that the fold writes for them. */
  readonly visits: number;
  readonly meanJsonBytes: number;
  readonly meanAvroBytes: number;
  /** The first events, for the measurement of latency. */
  readonly first: readonly OutRecord[];
  /** The fold's knowledge of the live conversations at the end. */
  readonly states: readonly ConversationState[];
}

const CHUNK = 1_000;

/** Writes the events topic that the measurements share, in the same way as the bridge. */
export async function loadEvents(
  cluster: BenchCluster,
  topics: TopicNames,
  options: EventsOptions & { readonly keep: number; readonly onProgress: (events: number) => void },
): Promise<Loaded> {
  const codec = await createEventCodec(createLocalSchemas(), topics);
  const log = createKafkaLog(cluster.connection);
  const producer = await log.createProducer();
  const fold = createPartitionFold(DEFAULT_FOLD_SETTINGS);
  const states = new Map<string, ConversationState>();
  const first: OutRecord[] = [];
  const json = { bytes: 0, count: 0 };
  let avroBytes = 0;
  let events = 0;
  let visits = 0;
  let chunk: OutRecord[] = [];

  const flush = async (): Promise<void> => {
    const records = chunk;
    chunk = [];
    await producer.send(records);
    for (const [id, state] of fold.takeChanges()) {
      if (state?.kind === 'open' && state.row !== null) states.set(id, state);
      else states.delete(id);
    }
    options.onProgress(events);
  };

  for (const { event, jsonBytes } of benchEvents(options)) {
    const value = codec.encode(event);
    const headers = headersOf(event);
    const record = { topic: topics.events, key: event.conversationId, value, headers };
    if (jsonBytes !== null) {
      json.bytes += jsonBytes;
      json.count += 1;
    }
    avroBytes += value.length;
    events += 1;
    if (first.length < options.keep) first.push(record);
    chunk.push(record);
    visits += fold.apply(event).visits.length;
    if (chunk.length >= CHUNK) await flush();
  }
  await flush();
  await log.close();
  return {
    events,
    live: states.size,
    visits,
    meanJsonBytes: Math.round(json.bytes / Math.max(1, json.count)),
    meanAvroBytes: Math.round(avroBytes / Math.max(1, events)),
    first,
    states: [...states.values()],
  };
}
