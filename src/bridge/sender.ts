import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { backoffMs, messageOf, OperatorError } from '../common';
import type { ConversationEvent, Limits } from '../conversation';
import { RefusedRecordsError, type LogProducer, type OutRecord, type ValueCodec } from '../log';
import { createWaiting, type Entry, type Waiting } from './waiting';

/**
 * Records on their way into the log, in order. Memory is bounded: when many records wait, the sender merges snapshots
 * of a conversation; if that is not enough, it tells the owner of the source to stop. While the log is away the sender
 * tries the same batch again forever: no record is lost and none overtakes another.
 */
export interface Sender {
  /** @param event the conversation's event in `record`, if it holds one: the sender merges only these */
  add(record: OutRecord, event?: ConversationEvent): void;
  /** The number of records that the log has not acknowledged. */
  pending(): number;
  /** When the oldest pending record was added, epoch ms; null: all are acknowledged. */
  oldestAt(): number | null;
  /**
   * Resolves when the log has acknowledged every record added before the call, also those merged with others. Rejects
   * if the sender stops before that.
   */
  flushed(): Promise<void>;
  /** Null: all is well; else why the log does not take records, in the log's words. */
  problem(): string | null;
  /**
   * Sends waiting records for at most 3 s, as long as the log takes them, and then stops. Returns how many are left.
   */
  stop(): Promise<{ readonly unsent: number }>;
}

export interface SenderOptions {
  readonly producer: LogProducer;
  readonly logger: Logger;
  readonly events: ValueCodec<ConversationEvent>;
  readonly limits: Limits;
  /** The memory that waiting records may take: `BRIDGE_PENDING_BYTES`. */
  readonly pendingBytes: number;
  /** More records wait than allowed: stop the source. */
  readonly onFull: () => void;
  /** Half of the waiting records have gone: resume the source. */
  readonly onRoom: () => void;
  readonly onSent: (entries: readonly Entry[]) => void;
  /**
   * The log will never take this record. Returns the record to send in its place; null: none.
   * @param answer the log's error, e.g. MESSAGE_TOO_LARGE
   */
  readonly onRefused: (record: OutRecord, answer: string) => OutRecord | null;
  /** The number of waiting records has changed. */
  readonly onPending: (pending: { readonly conversations: number; readonly bytes: number }) => void;
  /** This many snapshots were merged into others and need not be sent. */
  readonly onCoalesced: (snapshots: number) => void;
}

interface Flush {
  /** Resolves once all numbers up to this one are acknowledged. */
  readonly upTo: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const BATCH = { records: 500, bytes: 1024 * 1024 };
/** In normal operation the sender merges nothing: every state of a conversation reaches the history. */
const MERGE_ABOVE_RECORDS = 2_000;
const FIRST_RETRY_MS = 400;
const LAST_RETRY_MS = 5_000;
const STOP_WITHIN_MS = 3_000;

export function createSender(options: SenderOptions): Sender {
  return new RecordSender(options);
}

class RecordSender implements Sender {
  readonly #options: SenderOptions;
  readonly #waiting: Waiting;
  #full = false;
  #sending: Promise<void> | null = null;
  #phase: 'running' | 'stopping' | 'stopped' = 'running';
  #problem: string | null = null;
  #flushes: readonly Flush[] = [];

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#waiting = createWaiting({
      ...options,
      mergeAbove: { records: MERGE_ABOVE_RECORDS, bytes: options.pendingBytes / 8 },
    });
  }

  add(record: OutRecord, event?: ConversationEvent): void {
    this.#waiting.add(record, event ?? null);
    this.#tellPending();
    if (!this.#full && this.#waiting.bytes() >= this.#options.pendingBytes) {
      this.#full = true;
      this.#options.onFull();
    }
    this.#start();
  }

  pending(): number {
    return this.#waiting.records();
  }

  oldestAt(): number | null {
    return this.#waiting.oldestAt();
  }

  flushed(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#flushes = [...this.#flushes, { upTo: this.#waiting.last(), resolve, reject }];
      this.#settleFlushes();
    });
  }

  problem(): string | null {
    return this.#problem;
  }

  async stop(): Promise<{ readonly unsent: number }> {
    this.#phase = 'stopping';
    await Promise.race([this.#sending, sleep(STOP_WITHIN_MS, undefined, { ref: false })]);
    this.#phase = 'stopped';
    this.#settleFlushes();
    return { unsent: this.#waiting.records() };
  }

  #start(): void {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = null;
      if (this.#waiting.records() > 0 && this.#phase === 'running') this.#start();
    });
  }

  async #sendAll(): Promise<void> {
    const waiting = this.#waiting;
    for (let batch = waiting.take(BATCH); batch.length > 0; batch = waiting.take(BATCH)) {
      const records = batch.map(({ record }) => record);
      if (!(await this.#deliver(records))) return;
      waiting.done(batch);
      this.#tellPending();
      this.#settleFlushes();
      if (this.#full && waiting.bytes() < this.#options.pendingBytes / 2) {
        this.#full = false;
        this.#options.onRoom();
      }
      this.#options.onSent(batch);
    }
  }

  /**
   * False: it gave up, because the sender stops. If an answer was lost, the batch may be stored or not, so it stays as
   * it is.
   */
  async #deliver(batch: readonly OutRecord[]): Promise<boolean> {
    const { producer, logger, onRefused } = this.#options;
    let records = batch;
    for (let failures = 1; ; failures++) {
      try {
        await producer.send(records);
        this.#problem = null;
        return true;
      } catch (error) {
        if (error instanceof RefusedRecordsError) {
          // The log has stored all other records. A refused dead letter has no successor.
          records = error.records.flatMap((record) => onRefused(record, error.message) ?? []);
          if (records.length === 0) return true;
          continue;
        }
        this.#problem = messageOf(error);
        if (this.#phase !== 'running') return false;
        logger.warn(
          { error: this.#problem, pending: this.#waiting.records() },
          'Kafka takes no records: the bridge tries again',
        );
        await sleep(backoffMs(failures, FIRST_RETRY_MS, LAST_RETRY_MS));
      }
    }
  }

  #settleFlushes(): void {
    const first = this.#waiting.first();
    const due = this.#flushes.filter(({ upTo }) => upTo < first);
    if (due.length > 0) this.#flushes = this.#flushes.filter(({ upTo }) => upTo >= first);
    for (const flush of due) flush.resolve();
    if (this.#phase !== 'stopped') return;
    for (const flush of this.#flushes) {
      flush.reject(new OperatorError('the bridge stopped before Kafka acknowledged everything'));
    }
    this.#flushes = [];
  }

  #tellPending(): void {
    this.#options.onPending({ conversations: this.#waiting.conversations(), bytes: this.#waiting.bytes() });
  }
}
