import type { Logger } from 'pino';
import type { DeadLetterLimits } from '../common';
import type { QueueConversation, QueueVisit } from '../conversation';
import type { Log, LogRecord } from '../log';
import type { Metrics, Received, SinkDeadLetterReason } from '../ops';
import type { Store, WriterOptions } from '../store';

/** The content of a record of the state topic or the visits topic. */
export type DecodedRecord =
  | { readonly kind: 'row'; readonly row: QueueConversation }
  | { readonly kind: 'visit'; readonly visit: QueueVisit }
  /** @property erased older records of the conversation must not stay; absent: they may */
  | { readonly kind: 'tombstone'; readonly conversationId: string; readonly erased?: boolean }
  | { readonly kind: 'invalid'; readonly reason: SinkDeadLetterReason; readonly message: string };

export function conversationOf(decoded: Exclude<DecodedRecord, { kind: 'invalid' }>): string {
  if (decoded.kind === 'tombstone') return decoded.conversationId;
  return decoded.kind === 'row' ? decoded.row.conversation_id : decoded.visit.conversation_id;
}

/** The part of the log that the sink uses. */
export type SinkLog = Pick<Log, 'subscribe' | 'read' | 'endOffsets' | 'topicId'>;

export interface SinkOptions {
  readonly store: Store;
  readonly log: SinkLog;
  readonly group: string;
  readonly topic: string;
  /** The kind of its records. Default: `conversations`. */
  readonly about?: 'conversations' | 'visits';
  /** Before `decode` of these values: null, or resolves when their schemas are known. */
  readonly prepare?: (values: Iterable<Buffer | null>) => Promise<void> | null;
  readonly decode: (record: LogRecord) => DecodedRecord;
  /** A row's columns as the store writes them, without decoding; null: it must be decoded. Absent: all must. */
  readonly transcode?: (record: LogRecord) => Uint8Array | null;
  /** Whichever comes first. `bytes` counts keys and values as they are in Kafka. */
  readonly flush: FlushLimits;
  /** The event that a record comes from; none: it came of time alone. Absent: latency is not measured. */
  readonly receivedOf?: (record: LogRecord) => readonly Received[];
  /** A record that cannot be decoded, or that ClickHouse refuses. Its offset is committed when this resolves. */
  readonly onInvalid: (record: LogRecord, reason: SinkDeadLetterReason, message: string) => Promise<void>;
  /** To call when a batch is in ClickHouse, except for refused rows. Must not throw. */
  readonly onStored?: ((batch: StoredRecords) => void) | undefined;
  /** Beyond these limits the sink ends, because the cause is then probably not in the records. */
  readonly deadLetterLimits: DeadLetterLimits;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Of the state topic, see `claimEpoch`. */
  readonly epoch: number;
  /** The id of the topic that has this epoch; null: the log tells none. */
  readonly topicId: string | null;
  /** How long the topic keeps tombstones; null: until they are read. */
  readonly tombstoneRetentionMs: number | null;
  /** `beginning`: the sink reads every partition from its beginning, whatever the store has noted. Default `noted`. */
  readonly begin?: 'noted' | 'beginning';
  readonly cleanup: { readonly intervalMs: number; readonly graceMs: number };
  /** `HISTORY_RETENTION`: how long the tables keep a row, ms. Default: the shortest there is. */
  readonly keptMs?: number;
  /** Default `NOTING`. */
  readonly noting?: typeof NOTING;
  /**
   * How often the sink checks whether the topic was restored from an older copy and has grown since, ms. Default:
   * 60,000.
   */
  readonly compareEveryMs?: number;
  readonly backOff?: WriterOptions['backOff'];
  /**
   * How long a stop waits until the rows that were read are stored. Then it drops them without a commit. Default:
   * 10,000.
   */
  readonly stopTimeoutMs?: number;
}

/**
 * How often progress is noted, and how long a loss must show, ms: a replica of ClickHouse may for a while show less than
 * another one took, and a rebuild beside the sink may bring back what is missing.
 */
export const NOTING = { everyMs: 5_000, confirmMs: 120_000 };

export interface StoredRecords {
  /** Without rows that were read again. */
  readonly records: readonly LogRecord[];
  /** When the oldest of them was read, and when the INSERT began, epoch ms. */
  readonly readAt: number;
  readonly startedAt: number;
}

export interface FlushLimits {
  readonly rows: number;
  readonly bytes: number;
  readonly ms: number;
}
