import type { ValueReader } from '../codec/value-codec';
import type { LogRecord } from '../port';

export interface OrderListener {
  take(record: LogRecord): void;
  /** The registry did not give a schema, so no further record is taken. */
  onRefused(error: unknown): void;
}

/** Passes records on one after the other, after those that wait for a schema. */
export class InOrder {
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
  add(record: LogRecord, watermark: number | null): number {
    const preparing = this.#reader.prepare([record.value]);
    if (preparing === null && this.#tail === null) {
      this.#listener.take(record);
      return 0;
    }
    if (this.#tail === null) this.heldAt = watermark;
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
