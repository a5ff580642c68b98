import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf, OperatorError } from '../common';
import type { ConversationEvent, Limits } from '../conversation';
import { RefusedRecordsError, type LogProducer, type OutRecord, type ValueCodec } from '../log';
import { createWaiting, type Entry } from './waiting';

/**
 * Records on their way into the log, in order. Bounded: when much waits, snapshots of a conversation are merged, and when
 * that is not enough, the owner of the source is told to stop. While the log is away the same batch is tried again for
 * ever: nothing is lost and nothing overtakes.
 */
export interface Sender {
  /** @param event what `record` holds, if it is a conversation's event: only such may be merged */
  add(record: OutRecord, event?: ConversationEvent): void;
  /** Records not yet acknowledged. */
  pending(): number;
  /** When the oldest of them was added, epoch ms; null: all are acknowledged. */
  oldestAt(): number | null;
  /**
   * Resolves when everything added before the call is acknowledged, be it merged with others; rejects when the sender is
   * stopped before that.
   */
  flushed(): Promise<void>;
  /** Null: all is well; else why the log does not take records, in its words. */
  problem(): string | null;
  /** Sends what waits, as long as the log takes it, for 3 s at most; then stops. What is left is told. */
  stop(): Promise<{ readonly unsent: number }>;
}

export interface SenderOptions {
  readonly producer: LogProducer;
  readonly logger: Logger;
  readonly events: ValueCodec<ConversationEvent>;
  readonly limits: Limits;
  /** So much memory may be taken by what waits: `BRIDGE_PENDING_BYTES`. */
  readonly pendingBytes: number;
  /** Stop the source: more waits than may. */
  readonly onFull: () => void;
  /** Half of it has gone. */
  readonly onRoom: () => void;
  readonly onSent: (entries: readonly Entry[]) => void;
  /**
   * The log will never take this record. Answers what is sent in its place; null: nothing.
   * @param answer the log's, such as MESSAGE_TOO_LARGE
   */
  readonly onRefused: (record: OutRecord, answer: string) => OutRecord | null;
  /** What waits has changed. */
  readonly onPending: (pending: { readonly conversations: number; readonly bytes: number }) => void;
  /** So many snapshots went into others, and need not be sent. */
  readonly onCoalesced: (snapshots: number) => void;
}

interface Flush {
  /** All numbers up to it must be acknowledged. */
  readonly upTo: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const BATCH = { records: 500, bytes: 1024 * 1024 };
/** In normal operation nothing is merged: every state of a conversation reaches the history. */
const MERGE_ABOVE_RECORDS = 2_000;
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 5_000;
const STOP_WITHIN_MS = 3_000;

export function createSender(options: SenderOptions): Sender {
  const { producer, logger, pendingBytes, onFull, onRoom, onSent, onPending } = options;
  const waiting = createWaiting({
    ...options,
    mergeAbove: { records: MERGE_ABOVE_RECORDS, bytes: pendingBytes / 8 },
  });
  let full = false;
  let sending: Promise<void> | null = null;
  let stopping = false;
  let stopped = false;
  let problem: string | null = null;
  let flushes: readonly Flush[] = [];

  const tellPending = (): void => onPending({ conversations: waiting.conversations(), bytes: waiting.bytes() });

  const settleFlushes = (): void => {
    const first = waiting.first();
    const due = flushes.filter(({ upTo }) => upTo < first);
    if (due.length > 0) flushes = flushes.filter(({ upTo }) => upTo >= first);
    for (const flush of due) flush.resolve();
    if (!stopped) return;
    for (const flush of flushes) flush.reject(new OperatorError('stopped before the log had acknowledged everything'));
    flushes = [];
  };

  /** False: given up, because the sender stops. What becomes of a batch whose answer was lost is not known: it stays as it is. */
  const deliver = async (batch: readonly OutRecord[]): Promise<boolean> => {
    let records = batch;
    for (let failures = 1; ; failures++) {
      try {
        await producer.send(records);
        problem = null;
        return true;
      } catch (error) {
        if (error instanceof RefusedRecordsError) {
          // All others are stored; a dead letter that is refused, too, has no successor.
          records = error.records.flatMap((record) => options.onRefused(record, error.message) ?? []);
          if (records.length === 0) return true;
          continue;
        }
        problem = messageOf(error);
        if (stopping) return false;
        logger.warn({ error: problem, pending: waiting.records() }, 'the log does not take records, trying again');
        await sleep(Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures));
      }
    }
  };

  const sendAll = async (): Promise<void> => {
    for (let batch = waiting.take(BATCH); batch.length > 0; batch = waiting.take(BATCH)) {
      const records = batch.map(({ record }) => record);
      if (!(await deliver(records))) return;
      waiting.done(batch);
      tellPending();
      settleFlushes();
      if (full && waiting.bytes() < pendingBytes / 2) {
        full = false;
        onRoom();
      }
      onSent(batch);
    }
  };

  const start = (): void => {
    sending ??= sendAll().finally(() => {
      sending = null;
      if (waiting.records() > 0 && !stopping) start();
    });
  };

  return {
    add: (record, event) => {
      waiting.add(record, event ?? null);
      tellPending();
      if (!full && waiting.bytes() >= pendingBytes) {
        full = true;
        onFull();
      }
      start();
    },
    pending: waiting.records,
    oldestAt: waiting.oldestAt,
    flushed: () =>
      new Promise((resolve, reject) => {
        flushes = [...flushes, { upTo: waiting.last(), resolve, reject }];
        settleFlushes();
      }),
    problem: () => problem,
    stop: async () => {
      stopping = true;
      await Promise.race([sending, sleep(STOP_WITHIN_MS, undefined, { ref: false })]);
      stopped = true;
      settleFlushes();
      return { unsent: waiting.records() };
    },
  };
}
