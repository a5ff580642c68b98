import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf } from '../common';
import type { UnreadableReason, ValueReader } from './codec/value-codec';
import type { Log, LogRecord, Reading } from './port';
import { createDeferred } from './runtime/signal';
import { TOMBSTONE_RETENTION_MS } from './topics';

/** Told of every step of the table, in order. Must not throw. */
export interface TableListener<T> {
  onRow(key: string, row: T): void;
  onDelete(key: string): void;
  /** While the table is read from the beginning: a version that a later one of the topic replaces. */
  onEarlier?(key: string, row: T): void;
  /** The topic was recreated: nothing of the table holds any more. The rows of the new topic follow at once. */
  onReset(): void;
  /** The record changes nothing. */
  onUnreadable(record: UnreadableRecord): void;
  /** Null: the table is complete, and goes on. Else why it has to be read again; until then it stays as it is. */
  onReading?(problem: string | null): void;
}

export interface UnreadableRecord extends Pick<LogRecord, 'topic' | 'partition' | 'offset'> {
  readonly reason: UnreadableReason | 'no-key';
}

/** How old the table is. */
export interface Picture {
  /** Everything that was committed by then is in it, epoch ms; null: it has not been read yet. */
  readonly asOf: number | null;
  /** When the log last answered, epoch ms; null: never. */
  readonly answeredAt: number | null;
  /** Why it is not being read at the moment; null: it is. */
  readonly problem: string | null;
}

export interface FollowedTable {
  /** The table has been read to its end once. Rejects when the first attempt fails; further ones follow all the same. */
  readonly loaded: Promise<void>;
  picture(): Picture;
  /** Forgets keys without telling the listener, who no longer wants them: nobody deletes what retention takes. */
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
   * Asked before each reading: it begins at the first record of this time, epoch ms, instead of at the topic's beginning.
   * Rows that were written before are not in the table.
   */
  readonly since?: () => number;
  /** Between two attempts to read. Default 1,000. */
  readonly retryMs?: number;
  /** Between two questions whether the topic is still the same one. Default 1,000. */
  readonly checkMs?: number;
}

const RETRY_MS = 1_000;
const CHECK_MS = 1_000;
/** Records behind one whose schema the registry does not tell: beyond that the topic is read again later. */
const MOST_WAITING = 50_000;

interface Loaded<T> {
  readonly row: T;
  readonly offset: number;
}

/**
 * Keeps a compacted topic as a table, for ever. Whatever could make it miss a deletion begins a new reading from the
 * beginning, and the listener is told of what differs: a reading that ended, a place that the topic no longer has, a topic
 * recreated, a pause of more than half the time for which tombstones are kept, a reading that took longer than that time.
 * Until the new reading has reached its end, the table stays as it was.
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
  /** Of each key the offset of its version in the table. */
  #offsets = new Map<string, number>();
  /** Undefined: there is no table yet. Null: the log tells no ids. */
  #topicId: string | null | undefined;
  #asOf: number | null = null;
  #answeredAt: number | null = null;
  /** The one that keeps the table, or is about to. */
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

  /** Reads from the beginning and goes on; rejects with what ended it. */
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
      // Of a machine that slept, for instance: Kafka may have removed a tombstone whose row had been read.
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

  /** Until something makes a new reading necessary; rejects with it. */
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
      // Also of a machine that slept: what was compacted away meanwhile, nobody would tell.
      if (Date.now() - asOf > keptMs / 2) throw new Error('nothing came for longer than Kafka surely keeps tombstones');
      asOf = this.picture().asOf ?? asOf;
      const found = await abortable(
        log.topicId(topic).catch(() => undefined),
        signal,
      );
      // Undefined: the log is away, or there is no such topic now. The reading says so, and the table stays.
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

  /** The table becomes what was read. */
  #replace(rows: ReadonlyMap<string, Loaded<T>>, topicId: string | null): void {
    const { listener } = this.#options;
    const before = this.#offsets;
    const isAnew = this.#topicId !== undefined && this.#topicId !== topicId;
    // Without ids an offset does not tell whether it is still the same record.
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

  /** Notes how far the reading has come. */
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
      // A reader need not be allowed to see the topic's settings: it is what `setup` sets.
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
  /** The registry did not tell a schema; nothing more is taken. */
  onRefused(error: unknown): void;
}

/** Records one after the other, behind those whose schema is being asked for. */
class InOrder {
  readonly #reader: Pick<ValueReader<unknown>, 'prepare'>;
  readonly #listener: OrderListener;
  #tail: Promise<void> | null = null;
  #waiting = 0;
  #isClosed = false;
  /** As of when the table was complete when the first of them began to wait; null: not known. */
  heldAt: number | null = null;

  constructor(reader: Pick<ValueReader<unknown>, 'prepare'>, listener: OrderListener) {
    this.#reader = reader;
    this.#listener = listener;
  }

  get isWaiting(): boolean {
    return this.#tail !== null;
  }

  /** @returns how many wait */
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
      // No later record may be taken without this one: all is read again.
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

  /** Nothing more is taken. */
  close(): void {
    this.#isClosed = true;
  }
}

/** Does not wait for longer than the signal lets it. @throws the signal's reason */
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
