import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf, OperatorError } from '../common/errors';
import type { LogProducer, OutRecord } from '../log/port';

/**
 * Records on their way into the log, in order. Bounded: the owner of the source is told to stop when too much waits.
 * While the log is away the same batch is tried again for ever: nothing is lost and nothing overtakes.
 */
export interface Sender {
  add(record: OutRecord): void;
  /** Records not yet acknowledged. */
  pending(): number;
  /** Resolves when everything added before the call is acknowledged; rejects when the sender is stopped before that. */
  flushed(): Promise<void>;
  /** Null: all is well; else why the log does not take records, in its words. */
  problem(): string | null;
  /** Sends what waits, as long as the log takes it, for 3 s at most; then stops. What is left is told. */
  stop(): Promise<{ readonly unsent: number }>;
}

export interface SenderOptions {
  readonly producer: LogProducer;
  readonly logger: Logger;
  /** Stop the source: more waits than may. */
  readonly onFull: () => void;
  readonly onRoom: () => void;
  readonly onSent: (records: readonly OutRecord[]) => void;
}

interface Flush {
  /** So many records must be acknowledged. */
  readonly upTo: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const BATCH = { records: 500, bytes: 512 * 1024 };
const FULL = { records: 20_000, bytes: 64 * 1024 * 1024 };
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 5_000;
const STOP_WITHIN_MS = 3_000;

export function createSender({ producer, logger, onFull, onRoom, onSent }: SenderOptions): Sender {
  let waiting: OutRecord[] = [];
  let bytes = 0;
  let full = false;
  let sending: Promise<void> | null = null;
  let stopping = false;
  let stopped = false;
  let problem: string | null = null;
  let added = 0;
  let acknowledged = 0;
  let flushes: readonly Flush[] = [];

  const settleFlushes = (): void => {
    const due = flushes.filter(({ upTo }) => acknowledged >= upTo);
    if (due.length > 0) flushes = flushes.filter(({ upTo }) => acknowledged < upTo);
    for (const flush of due) flush.resolve();
    if (!stopped) return;
    for (const flush of flushes) flush.reject(new OperatorError('stopped before the log had acknowledged everything'));
    flushes = [];
  };

  const take = (): readonly OutRecord[] => {
    let size = 0;
    let count = 0;
    for (const record of waiting) {
      if (count > 0 && (count >= BATCH.records || size + sizeOf(record) > BATCH.bytes)) break;
      size += sizeOf(record);
      count++;
    }
    return waiting.slice(0, count);
  };

  const sendAll = async (): Promise<void> => {
    for (let failures = 0; waiting.length > 0;) {
      const batch = take();
      try {
        await producer.send(batch);
      } catch (error) {
        problem = messageOf(error);
        failures++;
        if (stopping) return;
        logger.warn({ error: problem, pending: waiting.length }, 'the log does not take records, trying again');
        await sleep(Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures));
        continue;
      }
      problem = null;
      failures = 0;
      waiting = waiting.slice(batch.length);
      for (const record of batch) bytes -= sizeOf(record);
      acknowledged += batch.length;
      settleFlushes();
      if (full && waiting.length < FULL.records / 2 && bytes < FULL.bytes / 2) {
        full = false;
        onRoom();
      }
      onSent(batch);
    }
  };

  const start = (): void => {
    sending ??= sendAll().finally(() => {
      sending = null;
      if (waiting.length > 0 && !stopping) start();
    });
  };

  return {
    add: (record) => {
      waiting.push(record);
      added++;
      bytes += sizeOf(record);
      if (!full && (waiting.length >= FULL.records || bytes >= FULL.bytes)) {
        full = true;
        onFull();
      }
      start();
    },
    pending: () => waiting.length,
    flushed: () =>
      new Promise((resolve, reject) => {
        flushes = [...flushes, { upTo: added, resolve, reject }];
        settleFlushes();
      }),
    problem: () => problem,
    stop: async () => {
      stopping = true;
      await Promise.race([sending, sleep(STOP_WITHIN_MS, undefined, { ref: false })]);
      stopped = true;
      settleFlushes();
      return { unsent: waiting.length };
    },
  };
}

function sizeOf(record: OutRecord): number {
  return (record.value?.length ?? 0) + 200;
}
