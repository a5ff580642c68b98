import type { Logger } from 'pino';
import { messageOf } from '../../common';
import type { LogRecord, RecordMark, Task, Topology } from '../port';
import type { StandbyClaim } from './assign';
import type { Backend, FencedProducer } from './backend';
import { digestOf } from './digest';
import type { RuntimeMetrics } from './runtime-metrics';
import { ofTask, TaskFailure } from './task-errors';

/** How often copies follow their changelogs. */
const FOLLOW_EVERY_MS = 1_000;
/** A read that brings no record for this long is given up; the next one continues where it was. */
const STANDS_MS = 10_000;

/** The changelog no longer continues the records that the copy has read, so the copy must be thrown away. */
export class UnusableCopy extends Error {}

export interface Place {
  readonly backend: Backend;
  readonly topology: Topology;
  readonly partition: number;
}

/** A partition of a changelog, in its present state. */
interface Changelog {
  readonly id: string;
  readonly beginning: number;
  readonly end: number;
  readonly tombstonesKeptMs: number;
}

/**
 * A task that is restored while another member owns its partition. It becomes this member's task if the changelog is
 * certainly the one that it has read, and once it has read the rest behind the fence (docs/explanation/exactly-once.md,
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
  #asOf = createAge();
  #tombstonesKeptMs: number;
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
   * another record there. Answers the number of new records.
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
      if (isMark && !isSame(record, mark)) throw new UnusableCopy('its last record is not there any more');
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
      throw new UnusableCopy('its last record is not there any more');
    }
    return records;
  }

  /**
   * Behind the fence: reads the rest of the changelog. Answers the number of new records. After an error that is not an
   * UnusableCopy the caller may try the copy again.
   * @throws UnusableCopy
   */
  async takeOver(place: Place, producer: Pick<FencedProducer, 'restore'>, until: () => boolean): Promise<number> {
    const changelog = await lookAt(place);
    if (changelog === null) throw new UnusableCopy('the log does not tell the id of the changelog any more');
    this.check(changelog);
    const records = await this.readOn((from, onRecord) => producer.restore(onRecord, until, from), until);
    if (!this.#isFresh()) throw new UnusableCopy('the rest took so long that tombstones may be gone');
    return records;
  }

  /** The copy has read everything that was committed before `asOf`, when the changelog ended at `end`. */
  completed(asOf: Age, end: number): void {
    this.#asOf = asOf;
    this.#position = Math.max(this.#position, end);
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
    return this.#asOf() < this.#tombstonesKeptMs / 2;
  }

  #markOfLast(): RecordMark | null {
    if (this.#last !== null) this.#mark = { offset: this.#last.offset, digest: digestOf(this.#last) };
    this.#last = null;
    return this.#mark;
  }
}

export interface StandbysOptions {
  readonly backend: Backend;
  readonly topology: Topology;
  readonly createTask: (partition: number) => Task;
  readonly metrics: RuntimeMetrics;
  readonly logger: Logger;
}

/**
 * The copies of one member. They follow the changelogs of partitions that other members own; they read, and never
 * write.
 */
export class Standbys {
  readonly #options: StandbysOptions;
  /** Null: the copy has not begun. */
  readonly #copies = new Map<number, StandbyCopy | null>();
  #timer: NodeJS.Timeout | null = null;
  #isFollowing = false;
  #failures = 0;

  constructor(options: StandbysOptions) {
    this.#options = options;
  }

