import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf } from '../common';
import type { UnreadableReason, ValueReader } from './codec/value-codec';
import type { Log, LogRecord, Reading } from './port';
import { createDeferred } from './runtime/signal';
import { TOMBSTONE_RETENTION_MS } from './topics';

/** Called for every step of the table, in order. Must not throw. */
export interface TableListener<T> {
  onRow(key: string, row: T): void;
  onDelete(key: string): void;
  /** While the table is read from the beginning: a version that a later one of the topic replaces. */
  onEarlier?(key: string, row: T): void;
  /** The topic was recreated: forget all rows. The rows of the new topic follow at once. */
  onReset(): void;
  /** The record changes nothing. */
  onUnreadable(record: UnreadableRecord): void;
  /**
   * Null: the table is complete, and stays current. Otherwise why it must be read again; until then it stays as it is.
   */
  onReading?(problem: string | null): void;
}

export interface UnreadableRecord extends Pick<LogRecord, 'topic' | 'partition' | 'offset'> {
  readonly reason: UnreadableReason | 'no-key';
}

/** The age of the table. */
export interface Picture {
  /** The table has everything that was committed by then, epoch ms; null: it has not been read yet. */
  readonly asOf: number | null;
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

interface Loaded<T> {
  readonly row: T;
  readonly offset: number;
}

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
  /** For each key, the offset of its version in the table. */
  #offsets = new Map<string, number>();
  /** Undefined: there is no table yet. Null: the log has no ids. */
  #topicId: string | null | undefined;
  #asOf: number | null = null;
  #answeredAt: number | null = null;
  /** The reading that keeps the table, or is about to. */
  #current: { readonly reading: Reading; readonly order: InOrder; isLoaded: boolean } | null = null;
  problem: string | null = 'the topic has not been read yet';

  constructor(options: FollowTableOptions<T>, onLoaded: () => void) {
    this.#options = options;
    this.#onLoaded = onLoaded;
  }

  picture(): Picture {
    this.#look();
    return { asOf: this.#asOf, answeredAt: this.#answeredAt, problem: this.problem };
  }

  retain(isWanted: (key: string) => boolean): void {
    for (const key of this.#offsets.keys()) if (!isWanted(key)) this.#offsets.delete(key);
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
    const begunAt = Date.now();
    let isLoading = true;
    const order = new InOrder(reader, {
      take: (record) => this.#take(record, isLoading ? rows : null),
      onRefused: (error) => ending.abort(error),
    });
    const onStopped = (): void => ending.abort(stopped.reason);
    stopped.addEventListener('abort', onStopped, { once: true });
    let reading: Reading | null = null;
    try {
      const onRecord = (record: LogRecord): void => {
        if (order.add(record, reading?.progress().asOf ?? null) > MOST_WAITING)
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
      if (Date.now() - begunAt > keptMs) throw new SlowReadingError(topic, Date.now() - begunAt, keptMs);
      isLoading = false;
      current.isLoaded = true;
      this.#replace(rows, topicId);
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
    let asOf = Date.now();
    for (;;) {
      await sleep(checkMs, undefined, { signal }).catch(() => signal.throwIfAborted());
      // A machine may have slept here, too: nobody would report what was compacted away meanwhile.
      if (Date.now() - asOf > keptMs / 2) throw new Error('nothing came for longer than Kafka surely keeps tombstones');
      asOf = this.picture().asOf ?? asOf;
      const found = await abortable(
        log.topicId(topic).catch(() => undefined),
        signal,
      );
      // Undefined: the log is away, or the topic does not exist now. The reading reports it, and the table stays.
      if (found !== undefined && found !== topicId) throw new RecreatedError(topic);
    }
  }

  #take(record: LogRecord, loading: Map<string, Loaded<T>> | null): void {
    const { reader, listener } = this.#options;
    const { topic, partition, offset } = record;
    if (record.key === null) {
      listener.onUnreadable({ topic, partition, offset, reason: 'no-key' });
      return;
    }
    const key = record.key.toString();
    if (record.value === null) {
      if (loading !== null) loading.delete(key);
      else if (this.#offsets.delete(key)) listener.onDelete(key);
      return;
    }
    const decoded = reader.decode(record.value);
    if (!decoded.ok) {
      listener.onUnreadable({ topic, partition, offset, reason: decoded.reason });
    } else if (loading !== null) {
      const earlier = loading.get(key);
      if (earlier !== undefined) listener.onEarlier?.(key, earlier.row);
      loading.set(key, { row: decoded.value, offset });
    } else {
      this.#offsets.set(key, offset);
      listener.onRow(key, decoded.value);
    }
  }

  /** Replaces the table by the rows that were read. */
  #replace(rows: ReadonlyMap<string, Loaded<T>>, topicId: string | null): void {
    const { listener } = this.#options;
    const before = this.#offsets;
    const isAnew = this.#topicId !== undefined && this.#topicId !== topicId;
    // Without ids an offset does not show whether it is still the same record.
    const isSame = topicId !== null && this.#topicId === topicId;
    this.#topicId = topicId;
    this.#offsets = new Map([...rows].map(([key, { offset }]) => [key, offset]));
    if (isAnew) listener.onReset();
    else for (const key of before.keys()) if (!rows.has(key)) listener.onDelete(key);
    for (const [key, { row, offset }] of rows) {
      if (!isSame || before.get(key) !== offset) listener.onRow(key, row);
    }
    this.problem = null;
    listener.onReading?.(null);
    this.#onLoaded();
  }

  /** Notes the progress of the reading. */
  #look(): void {
    if (this.#current === null) return;
    const { reading, order, isLoaded } = this.#current;
    const { asOf, answeredAt, problem } = reading.progress();
    this.#answeredAt = answeredAt;
    if (!isLoaded) return;
    this.#asOf = order.isWaiting ? (order.heldAt ?? this.#asOf) : (asOf ?? this.#asOf);
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

interface OrderListener {
  take(record: LogRecord): void;
  /** The registry did not give a schema, so no further record is taken. */
  onRefused(error: unknown): void;
}

/** Passes records on one after the other, after those that wait for a schema. */
class InOrder {
  readonly #reader: Pick<ValueReader<unknown>, 'prepare'>;
  readonly #listener: OrderListener;
  #tail: Promise<void> | null = null;
  #waiting = 0;
  #isClosed = false;
  /** The time of the complete table when the first of them began to wait; null: not known. */
  heldAt: number | null = null;

  constructor(reader: Pick<ValueReader<unknown>, 'prepare'>, listener: OrderListener) {
    this.#reader = reader;
    this.#listener = listener;
  }

  get isWaiting(): boolean {
    return this.#tail !== null;
  }

  /** @returns the number of waiting records */
  add(record: LogRecord, asOf: number | null): number {
    const preparing = this.#reader.prepare([record.value]);
    if (preparing === null && this.#tail === null) {
      this.#listener.take(record);
      return 0;
    }
    if (this.#tail === null) this.heldAt = asOf;
    this.#waiting += 1;
    const mine: Promise<void> = Promise.all([this.#tail, preparing]).then(
      () => {
        this.#waiting -= 1;
        if (this.#tail === mine) this.#tail = null;
        if (!this.#isClosed) this.#listener.take(record);
      },
      // No later record may pass without this one, so everything is read again.
      (error: unknown) => {
        this.close();
        this.#listener.onRefused(error);
      },
    );
    this.#tail = mine;
    return this.#waiting;
  }

  async done(): Promise<void> {
    while (this.#tail !== null && !this.#isClosed) await this.#tail;
  }

  /** Takes no further records. */
  close(): void {
    this.#isClosed = true;
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
