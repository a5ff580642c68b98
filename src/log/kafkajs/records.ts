import type { KafkaMessage } from 'kafkajs';
import type { Headers, LogRecord, OutRecord } from '../port';
import { recordBytes } from '../record-size';
import { headerTextOf, headerTextsOf } from './repairs';

/**
 * A record read from Kafka. Every record needs one, and only the getter of a class decodes headers on demand without a
 * closure for each record.
 */
class KafkaRecord implements LogRecord {
  constructor(
    readonly topic: string,
    readonly partition: number,
    readonly offset: number,
    readonly key: Buffer | null,
    readonly value: Buffer | null,
    readonly timestamp: number,
    private readonly message: object,
  ) {}

  get headers(): Headers {
    return headerTextsOf(this.message);
  }

  header(name: string): string | undefined {
    return headerTextOf(this.message, name);
  }
}

/** The messages of a batch from `from` on, as records. */
export function toRecords(
  topic: string,
  partition: number,
  messages: readonly KafkaMessage[],
  from: number,
): readonly LogRecord[] {
  const records: LogRecord[] = [];
  for (const message of messages) {
    const { key, value } = message;
    const offset = Number(message.offset);
    if (offset < from) continue;
    records.push(new KafkaRecord(topic, partition, offset, key, value, Number(message.timestamp), message));
  }
  return records;
}

/** A message on its way. `partition` is fixed before kafkajs's first attempt, so that a retry cannot move it. */
export interface OutMessage {
  key: Buffer | string | null;
  value: Buffer | null;
  partition?: number;
  timestamp?: string;
  headers?: Record<string, string>;
}

export function toMessage(record: Omit<OutRecord, 'topic'>, partition: number | undefined): OutMessage {
  const message: OutMessage = { key: record.key, value: record.value };
  if (partition !== undefined) message.partition = partition;
  if (record.timestamp !== undefined) message.timestamp = String(record.timestamp);
  if (record.headers !== undefined) message.headers = record.headers;
  return message;
}

/** One send makes one batch for each partition, which must stay below `max.message.bytes` (1 MiB by default). */
const CHUNK_MESSAGES = 1_000;
const CHUNK_BYTES = 700 * 1024;

export interface TopicMessages {
  readonly topic: string;
  readonly messages: OutMessage[];
}

/**
 * Collects messages by topic into rounds. Each round is one request, in which no topic has more than a chunk. Messages
 * of a topic keep their order.
 */
export function createRounds() {
  const rounds: TopicMessages[][] = [];
  const open = new Map<string, { round: number; messages: OutMessage[]; bytes: number }>();

  const openChunk = (topic: string, round: number) => {
    const chunk = { round, messages: [] as OutMessage[], bytes: 0 };
    open.set(topic, chunk);
    (rounds[round] ??= []).push({ topic, messages: chunk.messages });
    return chunk;
  };

  return {
    rounds,
    add(topic: string, message: OutMessage): void {
      const bytes = recordBytes(message);
      let chunk = open.get(topic) ?? openChunk(topic, 0);
      const isFull = chunk.messages.length >= CHUNK_MESSAGES || chunk.bytes + bytes > CHUNK_BYTES;
      if (isFull && chunk.messages.length > 0) chunk = openChunk(topic, chunk.round + 1);
      chunk.messages.push(message);
      chunk.bytes += bytes;
    },
  };
}
