import type { Logger } from 'pino';
import { backoffMs, createSignal, jittered, OperatorError } from '../../common';
import type { LogRecord, Task, TaskState, TaskStatus, TopicMark } from '../port';
import { RefusedError } from '../refused';
import { FencedError, type Member, type FencedProducer, type TaskHooks, type TopicFacts } from './backend';
import type { BatchSize } from './batch-size';
import { Inbox } from './inbox';
import { deletes } from './losses';
import { Preparation, type PreparationOptions, type Prepared } from './preparation';
import { UnusableCopy } from './standby';
import { LossFound, TaskFailure, TopicsChanged } from './task-errors';
import { TaskLoop } from './task-loop';
import { createTaskState, type TaskStateMachine } from './task-state';

/** The loop of one input partition: fence, restore, then fold waiting records, one transaction after the other. */
export interface TaskRunner {
  /** Hands records over. Ignored unless the task is RUNNING. Do not call it before `Member.start`. */
  deliver(records: readonly LogRecord[], nextOffset: number, endOffset: number): void;
  /** The log has no record at the requested offset. */
  outOfRange(offset: number): void;
  pause(): void;
  resume(): void;
  state(): TaskState;
  status(): TaskStatus;
  /** True when a newer owner has fenced this one. */
  isFenced(): boolean;
  /**
   * Compares with the topics as they are now. If the task began with other topics, a new task replaces it and looks for
   * losses.
   * @param changelogPolicy `cleanup.policy` of the changelog; null: not known
   */
  compare(now: ReadonlyMap<string, TopicFacts>, changelogPolicy: string | null): void;
  /** Finishes the current transaction. Resolves when nothing of this task runs any more; never rejects. */
  close(): Promise<void>;
}

export interface TaskRunnerOptions extends PreparationOptions {
  readonly member: Member;
  /** Resolves when the earlier runner of the same partition in this process is gone. */
  readonly after: Promise<void>;
  readonly paused: boolean;
  /** The partition's batch size, shared with earlier and later runners of it. */
  readonly size: BatchSize;
  readonly hooks: TaskHooks;
  readonly logger: Logger;
  readonly onFenced: () => void;
  /** The task itself failed, or its input cannot be read: all tasks must end. */
  readonly onFatal: (error: unknown) => void;
}

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;

/** A task that found a loss, or other topics, looks again after this time. */
const LOOK_AGAIN_MS = 500;

export function createTaskRunner(options: TaskRunnerOptions): TaskRunner {
  return new Runner(options);
}

