import type { Logger } from 'pino';
import { createDeferred, jittered } from '../../common';
import type { Metrics } from '../../ops';
import type { RunningTasks, Task, TaskStatus, Topology } from '../port';
import type { Backend, TaskHooks } from './backend';
import { createBatchSize, type BatchSize } from './batch-size';
import { topicsOf } from './co-partitioned';
import { createRuntimeMetrics } from './runtime-metrics';
import { Standbys } from './standbys';
import { createTaskRunner, type TaskRunner, type TaskRunnerOptions } from './task-runner';

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
  const { backend, topology } = options;
  const logger = options.logger.child({ group: topology.group, topic: topology.input });
  const metrics = createRuntimeMetrics(options.metrics, topology.group);
  const end = createDeferred<undefined>();
  let paused = false;
  let stopping: Promise<void> | null = null;
  let rejoinTimer: NodeJS.Timeout | null = null;

  const rejoinSoon = (): void => {
    rejoinTimer ??= setTimeout(() => {
      rejoinTimer = null;
      const lost = runners.fenced();
      if (stopping !== null || lost.length === 0) return;
      logger.warn(
        { partitions: lost },
        'another process took over assigned partitions: the fold joins its group again',
      );
      member.rejoin(lost);
    }, jittered(FENCED_PATIENCE_MS));
  };

  const shutDown = async (): Promise<void> => {
    clearInterval(comparing);
    if (rejoinTimer !== null) clearTimeout(rejoinTimer);
    standbys.stop();
    await runners.close();
    await member.leave();
  };

  function fail(error: unknown): void {
    if (stopping !== null) return;
    logger.error({ err: error }, 'the fold ends its tasks after an error');
    stopping = shutDown().catch((later: unknown) =>
      logger.warn({ err: later }, 'the fold could not stop cleanly after an error'),
    );
    void stopping.then(() => end.reject(error));
  }

  const member = backend.member({
    group: topology.group,
    topic: topology.input,
    standby: () => standbys.claim(),
    listener: {
      onAssignment: (partitions, standby) => {
        if (stopping !== null) return;
        metrics.onAssignment();
        logger.info(standby.length === 0 ? { partitions } : { partitions, standby }, 'partitions assigned');
        runners.assign(partitions);
        standbys.follow(standby);
      },
      onRecords: (partition, records, nextOffset, endOffset) =>
        runners.get(partition)?.deliver(records, nextOffset, endOffset),
      onOutOfRange: (partition, offset) => runners.get(partition)?.outOfRange(offset),
      onFailed: fail,
    },
  });
  const { createTask, hooks } = options;
  const standbys = new Standbys({ backend, topology, createTask, metrics, logger });
  const runners = new TaskRunners((partition, place) =>
    createTaskRunner({
      ...{ topology, partition, backend, member, createTask, hooks, logger, metrics, paused },
      ...place,
      copy: standbys.give(partition),
      onFenced: rejoinSoon,
      onFatal: fail,
    }),
  );
  const comparing = setInterval(() => void compareTopics(options, runners, logger), COMPARE_EVERY_MS);
  comparing.unref();
  try {
    await member.join();
  } catch (error) {
    clearInterval(comparing);
    throw error;
  }

  return {
    done: end.promise,
    status: () => runners.status(),
    ready: () => stopping === null && member.joined() && runners.areRunning(),
    turns: member.turns,
    pause() {
      paused = true;
      for (const runner of runners.all()) runner.pause();
    },
    resume() {
      paused = false;
      for (const runner of runners.all()) runner.resume();
    },
    async stop() {
      if (stopping === null) {
        stopping = shutDown();
        stopping.then(() => end.resolve(undefined), end.reject);
      }
      await stopping;
    },
  };
}

async function compareTopics({ backend, topology }: TasksOptions, runners: TaskRunners, logger: Logger): Promise<void> {
  try {
    const now = await backend.topics(topicsOf(topology));
    const changelogPolicy = await backend.cleanupPolicy(topology.changelog);
    for (const runner of runners.all()) runner.compare(now, changelogPolicy);
  } catch (error) {
    logger.debug({ err: error }, 'the fold cannot look at its topics');
  }
}

/** The things that a runner takes over from the partition's earlier runner. */
type Place = Pick<TaskRunnerOptions, 'after' | 'size'>;

/** A runner for each assigned partition. */
class TaskRunners {
  readonly #runners = new Map<number, TaskRunner>();
  readonly #leaving = new Map<number, Promise<void>>();
  readonly #sizes = new Map<number, BatchSize>();

  constructor(private readonly create: (partition: number, place: Place) => TaskRunner) {}

  all(): readonly TaskRunner[] {
    return [...this.#runners.values()];
  }

  get(partition: number): TaskRunner | undefined {
    return this.#runners.get(partition);
  }

  /** In the order of the partitions. */
  status(): readonly TaskStatus[] {
    return this.all()
      .map((runner) => runner.status())
      .sort((a, b) => a.partition - b.partition);
  }

  areRunning(): boolean {
    return this.all().every((runner) => runner.state() === 'RUNNING');
  }

  /** The partitions that are assigned although their tasks are fenced. */
  fenced(): readonly number[] {
    return [...this.#runners].filter(([, runner]) => runner.isFenced()).map(([partition]) => partition);
  }

  assign(partitions: readonly number[]): void {
    for (const [partition, runner] of this.#runners) {
      // A fenced task may fence again only under a new assignment, and this is one.
      if (!partitions.includes(partition) || runner.isFenced()) this.#drop(partition, runner);
    }
    for (const partition of partitions) {
      if (this.#runners.has(partition)) continue;
      const size = this.#sizes.get(partition) ?? createBatchSize();
      this.#sizes.set(partition, size);
      const after = this.#leaving.get(partition) ?? Promise.resolve();
      this.#runners.set(partition, this.create(partition, { after, size }));
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.all().map((runner) => runner.close()), ...this.#leaving.values()]);
  }

  #drop(partition: number, runner: TaskRunner): void {
    this.#runners.delete(partition);
    const gone = runner.close().then(() => {
      if (this.#leaving.get(partition) === gone) this.#leaving.delete(partition);
    });
    this.#leaving.set(partition, gone);
  }
}
