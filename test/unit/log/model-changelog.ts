import type { LogRecord, Task, Topology } from '../../../src/log';
import type { Backend } from '../../../src/log/runtime/backend';

export const RETENTION_MS = 24 * 3_600_000;

export const MODEL_TOPOLOGY: Topology = {
  ...{ group: 'g', input: 'in', changelog: 'changelog', outputs: [], tables: [], timers: false, standbyIn: 'here' },
};

interface Kept {
  readonly record: LogRecord;
  /** When the cleaner may drop this tombstone, epoch ms; null: no cleaner has seen it (KIP-534). */
  horizon: number | null;
}

/** One partition of a compacted topic, as Kafka keeps it: markers take offsets, and the cleaner never touches the active segment. */
export class ModelChangelog {
  id: string | null = 'id 0';
  retentionMs = RETENTION_MS;
  /** Reads break off after so many records. */
  breaksAfter = Infinity;
  /** Reads wait for `until` after so many records. */
  holds: { readonly after: number; readonly until: Promise<unknown> } | null = null;
  unreachable = false;
  /** The end that brokers tell. A new leader may tell too early an end for a moment. */
  shows = Infinity;
  #records: Kept[] = [];
  #beginning = 0;
  #end = 0;
  #committedEnd = 0;
  #activeFrom = 0;
  #made = 0;
  #reads = 0;
  /** Never two records of the same time: what stands at an offset is told by its digest. */
  #written = 0;

  /** One transaction, with its marker. */
  commit(changes: readonly (readonly [key: string, value: number | null])[]): void {
    for (const [key, value] of changes) {
      const record = {
        ...{ topic: 'changelog', partition: 0, offset: this.#end, key: Buffer.from(key), headers: {} },
        ...{ value: value === null ? null : Buffer.from(String(value)), timestamp: (this.#written += 1) },
      };
      this.#records.push({ record, horizon: null });
      this.#end += 1;
    }
    this.#end += 1;
    this.#committedEnd = this.#end;
  }

  /** Nobody reads these. */
  abort(records: number): void {
    this.#end += records + 1;
  }

  /** What was written so far may be cleaned. */
  roll(): void {
    this.#activeFrom = this.#end;
  }

  clean(): void {
    const now = Date.now();
    const last = new Map<string, number>();
    const isActive = ({ record }: Kept): boolean => record.offset >= this.#activeFrom;
    for (const each of this.#records) if (!isActive(each)) last.set(keyOf(each.record), each.record.offset);
    this.#records = this.#records.filter((each) => {
      const { record } = each;
      if (isActive(each)) return true;
      if (last.get(keyOf(record)) !== record.offset) return false;
      if (record.value !== null) return true;
      each.horizon ??= now + this.retentionMs;
      return now < each.horizon;
    });
  }

  /**
   * An unclean election: acknowledged records are gone, and others take their offsets. With 0 only aborted records are
   * gone.
   */
  truncate(records: number): void {
    const kept = this.#records.slice(0, Math.max(0, this.#records.length - records));
    this.#end = this.#committedEnd = this.#records[kept.length]?.record.offset ?? this.#committedEnd;
    this.#records = kept;
    this.#activeFrom = Math.min(this.#activeFrom, this.#end);
  }

  /** Another topic of the same name. */
  recreate(records = 0): void {
    this.id = `id ${(this.#made += 1)}`;
    this.#records = [];
    this.#beginning = this.#end = this.#committedEnd = this.#activeFrom = 0;
    for (let n = 0; n < records; n++) this.commit([['new', n]]);
  }

  /** As `kafka-delete-records`. */
  deleteRecords(records: number): void {
    this.#beginning = this.#records[records]?.record.offset ?? this.#end;
    this.#committedEnd = Math.max(this.#committedEnd, this.#beginning);
    this.#records = this.#records.slice(records);
  }

  /** How often somebody has read it. */
  reads(): number {
    return this.#reads;
  }

  /** @see FencedProducer.restore */
  restore = (onRecord: (record: LogRecord) => void, until: () => boolean, from = this.#beginning): Promise<void> =>
    this.#read(from, this.#end, onRecord, until);

  /** What a task knows that restores in full. */
  restored(): unknown {
    const task = createKeptTask();
    for (const { record } of this.#records) task.restore(record);
    return task.restored();
  }

  // What a member reads of it.
  readonly backend = {
    topics: () => this.#answer(new Map([['changelog', { id: this.id, partitions: 1 }]])),
    bounds: () => this.#answer({ beginning: this.#beginning, end: Math.min(this.shows, this.#end) }),
    tombstoneRetentionMs: () => this.#answer(this.retentionMs),
    readRange: ({ from, to }, onRecord, until) => this.#read(from, to, onRecord, until),
  } satisfies Partial<Backend> as unknown as Backend;

  #answer<T>(value: T): Promise<T> {
    return this.unreachable ? Promise.reject(new Error('the log is away')) : Promise.resolve(value);
  }

  async #read(from: number, to: number, onRecord: (record: LogRecord) => void, until: () => boolean): Promise<void> {
    await this.#answer(null);
    this.#reads += 1;
    let handed = 0;
    for (const { record } of this.#records.filter(({ record: { offset } }) => offset >= from && offset < to)) {
      if (this.holds?.after === handed) await this.holds.until;
      if (until()) return;
      if (handed >= this.breaksAfter) throw new Error('the connection broke');
      onRecord(record);
      handed += 1;
    }
  }
}

/** The task below cannot read this value. */
export const FAILING = -1;

/** A task whose state is the last value of each key. */
export function createKeptTask(): Task {
  const known = new Map<string, number>();
  return {
    restore(record: LogRecord) {
      if (record.value?.toString() === String(FAILING)) throw new Error('a value that the task cannot read');
      if (record.value === null) known.delete(keyOf(record));
      else known.set(keyOf(record), Number(record.value));
    },
    restored: () => known,
    close: () => known.clear(),
  } satisfies Record<'restore' | 'restored' | 'close', unknown> as unknown as Task;
}

function keyOf({ key }: LogRecord): string {
  return String(key);
}