class Runner implements TaskRunner {
  readonly #options: TaskRunnerOptions;
  readonly #logger: Logger;
  readonly #state: TaskStateMachine;
  readonly #inbox: Inbox;
  readonly #signal = createSignal();
  readonly #finished: Promise<void>;
  /** The next input offset to commit, and the end of the input; null: not known yet. */
  #next: number | null = null;
  #end: number | null = null;
  #closing = false;
  #fenced = false;
  #failures = 0;
  /** The topics that the task began with; null: it has not begun. */
  #marks: readonly TopicMark[] | null = null;
  /** Why a new task has to replace this one. */
  #changed: string | null = null;
  readonly #preparation: Preparation;

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ partition: options.partition });
    this.#preparation = new Preparation(options, this.#logger, () => this.#closing);
    this.#state = createTaskState(options.metrics.onTaskState);
    this.#inbox = new Inbox(options.member, options.partition, options.paused);
    this.#finished = this.#run().catch((error: unknown) => options.onFatal(error));
  }

  // ------------------------------------------------------------------------------------------- what its owner asks of it

  deliver(records: readonly LogRecord[], nextOffset: number, endOffset: number): void {
    if (this.#closing || this.state() !== 'RUNNING') return;
    this.#end = endOffset;
    this.#inbox.push(records, nextOffset);
    this.#options.hooks.onWaiting?.(this.#options.partition, this.#inbox.size());
    this.#inbox.updateFull();
    this.#signal.notify();
  }

  outOfRange(offset: number): void {
    if (this.#closing || this.state() !== 'RUNNING') return;
    // The record was deleted before it was read, or the topic was recreated: the next task looks for losses.
    this.#startOver(`${this.#options.topology.input} has no record at offset ${offset}`);
  }

  compare(now: ReadonlyMap<string, TopicFacts>, changelogPolicy: string | null): void {
    if (this.#closing || this.#marks === null || this.state() !== 'RUNNING') return;
    const other = this.#marks.find(({ topic, id, partitions }) => {
      const fact = now.get(topic);
      return fact !== undefined && (fact.id !== id || fact.partitions !== partitions);
    });
    if (other !== undefined) this.#startOver(`${other.topic} was recreated or has another number of partitions`);
    else if (deletes(changelogPolicy))
      this.#startOver(`cleanup.policy of ${this.#options.topology.changelog} now deletes records`);
  }

  #startOver(reason: string): void {
    this.#changed = reason;
    this.#signal.notify();
  }

  pause(): void {
    this.#inbox.pause();
  }

  resume(): void {
    this.#inbox.resume();
    this.#signal.notify();
  }

  state(): TaskState {
    return this.#state.current();
  }

  status(): TaskStatus {
    const lag = this.#next === null || this.#end === null ? null : Math.max(0, this.#end - this.#next);
    return { partition: this.#options.partition, state: this.state(), nextOffset: this.#next, lag };
  }

  isFenced(): boolean {
    return this.#fenced;
  }

  close(): Promise<void> {
    this.#closing = true;
    this.#signal.notify();
    return this.#finished;
  }

  // ------------------------------------------------------------------------------------------------------------ its life

  async #run(): Promise<void> {
    await this.#options.after;
    while (!this.#closing) {
      this.#state.enter('FENCING');
      try {
        await this.#pass();
      } catch (error) {
        const waitMs = this.#afterError(error);
        if (waitMs === null) break;
        if (waitMs > 0 && !this.#isClosing()) await this.#signal.wait(waitMs);
      }
    }
    this.#preparation.close();
    this.#state.enter('CLOSED');
    this.#options.metrics.onTaskGone();
    if (this.#fenced && !this.#isClosing()) this.#options.onFenced();
  }

  #isClosing(): boolean {
    return this.#closing;
  }

  /** How long to wait before the next pass, ms; null: there is none. */
  #afterError(error: unknown): number | null {
    if (error instanceof TaskFailure) {
      this.#options.onFatal(error.reason);
      return null;
    }
    if (error instanceof LossFound || error instanceof TopicsChanged) {
      this.#logger.warn({ reason: error.message }, 'the task looks at its topics again');
      return LOOK_AGAIN_MS;
    }
    if (error instanceof FencedError) {
      this.#fenced = true;
      this.#logger.info('another process has taken over the partition');
      return null;
    }
    if (error instanceof UnusableCopy) return 0;
    if (error instanceof RefusedError) {
      // The outcome is known, and waiting would not improve it. There are at most eleven such answers for a record.
      const { records } = this.#options.size.limit();
      this.#logger.warn(
        { answer: error.message, records },
        'Kafka refuses a transaction: the fold looks for the record that is the cause',
      );
      return 0;
    }
    if (error instanceof OperatorError) {
      this.#options.onFatal(error);
      return null;
    }
    this.#failures += 1;
    const waitMs = jittered(backoffMs(this.#failures, FIRST_RETRY_MS, LAST_RETRY_MS));
    this.#logger.warn(
      { err: error, waitMs },
      'a transaction has an unknown outcome: the task begins again from what Kafka has',
    );
    return waitMs;
  }

  /** One pass through FENCING, RESTORING and RUNNING. Ends when the task closes, or with an error. */
  async #pass(): Promise<void> {
    const { backend, topology, partition, hooks, member } = this.#options;
    let producer: FencedProducer | null = null;
    let prepared: Prepared | null = null;
    this.#changed = null;
    this.#logger.debug('the task fences older owners');
    try {
      producer = await backend.openFencedProducer(topology, partition, hooks);
      if (this.#isClosing()) return;
      this.#state.enter('RESTORING');
      prepared = await this.#preparation.prepare(producer);
      if (prepared === null) return;
      const { task, from, topics, groupIsBehind } = prepared;
      if (groupIsBehind) producer.owes(from);
      this.#marks = topics;
      this.#end = topics.find(({ topic }) => topic === topology.input)?.end ?? null;
      this.#next = from;
      this.#inbox.open();
      this.#state.enter('RUNNING');
      member.start(partition, from);
      this.#inbox.opened();
      await this.#loop(task, producer, from).run();
    } finally {
      this.#marks = null;
      this.#inbox.shut();
      prepared?.task.close();
      await producer
        ?.close()
        .catch((error: unknown) => this.#logger.debug({ err: error }, 'a producer did not close cleanly'));
    }
  }

  #loop(task: Task, producer: FencedProducer, from: number): TaskLoop {
    const { topology, partition, backend, size, hooks, metrics } = this.#options;
    return new TaskLoop(
      {
        topology,
        partition,
        backend,
        task,
        producer,
        inbox: this.#inbox,
        signal: this.#signal,
        size,
        hooks,
        logger: this.#logger,
        metrics,
        isClosing: () => this.#closing,
        changed: () => this.#changed,
        onPosition: (nextOffset) => (this.#next = nextOffset),
        onCommitted: () => (this.#failures = 0),
      },
      from,
    );
  }
}
