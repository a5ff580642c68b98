import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { createAge, createDeferred, messageOf } from '../../common';
import type { ValueReader } from '../codec/value-codec';
import type { Log, LogRecord, Reading } from '../port';
import { TOMBSTONE_RETENTION_MS } from '../topics';
import { InOrder } from './in-order';
import { type Loaded, type TableListener, TableRows } from './table-rows';

/** The age of the table. */
export interface Picture {
  /** The table has everything that was committed by then, epoch ms; null: it has not been read yet. */
  readonly watermark: number | null;
  /** When the log last answered, epoch ms; null: never. */
  readonly answeredAt: number | null;
  /** Why the table is not being read at the moment; null: it is. */
  readonly problem: string | null;
}

export interface FollowedTable {
  /**
   * Resolves when the table has been read to its end once. Rejects if the first attempt fails; more attempts follow
   * nevertheless.
   */
  readonly loaded: Promise<void>;
  picture(): Picture;
  /**
   * Forgets keys that the listener no longer wants, without a call to it: nobody deletes keys that retention removes.
   */
  retain(isWanted: (key: string) => boolean): void;
  stop(): Promise<void>;
}

export interface FollowTableOptions<T> {
  readonly log: Pick<Log, 'read' | 'topicId' | 'tombstoneRetentionMs'>;
  readonly topic: string;
  readonly reader: ValueReader<T>;
  readonly listener: TableListener<T>;
  readonly logger: Logger;
  /**
   * Called before each reading. The reading begins at the first record of this time, epoch ms, instead of at the
   * topic's beginning. The table lacks rows that were written earlier.
   */
  readonly since?: () => number;
  /** The pause between two attempts to read. Default 1,000. */
  readonly retryMs?: number;
  /** How often to check that the topic is still the same one. Default 1,000. */
  readonly checkMs?: number;
}

const RETRY_MS = 1_000;
const CHECK_MS = 1_000;
/** How many records may wait for a schema from the registry. With more, the topic is read again later. */
const MOST_WAITING = 50_000;

/**
 * Keeps a compacted topic as a table, forever. Anything that could make it miss a deletion starts a new reading from
 * the beginning: a reading that ended, an offset that the topic no longer has, a recreated topic, a pause of more than
 * half the retention of tombstones, or a reading that took longer than that retention. The listener then gets only the
 * differences. Until the new reading has reached its end, the table stays as it was.
 */