  /** Undefined: this member keeps no copies. */
  claim(): StandbyClaim | undefined {
    const process = this.#options.topology.standbyIn;
    const warm = [...this.#copies].flatMap(([partition, copy]) => (copy?.isWarm() === true ? [partition] : []));
    return process === undefined ? undefined : { process, warm };
  }

  /** From now on it keeps copies of these partitions and of no others. */
  follow(partitions: readonly number[]): void {
    for (const partition of [...this.#copies.keys()]) {
      if (!partitions.includes(partition)) this.give(partition)?.close();
    }
    for (const partition of partitions) if (!this.#copies.has(partition)) this.#copies.set(partition, null);
    this.#showStates();
    this.#schedule(0);
  }

  /** Hands the copy over, which then stops following; null: there is none. */
  give(partition: number): StandbyCopy | null {
    const copy = this.#copies.get(partition) ?? null;
    if (this.#copies.delete(partition)) this.#options.metrics.onStandbyLag(partition, null);
    return copy;
  }

  stop(): void {
    this.follow([]);
  }

  #schedule(ms: number): void {
    if (this.#isFollowing || this.#copies.size === 0) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#isFollowing = true;
      void this.#followAll().finally(() => {
        this.#isFollowing = false;
        this.#schedule(FOLLOW_EVERY_MS);
      });
    }, ms).unref();
  }

  async #followAll(): Promise<void> {
    const { topology, logger } = this.#options;
    let problem: { readonly partition: number; readonly error: string } | null = null;
    for (const partition of [...this.#copies.keys()]) {
      try {
        await this.#followOne(partition);
      } catch (error) {
        problem = { partition, error: messageOf(error) };
      }
      this.#showStates();
    }
    this.#failures = problem === null ? 0 : this.#failures + 1;
    if (problem === null) return;
    const level = this.#failures === 3 ? 'warn' : 'debug';
    logger[level]({ topic: topology.changelog, ...problem }, 'a standby copy cannot follow its changelog');
  }

  /** Reads up to the present end. */
  async #followOne(partition: number): Promise<void> {
    const { backend, topology, createTask, metrics, logger } = this.#options;
    const asOf = createAge();
    const changelog = await lookAt({ backend, topology, partition });
    if (changelog === null || !this.#copies.has(partition)) return;
    const { end } = changelog;
    const copy = this.#copies.get(partition) ?? new StandbyCopy(createTask(partition), changelog);
    this.#copies.set(partition, copy);
    const isGone = (): boolean => this.#copies.get(partition) !== copy;
    try {
      copy.check(changelog);
      metrics.onStandbyLag(partition, copy.lag(end));
      if (copy.lag(end) > 0 && !(await this.#readOn(copy, partition, end, isGone))) return;
      if (isGone()) return;
      copy.completed(asOf, end);
      metrics.onStandbyLag(partition, 0);
    } catch (error) {
      if (isGone()) return;
      if (!(error instanceof UnusableCopy || error instanceof TaskFailure)) throw error;
      logger.info({ partition, reason: error.message }, 'a standby copy is thrown away and begun again');
      copy.close();
      this.#copies.set(partition, null);
    }
  }

  /** False: the read made no progress, or its copy is gone. */
  async #readOn(copy: StandbyCopy, partition: number, to: number, isGone: () => boolean): Promise<boolean> {
    const { backend, topology } = this.#options;
    let movedAt = performance.now();
    const until = (): boolean => isGone() || performance.now() - movedAt > STANDS_MS;
    await copy.readOn(
      (from, onRecord) =>
        backend.readRange(
          { topic: topology.changelog, partition, from, to },
          (record) => {
            movedAt = performance.now();
            onRecord(record);
          },
          until,
        ),
      until,
    );
    return !until();
  }

  #showStates(): void {
    const copies = [...this.#copies.values()];
    const warm = copies.filter((copy) => copy?.isWarm() === true).length;
    this.#options.metrics.onStandbys({ warm, reading: copies.length - warm });
  }
}

/** Null: the log cannot distinguish a topic from a later one of the same name, so no copy is possible. */
async function lookAt({ backend, topology: { changelog }, partition }: Place): Promise<Changelog | null> {
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

/** The time since a moment, ms. */
type Age = () => number;

/**
 * The clock that shows the longer time counts: one stands still while the machine sleeps, and the other may be set
 * back.
 */
function createAge(): Age {
  const [wall, steady] = [Date.now(), performance.now()];
  return () => Math.max(Date.now() - wall, performance.now() - steady);
}
