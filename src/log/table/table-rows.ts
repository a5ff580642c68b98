import type { UnreadableReason, ValueReader } from '../codec/value-codec';
import type { LogRecord } from '../port';

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

export interface Loaded<T> {
  readonly row: T;
  readonly offset: number;
}

/** Which version of each key the table has. It tells the listener what changes. */
export class TableRows<T> {
  readonly #reader: Pick<ValueReader<T>, 'decode'>;
  readonly #listener: TableListener<T>;
  /** For each key, the offset of its version in the table. */
  #offsets = new Map<string, number>();
  /** Undefined: there is no table yet. Null: the log has no ids. */
  #topicId: string | null | undefined;

  constructor(reader: Pick<ValueReader<T>, 'decode'>, listener: TableListener<T>) {
    this.#reader = reader;
    this.#listener = listener;
  }

  /** Forgets keys, without a call to the listener. */
  retain(isWanted: (key: string) => boolean): void {
    for (const key of this.#offsets.keys()) if (!isWanted(key)) this.#offsets.delete(key);
  }

  /** @param loading the rows of a reading that is not complete yet; null: the record changes the table itself */
  take(record: LogRecord, loading: Map<string, Loaded<T>> | null): void {
    const listener = this.#listener;
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
    const decoded = this.#reader.decode(record.value);
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
  replace(rows: ReadonlyMap<string, Loaded<T>>, topicId: string | null): void {
    const listener = this.#listener;
    const before = this.#offsets;
    const isRecreated = this.#topicId !== undefined && this.#topicId !== topicId;
    // Without ids an offset does not show whether it is still the same record.
    const isSame = topicId !== null && this.#topicId === topicId;
    this.#topicId = topicId;
    this.#offsets = new Map([...rows].map(([key, { offset }]) => [key, offset]));
    if (isRecreated) listener.onReset();
    else for (const key of before.keys()) if (!rows.has(key)) listener.onDelete(key);
    for (const [key, { row, offset }] of rows) {
      if (!isSame || before.get(key) !== offset) listener.onRow(key, row);
    }
  }
}