export function followTable<T>(options: FollowTableOptions<T>): FollowedTable {
  const { topic, logger, retryMs = RETRY_MS } = options;
  const stopping = new AbortController();
  const isStopped = (): boolean => stopping.signal.aborted;
  const loaded = createDeferred<undefined>();
  const table = new FollowedTopic(options, () => loaded.resolve(undefined));

  const run = async (): Promise<void> => {
    while (!isStopped()) {
      try {
        await table.readOnce(stopping.signal);
      } catch (error) {
        if (isStopped()) return;
        table.problem = messageOf(error);
        loaded.reject(error);
        options.listener.onReading?.(table.problem);
        logger.warn({ topic, reason: messageOf(error) }, 'queuefold reads the table again from the beginning');
      }
      await sleep(retryMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const running = run();

  return {
    loaded: loaded.promise,
    picture: () => table.picture(),
    retain: (isWanted) => table.retain(isWanted),
    async stop() {
      stopping.abort(new Error('the table is closed'));
      loaded.reject(stopping.signal.reason);
      await running;
    },
  };
}

class FollowedTopic<T> {
  readonly #options: FollowTableOptions<T>;
  readonly #onLoaded: () => void;
  readonly #table: TableRows<T>;
  #watermark: number | null = null;
  #answeredAt: number | null = null;
  /** The reading that keeps the table, or is about to. */
  #current: { readonly reading: Reading; readonly order: InOrder; isLoaded: boolean } | null = null;
  problem: string | null = 'the topic has not been read yet';

  constructor(options: FollowTableOptions<T>, onLoaded: () => void) {
    this.#options = options;
    this.#onLoaded = onLoaded;
    this.#table = new TableRows(options.reader, options.listener);
  }

  picture(): Picture {
    this.#look();
    return { watermark: this.#watermark, answeredAt: this.#answeredAt, problem: this.problem };
  }

  retain(isWanted: (key: string) => boolean): void {
    this.#table.retain(isWanted);
  }

  /** Reads from the beginning and then follows. Rejects with the error that ended it. */
  async readOnce(stopped: AbortSignal): Promise<void> {
    const { log, topic, reader, since, checkMs = CHECK_MS } = this.#options;
    const begin = since === undefined ? {} : { since: since() };
    const topicId = await log.topicId(topic);
    const keptMs = await this.#tombstonesKeptMs();
    const ending = new AbortController();
    const { signal } = ending;
    const rows = new Map<string, Loaded<T>>();
    const age = createAge();
    let isLoading = true;
    const order = new InOrder(reader, {
      take: (record) => this.#table.take(record, isLoading ? rows : null),
      onRefused: (error) => ending.abort(error),
    });
    const onStopped = (): void => ending.abort(stopped.reason);
    stopped.addEventListener('abort', onStopped, { once: true });
    let reading: Reading | null = null;
    try {
      const onRecord = (record: LogRecord): void => {
        if (order.add(record, reading?.progress().watermark ?? null) > MOST_WAITING)
          ending.abort(new Error('the schema registry does not give a schema that records need'));
      };
      reading = await log.read({ topics: [topic], ...begin, follow: true, onGap: 'end', onRecord });
      reading.done.then(
        () => ending.abort(new Error('Kafka ended the reading')),
        (error: unknown) => ending.abort(error),
      );
      stopped.throwIfAborted();
      const current = { reading, order, isLoaded: false };
      this.#current = current;
      await abortable(reading.caughtUp, signal);
      await abortable(order.done(), signal);
      if ((await abortable(log.topicId(topic), signal)) !== topicId) throw new RecreatedError(topic);
      // A machine may have slept, for instance: Kafka may have removed a tombstone whose row had been read.
      if (age() > keptMs) throw new SlowReadingError(topic, age(), keptMs);
      isLoading = false;
      current.isLoaded = true;
      this.#table.replace(rows, topicId);
      this.problem = null;
      this.#options.listener.onReading?.(null);
      this.#onLoaded();
      await this.#watch({ topicId, keptMs, checkMs, signal });
    } finally {
      stopped.removeEventListener('abort', onStopped);
      this.#look();
      this.#current = null;
      order.close();
      await reading?.stop();
    }
  }

  /** Watches until a new reading is necessary, and rejects with the reason. */
  async #watch(watch: {
    readonly topicId: string | null;
    readonly keptMs: number;
    readonly checkMs: number;
    readonly signal: AbortSignal;
  }): Promise<never> {
    const { log, topic } = this.#options;
    const { topicId, keptMs, checkMs, signal } = watch;
    let watermark = Date.now();
    for (;;) {
      await sleep(checkMs, undefined, { signal }).catch(() => signal.throwIfAborted());
      // A machine may have slept here, too: nobody would report what was compacted away meanwhile.
      if (Date.now() - watermark > keptMs / 2)
        throw new Error('nothing came for longer than Kafka surely keeps tombstones');
      watermark = this.picture().watermark ?? watermark;
      const found = await abortable(
        log.topicId(topic).catch(() => undefined),
        signal,
      );
      // Undefined: the log is away, or the topic does not exist now. The reading reports it, and the table stays.
      if (found !== undefined && found !== topicId) throw new RecreatedError(topic);
    }
  }

  /** Notes the progress of the reading. */
  #look(): void {
    if (this.#current === null) return;
    const { reading, order, isLoaded } = this.#current;
    const { watermark, answeredAt, problem } = reading.progress();
    this.#answeredAt = answeredAt;
    if (!isLoaded) return;
    this.#watermark = order.isWaiting ? (order.heldAt ?? this.#watermark) : (watermark ?? this.#watermark);
    this.problem = problem ?? (order.isWaiting ? 'the schema registry has not given the schema of a record yet' : null);
  }

  async #tombstonesKeptMs(): Promise<number> {
    const { log, topic } = this.#options;
    try {
      return (await log.tombstoneRetentionMs(topic)) ?? Infinity;
    } catch {
      // A reader need not have permission to see the topic's settings; this is the value that `setup` sets.
      return TOMBSTONE_RETENTION_MS;
    }
  }
}

class RecreatedError extends Error {
  constructor(topic: string) {
    super(`${topic} was deleted and recreated`);
  }
}

class SlowReadingError extends Error {
  constructor(topic: string, tookMs: number, keptMs: number) {
    super(
      `reading ${topic} took ${Math.ceil(tookMs / 1_000)} s, and the topic keeps tombstones for ` +
        `${Math.floor(keptMs / 1_000)} s only, so a deletion may be missing. Set a longer delete.retention.ms.`,
    );
  }
}

/** Waits no longer than the signal allows. @throws the signal's reason */
async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = createDeferred<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
