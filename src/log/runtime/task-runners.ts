import type { TaskStatus } from '../port';
import { createBatchSize, type BatchSize } from './batch-size';
import type { TaskRunner, TaskRunnerOptions } from './task-runner';

/** The things that a runner takes over from the partition's earlier runner. */
export type Place = Pick<TaskRunnerOptions, 'after' | 'size'>;

/** A runner for each assigned partition. */
export class TaskRunners {
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
