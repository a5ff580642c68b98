import type { Logger } from 'pino';
import type { Metrics } from '../../ops';
import type { RunningTasks, Task, Topology } from '../port';
import type { Backend, TaskHooks } from './backend';
import { createBatchSize, type BatchSize } from './batch-size';
import { topicsOf } from './co-partitioned';
import { createRuntimeMetrics } from './runtime-metrics';
import { createDeferred, jittered } from './signal';
import { createTaskRunner, type TaskRunner } from './task-runner';

export interface TasksOptions {
  readonly backend: Backend;
  readonly topology: Topology;
  readonly createTask: (partition: number) => Task;
  readonly hooks: TaskHooks;
  readonly logger: Logger;
  readonly metrics: Metrics | undefined;
}

/**
 * A task that was fenced although still assigned to this member waits this long (jittered) for the rebalance that
 * explains it; without one the member joins again. Longer than a heartbeat interval, by which a rebalance is
 * noticed.
 */
const FENCED_PATIENCE_MS = 3_000;

/** How often the topics are looked at: one may be deleted and made anew between two transactions, which then notice nothing. */
const COMPARE_EVERY_MS = 5_000;

/** Runs one member of a group: one runner per assigned partition. See docs/explanation/exactly-once.md. */
export async function startTasks(options: TasksOptions): Promise<RunningTasks> {
  const { backend, topology } = options;
  const logger = options.logger.child({ group: topology.group, topic: topology.input });
  const metrics = createRuntimeMetrics(options.metrics, topology.group);
  const runners = new Map<number, TaskRunner>();
  const leaving = new Map<number, Promise<void>>();
  const sizes = new Map<number, BatchSize>();
  const end = createDeferred<undefined>();
  let paused = false;
  let stopping: Promise<void> | null = null;
  let rejoinTimer: NodeJS.Timeout | null = null;

  const fencedHere = (): readonly number[] =>
    [...runners].filter(([, runner]) => runner.isFenced()).map(([partition]) => partition);

  const rejoinSoon = (): void => {
    rejoinTimer ??= setTimeout(() => {
      rejoinTimer = null;
      const lost = fencedHere();
      if (stopping !== null || lost.length === 0) return;
      logger.warn({ partitions: lost }, 'fenced while assigned: joining the group again');
      member.rejoin(lost);
    }, jittered(FENCED_PATIENCE_MS));
  };

  const drop = (partition: number, runner: TaskRunner): void => {
    runners.delete(partition);
    const gone = runner.close().then(() => {
      if (leaving.get(partition) === gone) leaving.delete(partition);
    });
    leaving.set(partition, gone);
  };

  const assign = (partitions: readonly number[]): void => {
    if (stopping !== null) return;
    metrics.onAssignment();
    logger.info({ partitions }, 'partitions assigned');
    for (const [partition, runner] of runners) {
      // A fenced task may fence again only under a new assignment, which this is.
      if (!partitions.includes(partition) || runner.isFenced()) drop(partition, runner);
    }
    for (const partition of partitions) {
      if (runners.has(partition)) continue;
      const size = sizes.get(partition) ?? createBatchSize();
      sizes.set(partition, size);
      const runner = createTaskRunner({
        topology,
        partition,
        backend,
        member,
        createTask: options.createTask,
        after: leaving.get(partition) ?? Promise.resolve(),
        paused,
        size,
        hooks: options.hooks,
        logger,
        metrics,
        onFenced: rejoinSoon,
        onFatal: fail,
      });
      runners.set(partition, runner);
    }
  };

  const compare = async (): Promise<void> => {
    try {
      const now = await backend.topics(topicsOf(topology));
      const changelogPolicy = await backend.cleanupPolicy(topology.changelog);
      for (const runner of runners.values()) runner.compare(now, changelogPolicy);
    } catch (error) {
      logger.debug({ err: error }, 'the topics are not to be seen');
    }
  };

  const shutDown = async (): Promise<void> => {
    clearInterval(comparing);
    if (rejoinTimer !== null) clearTimeout(rejoinTimer);
    await Promise.all([...[...runners.values()].map((runner) => runner.close()), ...leaving.values()]);
    await member.leave();
  };

  function fail(error: unknown): void {
    if (stopping !== null) return;
    logger.error({ err: error }, 'the tasks end');
    stopping = shutDown().catch((later: unknown) => logger.warn({ err: later }, 'stopping after an error'));
    void stopping.then(() => end.reject(error));
  }

  const member = backend.member({
    group: topology.group,
    topic: topology.input,
    listener: {
      onAssignment: assign,
      onRecords: (partition, records, nextOffset, endOffset) =>
        runners.get(partition)?.deliver(records, nextOffset, endOffset),
      onOutOfRange: (partition, offset) => runners.get(partition)?.outOfRange(offset),
      onFailed: fail,
    },
  });
  const comparing = setInterval(() => void compare(), COMPARE_EVERY_MS);
  comparing.unref();
  try {
    await member.join();
  } catch (error) {
    clearInterval(comparing);
    throw error;
  }

  return {
    done: end.promise,
    status: () => [...runners.values()].map((runner) => runner.status()).sort((a, b) => a.partition - b.partition),
    ready: () =>
      stopping === null && member.joined() && [...runners.values()].every((runner) => runner.state() === 'RUNNING'),
    turns: member.turns,
    pause() {
      paused = true;
      for (const runner of runners.values()) runner.pause();
    },
    resume() {
      paused = false;
      for (const runner of runners.values()) runner.resume();
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
