import type { Logger } from 'pino';
import { atMost, type Signal } from '../../common';
import type { LogRecord, Task, TaskOutput, Topology } from '../port';
import { RefusedError } from '../refused';
import type { Backend, FencedProducer, TaskHooks } from './backend';
import { SLOW_MS, type Attempt, type BatchSize } from './batch-size';
import type { Inbox } from './inbox';
import { createLinger } from './linger';
import type { RuntimeMetrics } from './runtime-metrics';
import { attemptOf, ofTask, refusedError, TaskFailure, TopicsChanged, waitForTask } from './task-errors';

export interface TaskLoopOptions {
  readonly topology: Topology;
  readonly partition: number;
  readonly backend: Backend;
  readonly task: Task;
  readonly producer: FencedProducer;
  readonly inbox: Inbox;
  readonly signal: Signal;
  readonly size: BatchSize;
  readonly hooks: TaskHooks;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
  readonly isClosing: () => boolean;
  /** Why a new task has to replace this one; null: it need not. */
  readonly changed: () => string | null;
  /** The next offset to commit has changed. */
  readonly onPosition: (nextOffset: number) => void;
  readonly onCommitted: () => void;
}

/** How soon to try a timer again that fails (the end offset is not available) or makes no progress. */
const TIMER_RETRY_MS = 250;
/** How often to look whether a timer is due: the clock may be set forward, or the machine may sleep. */
const TIMER_LOOK_MS = 10_000;
/** How long the end of a task waits for the group's offset: everything else is committed by then. */
const LAST_OFFSET_MS = 1_000;

/** The phase between the restore and the next error: everything that one fenced producer may do. */
export class TaskLoop {
  readonly #options: TaskLoopOptions;
  #position: number;
  #timer: { readonly at: number; readonly end: number } | null = null;
  /** In the time of `performance.now()`: no timer waits for as long as the clock of the machine was set back. */
  #noTimerBefore = 0;
  readonly #linger = createLinger();

  constructor(options: TaskLoopOptions, from: number) {
    this.#options = options;
    this.#position = from;
  }

  /** Ends when the task closes, or with an error. */
  async run(): Promise<void> {
    const { topology, inbox, signal, isClosing, changed } = this.#options;
    while (!isClosing()) {
      const reason = changed();
      if (reason !== null) throw new TopicsChanged(reason);
      const worked = inbox.paused ? false : await this.#takeBatch();
      if (isClosing()) break;
      if (topology.timers && !inbox.paused) await this.#runTimer();
      if (worked) await this.#waitForMore();
      else if (!(await this.#bringOffset())) await signal.wait(this.#patience());
    }
    await atMost(LAST_OFFSET_MS, this.#options.producer.commitOffset());
  }

  async #waitForMore(): Promise<void> {
    const { inbox, signal, isClosing, changed } = this.#options;
    for (;;) {
      const left = this.#linger.leftMs(inbox.size());
      if (left === 0 || isClosing() || changed() !== null) return;
      await signal.wait(left);
    }
  }

  async #bringOffset(): Promise<boolean> {
    const { producer } = this.#options;
    const dueAt = producer.offsetDueAt();
    if (dueAt === null || dueAt > performance.now()) return false;
    await producer.commitOffset();
    return true;
  }

  #moveTo(nextOffset: number): void {
    this.#position = nextOffset;
    this.#options.onPosition(nextOffset);
  }

  async #takeBatch(): Promise<boolean> {
    const { inbox, size, task } = this.#options;
    const taken = inbox.take(size.limit().records);
    if (taken === null) return false;
    const position = this.#position;
    let { records } = taken;
    const first = records[0];
    // An earlier transaction has committed the records below `position`; the member reads them again after a rebalance.
    if (first !== undefined && first.offset < position) records = records.filter(({ offset }) => offset >= position);
    let nextOffset = Math.max(position, taken.nextOffset);
    if (records.length === 0) {
      this.#moveTo(nextOffset);
      return true;
    }
    const preparing = ofTask(() => task.prepare?.(records) ?? null);
    if (preparing !== null) await waitForTask(preparing);
    const output = ofTask(() => this.#process(records, nextOffset));
    const left = output.taken === undefined ? [] : records.slice(output.taken);
    if (left[0] !== undefined) {
      inbox.putBack(left, nextOffset);
      records = records.slice(0, output.taken);
      nextOffset = left[0].offset;
    }
    await this.#commit(output, nextOffset, records);
    return true;
  }

