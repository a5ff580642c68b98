import type { Logger } from 'pino';
import type { Task, TopicMark, Topology } from '../port';
import { RefusedError } from '../refused';
import type { Backend, FencedProducer } from './backend';
import { lookAround } from './beginning';
import { judge, refusalOf, type Loss } from './losses';
import type { RuntimeMetrics } from './runtime-metrics';
import { type StandbyCopy, UnusableCopy } from './standby';
import { LossFound, ofTask, refusedError, TaskFailure, waitForTask } from './task-errors';

/** A task that may run. */
export interface Prepared {
  readonly task: Task;
  /** The next input offset. */
  readonly from: number;
  /** The topics with which it begins. */
  readonly topics: readonly TopicMark[];
  /** An earlier owner has committed the transaction before `from`, and the group lacks its offset. */
  readonly groupIsBehind: boolean;
}

export interface PreparationOptions {
  readonly topology: Topology;
  readonly partition: number;
  readonly backend: Backend;
  readonly createTask: (partition: number) => Task;
  /** A standby copy of the partition; null: none. The preparation closes it. */
  readonly copy: StandbyCopy | null;
  readonly metrics: RuntimeMetrics;
}

/** An apparent loss disappears within this time if all replicas are in sync. */
const APPARENT_MS = 3_000;
/** A loss that has lasted this long is real, although a replica is away. */
const LONGEST_APPARENT_MS = 120_000;

/**
 * Everything between the fence and the first event: restores a task, looks for losses, and writes the records again
 * that the outputs lost.
 */
export class Preparation {
  readonly #options: PreparationOptions;
  readonly #logger: Logger;
  readonly #isClosing: () => boolean;
  /** Until the first restore has succeeded. */
  #copy: StandbyCopy | null;
  /** In the time of `performance.now()`: the clock of the machine may jump. */
  #lossSince: number | null = null;

  constructor(options: PreparationOptions, logger: Logger, isClosing: () => boolean) {
    this.#options = options;
    this.#logger = logger;
    this.#isClosing = isClosing;
    this.#copy = options.copy;
  }

  /**
   * Call it only after fencing. Null: the runner closes. The caller closes the task.
   * @throws LossFound if a loss may be only apparent: look again behind another fence
   * @throws UnusableCopy if the standby copy was thrown away: try again behind another fence, without it
   * @throws OperatorError if a loss is real; TaskFailure
   */
  async prepare(producer: FencedProducer): Promise<Prepared | null> {
    const started = performance.now();
    const task = await this.#restore(producer);
    let prepared: Prepared | null = null;
    try {
      prepared = this.#isClosing() ? null : await this.#begin(task, producer);
    } finally {
      if (prepared === null) task.close();
    }
    if (prepared !== null) this.#options.metrics.onRestore(performance.now() - started);
    return prepared;
  }

  close(): void {
    this.#copy?.close();
    this.#copy = null;
  }

  /** Reads the changelog: all of it, or the part that a standby copy has not read yet. */
  async #restore(producer: FencedProducer): Promise<Task> {
    if (this.#copy !== null) return this.#takeOver(this.#copy, producer);
    const { partition, metrics, createTask } = this.#options;
    const task = ofTask(() => createTask(partition));
    let records = 0;
    try {
      await producer.restore((record) => {
        records += 1;
        ofTask(() => task.restore(record));
      }, this.#isClosing);
    } catch (error) {
      task.close();
      throw error;
    }
    metrics.onRestored('none', records);
    return task;
  }

  /** After an error that is not an UnusableCopy it may be tried again. */
  async #takeOver(copy: StandbyCopy, producer: FencedProducer): Promise<Task> {
    try {
      const records = await copy.takeOver(this.#options, producer, this.#isClosing);
      this.#copy = null;
      this.#options.metrics.onRestored('warm', records);
      this.#logger.info({ records }, 'a standby copy takes over: it has read the rest of the changelog');
      return copy.task;
    } catch (error) {
      if (error instanceof UnusableCopy) {
        this.close();
        this.#logger.info({ reason: error.message }, 'the standby copy is thrown away: the task restores in full');
      }
      throw error;
    }
  }

  async #begin(task: Task, producer: FencedProducer): Promise<Prepared | null> {
    const { backend, topology, partition } = this.#options;
    const checkpoint = await waitForTask(ofTask(() => task.restored()));
    const found = await lookAround(backend, topology, partition, checkpoint);
    if (this.#isClosing()) return null;
    const { topics, committed } = found;
    const { losses, from, rewrite } = judge(found);
    await this.#refuse(losses);
    ofTask(() => task.begin({ topics, last: checkpoint?.last ?? null }));
    if (rewrite.size > 0 && !(await this.#rewrite(task, producer, rewrite, from))) return null;
    this.#logger.debug({ nextOffset: from, checkpoint: checkpoint?.nextOffset, committed }, 'task begins');
    return { task, from, topics, groupIsBehind: checkpoint?.nextOffset === from && (committed ?? -1) < from };
  }

  /** @throws LossFound, or OperatorError if it is real */
  async #refuse(losses: readonly Loss[]): Promise<void> {
    if (losses.length === 0) {
      this.#lossSince = null;
      return;
    }
    this.#lossSince ??= performance.now();
    const lastedMs = performance.now() - this.#lossSince;
    const isCertain = losses.some(({ certainty }) => certainty === 'certain');
    if (isCertain || lastedMs >= LONGEST_APPARENT_MS) throw refusalOf(losses);
    if (lastedMs >= APPARENT_MS && (await this.#isInSync())) throw refusalOf(losses);
    throw new LossFound(losses);
  }

  async #isInSync(): Promise<boolean> {
    const { backend, topology, partition } = this.#options;
    return backend.inSync([topology.input, topology.changelog], partition).catch(() => false);
  }

  /** False: the runner closes. */
  async #rewrite(task: Task, producer: FencedProducer, topics: ReadonlySet<string>, from: number): Promise<boolean> {
    const { topology, partition } = this.#options;
    this.#logger.warn({ topics: [...topics] }, 'topics were recreated or lost records: the task writes all rows again');
    for (const output of ofTask(() => task.rewrite(topics, from))) {
      if (this.#isClosing()) return false;
      await producer.commit(output, from).catch((error: unknown) => {
        if (!(error instanceof RefusedError)) throw error;
        throw new TaskFailure(refusedError(topology, partition, from, error.message));
      });
      ofTask(() => task.committed());
    }
    return true;
  }
}
