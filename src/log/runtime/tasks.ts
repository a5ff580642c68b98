import type { Logger } from 'pino';
import { createDeferred, jittered, MissingError } from '../../common';
import type { Metrics } from '../../ops';
import type { RunningTasks, Task, TaskStatus, Topology } from '../port';
import type { Backend, Member, TaskHooks } from './backend';
import { topicsOf } from './co-partitioned';
import { createRuntimeMetrics, type RuntimeMetrics } from './runtime-metrics';
import { Standbys } from './standbys';
import { createTaskRunner, type TaskRunner } from './task-runner';
import { type Place, TaskRunners } from './task-runners';

export interface TasksOptions {
  readonly backend: Backend;
  readonly topology: Topology;
  readonly createTask: (partition: number) => Task;
  readonly hooks: TaskHooks;
  readonly logger: Logger;
  readonly metrics: Metrics | undefined;
}

/**
 * If a task is fenced although this member still owns its partition, the member waits this long (jittered) for the
 * rebalance that explains it. Without one it joins again. Longer than a heartbeat interval, within which a member
 * notices a rebalance.
 */
const FENCED_PATIENCE_MS = 3_000;

/**
 * How often to check the topics: one may be deleted and recreated between two transactions, which then notice nothing.
 */
const COMPARE_EVERY_MS = 5_000;

/** Runs one member of a group: one runner per assigned partition. See docs/explanation/exactly-once.md. */
export async function startTasks(options: TasksOptions): Promise<RunningTasks> {
  const tasks = new GroupTasks(options);
  await tasks.join();
  return tasks;
}

class GroupTasks implements RunningTasks {
  readonly done: Promise<void>;
  readonly #options: TasksOptions;
  readonly #logger: Logger;
  readonly #metrics: RuntimeMetrics;
  readonly #member: Member;
  readonly #standbys: Standbys;
  readonly #runners: TaskRunners;
  readonly #end = createDeferred<undefined>();
  #paused = false;
  #stopping: Promise<void> | null = null;
  #comparing: NodeJS.Timeout | null = null;
  /** The missing topic that was logged last; null: none is missing. */
  #missing: string | null = null;
  #rejoining: NodeJS.Timeout | null = null;

  constructor(options: TasksOptions) {
    const { backend, topology, createTask } = options;
    this.done = this.#end.promise;
    this.#options = options;
    this.#logger = options.logger.child({ group: topology.group, topic: topology.input });
    this.#metrics = createRuntimeMetrics(options.metrics, topology.group);
    const [metrics, logger] = [this.#metrics, this.#logger];
    this.#member = backend.member({
      group: topology.group,
      topic: topology.input,
      standby: () => this.#standbys.claim(),
      listener: {
        onAssignment: (partitions, standby) => this.#assign(partitions, standby),
        onRecords: (partition, records, nextOffset, endOffset) =>
          this.#runners.get(partition)?.deliver(records, nextOffset, endOffset),
        onOutOfRange: (partition, offset) => this.#runners.get(partition)?.outOfRange(offset),
        onFailed: (error) => this.#fail(error),
      },
    });
    this.#standbys = new Standbys({ backend, topology, createTask, metrics, logger });
    this.#runners = new TaskRunners((partition, place) => this.#createRunner(partition, place));
  }

  /** Rejects if the log cannot be reached. */
  async join(): Promise<void> {
    this.#comparing = setInterval(() => void this.#compareTopics(), COMPARE_EVERY_MS);
    this.#comparing.unref();
    try {
      await this.#member.join();
    } catch (error) {
      clearInterval(this.#comparing);
      throw error;
    }
  }

  status(): readonly TaskStatus[] {
    return this.#runners.status();
  }

  ready(): boolean {
    return this.#stopping === null && this.#member.joined() && this.#runners.areRunning();
  }

  turns(): number | null {
    return this.#member.turns();
  }

  pause(): void {
    this.#paused = true;
    for (const runner of this.#runners.all()) runner.pause();
  }

  resume(): void {
    this.#paused = false;
    for (const runner of this.#runners.all()) runner.resume();
  }

  async stop(): Promise<void> {
    if (this.#stopping === null) {
      this.#stopping = this.#shutDown();
      this.#stopping.then(() => this.#end.resolve(undefined), this.#end.reject);
    }
    await this.#stopping;
  }

  // ------------------------------------------------------------------------------------------------- the assignment

  #assign(partitions: readonly number[], standby: readonly number[]): void {
    if (this.#stopping !== null) return;
    this.#metrics.onAssignment();
    this.#logger.info(standby.length === 0 ? { partitions } : { partitions, standby }, 'partitions assigned');
    this.#runners.assign(partitions);
    this.#standbys.follow(standby);
  }

  #createRunner(partition: number, place: Place): TaskRunner {
    const { backend, topology, createTask, hooks } = this.#options;
    return createTaskRunner({
      ...{ topology, partition, backend, createTask, hooks },
      ...place,
      member: this.#member,
      logger: this.#logger,
      metrics: this.#metrics,
      paused: this.#paused,
      copy: this.#standbys.give(partition),
      onFenced: () => this.#rejoinSoon(),
      onFatal: (error) => this.#fail(error),
    });
  }

  #rejoinSoon(): void {
    this.#rejoining ??= setTimeout(() => {
      this.#rejoining = null;
      const lost = this.#runners.fenced();
      if (this.#stopping !== null || lost.length === 0) return;
      this.#logger.warn(
        { partitions: lost },
        'another process took over assigned partitions: the fold joins its group again',
      );
      this.#member.rejoin(lost);
    }, jittered(FENCED_PATIENCE_MS));
  }

  async #compareTopics(): Promise<void> {
    const { backend, topology } = this.#options;
    try {
      const now = await backend.topics(topicsOf(topology));
      const changelogPolicy = await backend.cleanupPolicy(topology.changelog);
      for (const runner of this.#runners.all()) runner.compare(now, changelogPolicy);
      this.#missing = null;
    } catch (error) {
      const missing = error instanceof MissingError ? error.message : null;
      if (missing !== null && missing !== this.#missing)
        this.#logger.warn({ error: missing }, 'a topic of the fold is missing: the next event ends it');
      else this.#logger.debug({ err: error }, 'the fold cannot look at its topics');
      this.#missing = missing ?? this.#missing;
    }
  }

  // --------------------------------------------------------------------------------------------------------- the end

  #fail(error: unknown): void {
    if (this.#stopping !== null) return;
    this.#logger.error({ err: error }, 'the fold ends its tasks after an error');
    const stopping = this.#shutDown().catch((later: unknown) =>
      this.#logger.warn({ err: later }, 'the fold could not stop cleanly after an error'),
    );
    this.#stopping = stopping;
    void stopping.then(() => this.#end.reject(error));
  }

  async #shutDown(): Promise<void> {
    if (this.#comparing !== null) clearInterval(this.#comparing);
    if (this.#rejoining !== null) clearTimeout(this.#rejoining);
    this.#standbys.stop();
    await this.#runners.close();
    await this.#member.leave();
  }
}
