import type { Logger } from 'pino';
import { backoffMs, createAge, jittered, messageOf } from '../../common';
import type { Task, Topology } from '../port';
import type { StandbyClaim } from './assign';
import type { Backend } from './backend';
import type { RuntimeMetrics } from './runtime-metrics';
import { type Changelog, lookAt, StandbyCopy, UnusableCopy } from './standby';
import { TaskFailure } from './task-errors';

/** How often copies follow their changelogs. */
const FOLLOW_EVERY_MS = 1_000;
/** A read that brings no record for this long is given up; the next one continues where it was. */
const STANDS_MS = 10_000;
/**
 * A copy that was thrown away begins again after this time, and after twice the time when it is thrown away again: it
 * reads the whole changelog each time, and the reason may not pass.
 */
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 300_000;

export interface StandbysOptions {
  readonly backend: Backend;
  readonly topology: Topology;
  readonly createTask: (partition: number) => Task;
  readonly metrics: RuntimeMetrics;
  readonly logger: Logger;
}

/** A partition of which the member keeps a copy. */
interface Kept {
  /** Null: the copy has not begun. */
  copy: StandbyCopy | null;
  /** How often in a row it was thrown away. */
  failures: number;
  /** When the present copy began, or when the next one may begin, in the time of `performance.now()`. */
  beginsAt: number;
}

/**
 * The copies of one member. They follow the changelogs of partitions that other members own; they read, and never
 * write.
 */
export class Standbys {
  readonly #options: StandbysOptions;
  readonly #kept = new Map<number, Kept>();
  #timer: NodeJS.Timeout | null = null;
  #isFollowing = false;
  #failures = 0;

  constructor(options: StandbysOptions) {
    this.#options = options;
  }

  /** Undefined: this member keeps no copies. */
  claim(): StandbyClaim | undefined {
    const process = this.#options.topology.standbyIn;
    const warm = [...this.#kept].flatMap(([partition, { copy }]) => (copy?.isWarm() === true ? [partition] : []));
    return process === undefined ? undefined : { process, warm };
  }

  /** From now on it keeps copies of these partitions and of no others. */
  follow(partitions: readonly number[]): void {
    for (const partition of [...this.#kept.keys()]) {
      if (!partitions.includes(partition)) this.give(partition)?.close();
    }
    for (const partition of partitions) {
      if (!this.#kept.has(partition)) this.#kept.set(partition, { copy: null, failures: 0, beginsAt: 0 });
    }
    this.#showStates();
    this.#schedule(0);
  }

  /** Hands the copy over, which then stops following; null: there is none. */
  give(partition: number): StandbyCopy | null {
    const copy = this.#kept.get(partition)?.copy ?? null;
    if (this.#kept.delete(partition)) this.#options.metrics.onStandbyLag(partition, null);
    return copy;
  }

  stop(): void {
    this.follow([]);
  }

  #schedule(ms: number): void {
    if (this.#isFollowing || this.#kept.size === 0) return;
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
    for (const [partition, kept] of [...this.#kept]) {
      try {
        await this.#followOne(partition, kept);
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
  async #followOne(partition: number, kept: Kept): Promise<void> {
    const { backend, topology, createTask, metrics } = this.#options;
    const isLeft = (): boolean => this.#kept.get(partition) !== kept;
    if (isLeft() || (kept.copy === null && performance.now() < kept.beginsAt)) return;
    const age = createAge();
    const changelog = await lookAt({ backend, topology, partition });
    if (changelog === null || isLeft()) return;
    const { end } = changelog;
    const copy = (kept.copy ??= this.#begin(kept, createTask(partition), changelog));
    try {
      copy.check(changelog);
      metrics.onStandbyLag(partition, copy.lag(end));
      const next = copy.compare(end);
      if (next === 'wait' || (next === 'read' && !(await this.#readOn(copy, partition, end, isLeft)))) return;
      if (isLeft()) return;
      copy.completed(age, end);
      metrics.onStandbyLag(partition, 0);
      if (performance.now() - kept.beginsAt > LAST_RETRY_MS) kept.failures = 0;
    } catch (error) {
      if (isLeft()) return;
      if (!(error instanceof UnusableCopy || error instanceof TaskFailure)) throw error;
      this.#throwAway(partition, kept, error.message);
    }
  }

  #begin(kept: Kept, task: Task, changelog: Changelog): StandbyCopy {
    kept.beginsAt = performance.now();
    return new StandbyCopy(task, changelog);
  }

  #throwAway(partition: number, kept: Kept, reason: string): void {
    const { metrics, logger } = this.#options;
    kept.copy?.close();
    kept.copy = null;
    kept.failures += 1;
    const waitMs = jittered(backoffMs(kept.failures, FIRST_RETRY_MS, LAST_RETRY_MS));
    kept.beginsAt = performance.now() + waitMs;
    metrics.onStandbyLag(partition, null);
    const level = kept.failures < 3 ? 'info' : kept.failures === 3 ? 'warn' : 'debug';
    logger[level]({ partition, reason, waitMs }, 'a standby copy is thrown away and begun again');
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
    const copies = [...this.#kept.values()].map(({ copy }) => copy);
    const warm = copies.filter((copy) => copy?.isWarm() === true).length;
    this.#options.metrics.onStandbys({ warm, reading: copies.length - warm });
  }
}
