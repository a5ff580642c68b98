import type { Change } from './types';

/**
 * The rows in memory, and their consumers. A consumer has no queue of versions. It remembers the rows that differ from
 * those that it has delivered (`#pending`), and looks up the newest version when the program asks for the next change.
 * So a slow consumer costs one entry a row, and never gets an old version.
 */
export class LiveTable<Row> {
  readonly #rows = new Map<string, Row>();
  readonly #consumers = new Set<Consumer<Row>>();
  #isClosed = false;

  get size(): number {
    return this.#rows.size;
  }

  get(id: string): Row | undefined {
    return this.#rows.get(id);
  }

  rows(): IterableIterator<Row> {
    return this.#rows.values();
  }

  entries(): IterableIterator<[string, Row]> {
    return this.#rows.entries();
  }

  put(id: string, row: Row): void {
    const before = this.#rows.get(id);
    this.#rows.set(id, row);
    for (const consumer of this.#consumers) consumer.onPut(id, before);
  }

  remove(id: string): void {
    const last = this.#rows.get(id);
    if (last === undefined) return;
    this.#rows.delete(id);
    for (const consumer of this.#consumers) consumer.onRemove(id, last);
  }

  /** Forgets every row, and everything that consumers have delivered. */
  reset(): void {
    this.#rows.clear();
    for (const consumer of this.#consumers) consumer.onReset();
  }

  changes(): AsyncIterable<Change<Row>> {
    return {
      [Symbol.asyncIterator]: () => {
        const consumer = new Consumer(this.#rows, () => this.#consumers.delete(consumer));
        if (this.#isClosed) consumer.close();
        else this.#consumers.add(consumer);
        return consumer;
      },
    };
  }

  /** How many consumers there are. */
  get consumers(): number {
    return this.#consumers.size;
  }

  close(): void {
    this.#isClosed = true;
    for (const consumer of this.#consumers) consumer.close();
  }
}

/** A consumer's knowledge of a row that has changed since. */
interface Pending<Row> {
  /** The consumer has delivered the row. */
  readonly isKnown: boolean;
  /** The row's last version, if it was deleted; undefined: it is in the table. */
  last: Row | undefined;
}

class Consumer<Row> implements AsyncIterator<Change<Row>, undefined> {
  readonly #rows: ReadonlyMap<string, Row>;
  readonly #onClose: () => void;
  readonly #pending = new Map<string, Pending<Row>>();
  #isReset = false;
  #isClosed = false;
  /** Calls of `next` that wait for a change. */
  #sleepers: (() => void)[] = [];

  constructor(rows: ReadonlyMap<string, Row>, onClose: () => void) {
    this.#rows = rows;
    this.#onClose = onClose;
    for (const id of rows.keys()) this.#pending.set(id, { isKnown: false, last: undefined });
  }

  onPut(id: string, before: Row | undefined): void {
    const pending = this.#pending.get(id);
    // If a row is not pending, the consumer has delivered this version.
    if (pending === undefined) this.#pending.set(id, { isKnown: before !== undefined, last: undefined });
    else pending.last = undefined;
    this.#wake();
  }

  onRemove(id: string, last: Row): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) this.#pending.set(id, { isKnown: true, last });
    else if (pending.isKnown) pending.last = last;
    else this.#pending.delete(id);
    this.#wake();
  }

  onReset(): void {
    this.#pending.clear();
    this.#isReset = true;
    this.#wake();
  }

  async next(): Promise<IteratorResult<Change<Row>, undefined>> {
    for (;;) {
      if (this.#isClosed) return { done: true, value: undefined };
      const value = this.#take();
      if (value !== null) return { done: false, value };
      await new Promise<void>((resolve) => this.#sleepers.push(resolve));
    }
  }

  return(): Promise<IteratorResult<Change<Row>, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  close(): void {
    this.#isClosed = true;
    this.#pending.clear();
    this.#onClose();
    this.#wake();
  }

  #take(): Change<Row> | null {
    if (this.#isReset) {
      this.#isReset = false;
      return { type: 'reset' };
    }
    for (const [id, { isKnown, last }] of this.#pending) {
      this.#pending.delete(id);
      const row = this.#rows.get(id);
      if (row !== undefined) return { type: 'upsert', id, row };
      if (isKnown && last !== undefined) return { type: 'delete', id, last };
    }
    return null;
  }

  #wake(): void {
    for (const wake of this.#sleepers.splice(0)) wake();
  }
}
