import type { Logger } from 'pino';
import { messageOf } from '../../common';
import type { Task, Topology } from '../port';
import type { StandbyClaim } from './assign';
import type { Backend } from './backend';
import type { RuntimeMetrics } from './runtime-metrics';
import { createAge, lookAt, StandbyCopy, UnusableCopy } from './standby';
import { TaskFailure } from './task-errors';

/** How often copies follow their changelogs. */
const FOLLOW_EVERY_MS = 1_000;
/** A read that brings no record for this long is given up; the next one continues where it was. */
const STANDS_MS = 10_000;

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
