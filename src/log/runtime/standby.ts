import { type Age, createAge } from '../../common';
import type { LogRecord, RecordMark, Task, Topology } from '../port';
import type { Backend, FencedProducer } from './backend';
import { digestOf } from './digest';
import { ofTask } from './task-errors';

/** The changelog no longer continues the records that the copy has read, so the copy must be thrown away. */
export class UnusableCopy extends Error {}

export interface Place {
  readonly backend: Backend;
  readonly topology: Topology;
  readonly partition: number;
}

/** A partition of a changelog, in its present state. */
export interface Changelog {
  readonly id: string;
  readonly beginning: number;
  readonly end: number;
  readonly tombstonesKeptMs: number;
}

/**
 * A task that is restored while another member owns its partition. It becomes this member's task if the changelog is
 * certainly the one that it has read, and once it has read the rest behind the fence (docs/explanation/failover.md,
 * "Standby copies").
 */
export class StandbyCopy {
  readonly task: Task;
  readonly #origin: Changelog;
  #last: LogRecord | null = null;
  #mark: RecordMark | null = null;
  /** Only the latest read hands records over. */
  #reads = 0;
  /** It has read everything that was committed by then; before the first complete reading: its beginning. */
  #age = createAge();
  #tombstonesKeptMs: number;
  /** It has read everything below this offset. */
  #position: number;
  #isComplete = false;

  constructor(task: Task, origin: Changelog) {
    this.task = task;
    this.#origin = origin;
    this.#tombstonesKeptMs = origin.tombstonesKeptMs;
    this.#position = origin.beginning;
  }

  /** How far it is behind a changelog with this end, in offsets. */
  lag(end: number): number {
    return Math.max(0, end - this.#position);
  }

  /**
   * What to do about a changelog that ends here now. `wait`: it lacks the copy's last record. A new leader may show too
   * few records for a moment; if the record is lost, other records will take its place, and reading finds them.
   */
  compare(end: number): 'at the end' | 'read' | 'wait' {
    if (end === this.#position) return 'at the end';
    const mark = this.#markOfLast();
    if (mark === null || end > mark.offset) return 'read';
    this.#isComplete = false;
    return 'wait';
  }

  isWarm(): boolean {
    return this.#isComplete && this.#markOfLast() !== null && this.#isFresh();
  }

  /**
   * @throws UnusableCopy if this is another changelog, or one that may have lost tombstones that the copy never read
   */
  check({ id, beginning, tombstonesKeptMs }: Changelog): void {
    this.#tombstonesKeptMs = Math.min(this.#tombstonesKeptMs, tombstonesKeptMs);
    if (id !== this.#origin.id) throw new UnusableCopy('the changelog was recreated');
    if (beginning !== this.#origin.beginning) throw new UnusableCopy('the first records of the changelog were deleted');
    if (!this.#isFresh()) throw new UnusableCopy('it was behind for so long that tombstones may be gone');
  }

  /**
   * Continues to read. The first record must be the copy's last one: a log that went back and has grown again has
   * another record there. Returns the number of new records.
   * @param read hands over the committed records from an offset on, until `until`
   * @throws UnusableCopy
   */
  async readOn(
    read: (from: number, onRecord: (record: LogRecord) => void) => Promise<void>,
    until: () => boolean,
  ): Promise<number> {
    const mark = this.#markOfLast();
    const mine = (this.#reads += 1);
    let previous = mark === null ? this.#origin.beginning - 1 : mark.offset - 1;
    let records = 0;
    const onRecord = (record: LogRecord): void => {
      if (mine !== this.#reads) return;
      const isMark = mark !== null && previous < mark.offset;
      if (isMark && !isSame(record, mark)) throw new UnusableCopy('its last record is no longer there');
      if (record.offset <= previous) throw new UnusableCopy(`offset ${record.offset} came after ${previous}`);
      previous = record.offset;
      if (isMark) return;
      ofTask(() => this.task.restore(record));
      this.#last = record;
      this.#position = record.offset + 1;
      records += 1;
    };
    try {
      await read(mark?.offset ?? this.#origin.beginning, onRecord);
    } finally {
      // A record keeps everything in memory that was fetched with it.
      this.#markOfLast();
    }
    if (mark !== null && previous < mark.offset && !until()) {
      throw new UnusableCopy('its last record is no longer there');
    }
    return records;
  }

  /**
   * Behind the fence: reads the rest of the changelog. Returns the number of new records. After an error that is not an
   * UnusableCopy the caller may try the copy again.
   * @throws UnusableCopy
   */
  async takeOver(place: Place, producer: Pick<FencedProducer, 'restore'>, until: () => boolean): Promise<number> {
    const changelog = await lookAt(place);
    if (changelog === null) throw new UnusableCopy('the log no longer gives the id of the changelog');
    this.check(changelog);
    const records = await this.readOn((from, onRecord) => producer.restore(onRecord, until, from), until);
    if (!this.#isFresh()) throw new UnusableCopy('the rest took so long that tombstones may be gone');
    return records;
  }

  /** The copy has read everything that was committed when `age` began, when the changelog ended at `end`. */
  completed(age: Age, end: number): void {
    this.#age = age;
    this.#position = end;
    this.#isComplete = true;
  }

  close(): void {
    this.#reads += 1;
    this.task.close();
  }

  /**
   * Compaction keeps a tombstone this long after its writing. Half of that time is left for the rest of the reading.
   */
  #isFresh(): boolean {
    return this.#age() < this.#tombstonesKeptMs / 2;
  }

  #markOfLast(): RecordMark | null {
    if (this.#last !== null) this.#mark = { offset: this.#last.offset, digest: digestOf(this.#last) };
    this.#last = null;
    return this.#mark;
  }
}

/** Null: the log cannot distinguish a topic from a later one of the same name, so no copy is possible. */
export async function lookAt({ backend, topology: { changelog }, partition }: Place): Promise<Changelog | null> {
  const [facts, bounds, tombstonesKeptMs] = await Promise.all([
    backend.topics([changelog]),
    backend.bounds(changelog, partition),
    backend.tombstoneRetentionMs(changelog),
  ]);
  const id = facts.get(changelog)?.id ?? null;
  return id === null ? null : { id, ...bounds, tombstonesKeptMs };
}

function isSame(record: LogRecord, mark: RecordMark): boolean {
  return record.offset === mark.offset && digestOf(record).equals(mark.digest);
}