  #process(records: readonly LogRecord[], nextOffset: number): TaskOutput {
    const { topology, partition, task, size } = this.#options;
    const [first] = records;
    const answer = first === undefined ? null : size.refusalOf(first.offset);
    if (first === undefined || answer === null) return task.process(records, nextOffset, size.limit().bytes);
    if (task.refuse === undefined) throw refusedError(topology, partition, first.offset, answer);
    return task.refuse(first, nextOffset, answer);
  }

  async #commit(output: TaskOutput, nextOffset: number, taken: readonly LogRecord[]): Promise<void> {
    const { producer, hooks, partition, metrics, size, task, onCommitted } = this.#options;
    const started = performance.now();
    try {
      await producer.commit(output, nextOffset);
      await hooks.afterCommit?.(partition);
    } catch (error) {
      throw this.#onFailure(error, attemptOf(output, nextOffset, taken));
    }
    this.#moveTo(nextOffset);
    const tookMs = performance.now() - started;
    this.#linger.after(tookMs);
    metrics.onTransaction(tookMs);
    if (tookMs > SLOW_MS) size.failed(attemptOf(output, nextOffset, taken));
    else size.committed(nextOffset);
    onCommitted();
    ofTask(() => task.committed());
  }

  /** Adapts the batch size to a failed transaction. Returns the error that ends this pass. */
  #onFailure(error: unknown, attempt: Attempt): unknown {
    const { topology, partition, size } = this.#options;
    if (!(error instanceof RefusedError)) {
      size.failed(attempt);
      return error;
    }
    if (size.refused(attempt, error.message) !== 'nothing') return error;
    return new TaskFailure(refusedError(topology, partition, attempt.firstOffset ?? attempt.nextOffset, error.message));
  }

  async #runTimer(): Promise<void> {
    const { topology, partition, backend, task, inbox, size, logger } = this.#options;
    const due = ofTask(() => task.nextTimer());
    const now = Date.now();
    if (due === null || due > now || performance.now() < this.#noTimerBefore) {
      this.#timer = null;
      return;
    }
    if (this.#timer === null) {
      try {
        this.#timer = { at: now, end: await backend.endOffset(topology.input, partition) };
      } catch (error) {
        logger.debug({ err: error }, 'the fold does not know the end offset for a timer yet');
        this.#noTimerBefore = performance.now() + TIMER_RETRY_MS;
        return;
      }
    }
    if (this.#position < this.#timer.end || inbox.size() > 0) return;
    const { at } = this.#timer;
    this.#timer = null;
    this.#noTimerBefore = performance.now() + TIMER_RETRY_MS;
    const output = ofTask(() => task.onTimer(at, this.#position, size.limit().bytes));
    if (output.changelog.length > 0 || output.outputs.length > 0) await this.#commit(output, this.#position, []);
  }

  /** How long the loop may sleep; undefined: until records come. */
  #patience(): number | undefined {
    const { topology, task, producer, inbox } = this.#options;
    const due = topology.timers && !inbox.paused ? ofTask(() => task.nextTimer()) : null;
    const now = performance.now();
    const waits: number[] = [];
    if (due !== null && this.#timer === null)
      waits.push(Math.min(TIMER_LOOK_MS, Math.max(due - Date.now(), this.#noTimerBefore - now)));
    const offsetDueAt = producer.offsetDueAt();
    if (offsetDueAt !== null) waits.push(offsetDueAt - now);
    return waits.length === 0 ? undefined : Math.max(0, Math.min(...waits));
  }
}
