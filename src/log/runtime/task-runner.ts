import type { Logger } from 'pino';
import { messageOf, OperatorError } from '../../common';
import type { LogRecord, Task, TaskOutput, TaskState, TaskStatus, Topology } from '../port';
import { recordBytes } from '../record-size';
import { RefusedError } from '../refused';
import { FencedError, type Backend, type Member, type Session, type TaskHooks } from './backend';
import { SLOW_MS, type Attempt, type BatchSize } from './batch-size';
import { createRecordQueue } from './record-queue';
import type { RuntimeMetrics } from './runtime-metrics';
import { createSignal, jittered } from './signal';
import { createTaskState } from './task-state';

/** One input partition's loop: fence, restore, then fold what waits, one transaction after the other. */
export interface TaskRunner {
  /** Hands records over; ignored unless the task is RUNNING. Must not be called before `Member.start`. */
  deliver(records: readonly LogRecord[], nextOffset: number, endOffset: number): void;
  /** The log has nothing at the offset that was asked for. */
  outOfRange(offset: number): void;
  pause(): void;
  resume(): void;
  state(): TaskState;
  status(): TaskStatus;
  /** True when a newer owner has fenced this one. */
  isFenced(): boolean;
  /** Finishes the transaction under way. Resolves when nothing of this task runs any more; never rejects. */
  close(): Promise<void>;
}

export interface TaskRunnerOptions {
  readonly topology: Topology;
  readonly partition: number;
  readonly backend: Backend;
  readonly member: Member;
  readonly createTask: (partition: number) => Task;
  /** Resolves when an earlier runner of the same partition in this process is gone. */
  readonly after: Promise<void>;
  readonly paused: boolean;
  /** Of the partition, shared with earlier and later runners of it. */
  readonly size: BatchSize;
  readonly hooks: TaskHooks;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
  readonly onFenced: () => void;
  /** The task itself failed, or its input cannot be read: the end of all tasks. */
  readonly onFatal: (error: unknown) => void;
}

/** Back-pressure. A paused reader wakes up to 100 ms later (kafkajs sleeps `maxWaitTimeInMs`), so `low` must last as long. */
const HIGH = { records: 3_000, bytes: 6 * 1024 * 1024 };
const LOW = { records: 1_500, bytes: 3 * 1024 * 1024 };
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
/** A timer that cannot be served (the end offset is not to be had) or that does not move is tried again after this. */
const TIMER_RETRY_MS = 250;

/** Marks an error of the task's own code: fatal, while all others lead back to FENCING. */
class TaskFailure extends Error {
  constructor(readonly reason: unknown) {
    super(messageOf(reason));
  }
}

function ofTask<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new TaskFailure(error);
  }
}

async function waitForTask<T>(answer: T | Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new TaskFailure(error);
  }
}

/** Why nothing can be read at an offset, in words for a person; null when it can be by now. */
async function rangeError(
  backend: Backend,
  { group, input }: Topology,
  partition: number,
  offset: number,
): Promise<OperatorError | null> {
  const [bounds] = await backend.groupOffsets(group, input, [partition]);
  if (bounds === undefined) return null;
  if (offset < bounds.beginningOffset) {
    return new OperatorError(
      `${input}/${partition}: offset ${offset} is needed, but the topic begins at ${bounds.beginningOffset}: records were ` +
        `deleted (retention.ms) before they were folded. To go on without them: stop every fold, then ` +
        `kafka-consumer-groups --group ${group} --topic ${input}:${partition} --reset-offsets --to-earliest --execute`,
    );
  }
  if (offset > bounds.endOffset) {
    return new OperatorError(
      `${input}/${partition}: offset ${offset} is needed, but the topic ends at ${bounds.endOffset}: it was made anew or lost ` +
        `records, and the state of group ${group} no longer belongs to it. Use a new TOPIC_PREFIX and replay.`,
    );
  }
  return null;
}

function attemptOf({ changelog, outputs }: TaskOutput, nextOffset: number, taken: readonly LogRecord[]): Attempt {
  let bytes = 0;
  for (const record of changelog) bytes += recordBytes(record);
  for (const record of outputs) bytes += recordBytes(record);
  return { records: taken.length, bytes, firstOffset: taken[0]?.offset ?? null, nextOffset };
}

function refusedError({ input, outputs, changelog }: Topology, partition: number, offset: number, answer: string) {
  return new OperatorError(
    `${input}[${partition}]@${offset}: the log refuses what comes of this record (${answer}). Compare max.message.bytes, ` +
      `cleanup.policy and message.timestamp.… of ${[changelog, ...outputs].join(', ')} with \`queuefold doctor\`, and run \`queuefold setup\`.`,
  );
}

export function createTaskRunner(options: TaskRunnerOptions): TaskRunner {
  const { topology, partition, backend, size, hooks, metrics } = options;
  const logger = options.logger.child({ partition });
  const state = createTaskState(metrics.onTaskState);
  const queue = createRecordQueue();
  const signal = createSignal();
  let next: number | null = null;
  let end: number | null = null;
  let paused = options.paused;
  let isFull = false;
  let isHeld = false;
  let closing = false;
  let fenced = false;
  let failures = 0;
  const isClosing = (): boolean => closing;

  const lag = (): number | null => (next === null || end === null ? null : Math.max(0, end - next));

  const applyFlow = (): void => {
    const wanted = paused || isFull;
    if (wanted === isHeld) return;
    isHeld = wanted;
    if (wanted) options.member.pause(partition);
    else options.member.resume(partition);
  };

  const updateFull = (): void => {
    isFull = isFull
      ? queue.size() > LOW.records || queue.bytes() > LOW.bytes
      : queue.size() > HIGH.records || queue.bytes() > HIGH.bytes;
    applyFlow();
  };

  /** What is left to do about a transaction that failed: the error that ends this pass. */
  const onFailure = (error: unknown, attempt: Attempt): unknown => {
    if (!(error instanceof RefusedError)) {
      size.failed(attempt);
      return error;
    }
    if (size.refused(attempt, error.message) !== 'nothing') return error;
    return new TaskFailure(refusedError(topology, partition, attempt.firstOffset ?? attempt.nextOffset, error.message));
  };

  /** Between the restore and the next error: everything that one session may do. */
  const fold = async (task: Task, session: Session, from: number): Promise<void> => {
    let position = from;
    let timer: { readonly at: number; readonly end: number } | null = null;
    let noTimerBefore = 0;

    const commit = async (output: TaskOutput, nextOffset: number, taken: readonly LogRecord[]): Promise<void> => {
      const started = performance.now();
      try {
        await session.commit(output, nextOffset);
        await hooks.afterCommit?.(partition);
      } catch (error) {
        throw onFailure(error, attemptOf(output, nextOffset, taken));
      }
      position = nextOffset;
      next = nextOffset;
      const tookMs = performance.now() - started;
      metrics.onTransaction(tookMs);
      if (tookMs > SLOW_MS) size.failed(attemptOf(output, nextOffset, taken));
      else size.committed(nextOffset);
      failures = 0;
      ofTask(() => task.committed());
    };

    const process = (records: readonly LogRecord[], nextOffset: number): TaskOutput => {
      const [first] = records;
      const answer = first === undefined ? null : size.refusalOf(first.offset);
      if (first === undefined || answer === null) return task.process(records, nextOffset, size.limit().bytes);
      if (task.refuse === undefined) throw refusedError(topology, partition, first.offset, answer);
      return task.refuse(first, nextOffset, answer);
    };

    const takeBatch = async (): Promise<boolean> => {
      const taken = queue.take(size.limit().records);
      if (taken === null) return false;
      updateFull();
      let { records } = taken;
      const first = records[0];
      // Below `next`: committed by an earlier transaction, read again after a rebalance.
      if (first !== undefined && first.offset < position) records = records.filter(({ offset }) => offset >= position);
      let nextOffset = Math.max(position, taken.nextOffset);
      if (records.length === 0) {
        position = nextOffset;
        next = nextOffset;
        return true;
      }
      const preparing = ofTask(() => task.prepare?.(records) ?? null);
      if (preparing !== null) await waitForTask(preparing);
      const output = ofTask(() => process(records, nextOffset));
      const left = output.taken === undefined ? [] : records.slice(output.taken);
      if (left[0] !== undefined) {
        queue.putBack(left, nextOffset);
        records = records.slice(0, output.taken);
        nextOffset = left[0].offset;
      }
      await commit(output, nextOffset, records);
      return true;
    };

    const runTimer = async (): Promise<void> => {
      const due = topology.timers ? ofTask(() => task.nextTimer()) : null;
      const now = Date.now();
      if (due === null || due > now || now < noTimerBefore) {
        timer = null;
        return;
      }
      if (timer === null) {
        try {
          timer = { at: now, end: await backend.endOffset(topology.input, partition) };
        } catch (error) {
          logger.debug({ err: error }, 'no end offset for a timer yet');
          noTimerBefore = Date.now() + TIMER_RETRY_MS;
          return;
        }
      }
      if (position < timer.end || queue.size() > 0) return;
      const { at } = timer;
      timer = null;
      noTimerBefore = Date.now() + TIMER_RETRY_MS;
      const output = ofTask(() => task.onTimer(at, position, size.limit().bytes));
      if (output.changelog.length > 0 || output.outputs.length > 0) await commit(output, position, []);
    };

    /** How long the loop may sleep; undefined: until records come. */
    const patience = (): number | undefined => {
      const due = topology.timers ? ofTask(() => task.nextTimer()) : null;
      if (due === null || timer !== null) return undefined;
      return Math.max(0, Math.max(due, noTimerBefore) - Date.now());
    };

    while (!isClosing()) {
      const worked = paused ? false : await takeBatch();
      if (isClosing()) return;
      if (topology.timers && !paused) await runTimer();
      if (!worked) await signal.wait(paused ? undefined : patience());
    }
  };

  /** One pass through FENCING, RESTORING and RUNNING; ends when closing, or with an error. */
  const pass = async (): Promise<void> => {
    let session: Session | null = null;
    let task: Task | null = null;
    try {
      session = await backend.openSession(topology, partition, hooks);
      if (isClosing()) return;
      state.enter('RESTORING');
      const started = performance.now();
      const restored = (task = ofTask(() => options.createTask(partition)));
      await session.restore((record) => ofTask(() => restored.restore(record)), isClosing);
      if (isClosing()) return;
      const checkpoint = await waitForTask(ofTask(() => restored.restored()));
      const [offsets] = await backend.groupOffsets(topology.group, topology.input, [partition]);
      if (offsets === undefined || isClosing()) return;
      metrics.onRestore(performance.now() - started);
      // The group's offset may be expired or still the old one; the checkpoint is part of every transaction.
      const from = Math.max(offsets.committedOffset ?? offsets.beginningOffset, checkpoint ?? 0);
      next = from;
      end = offsets.endOffset;
      queue.clear();
      isFull = false;
      isHeld = false;
      state.enter('RUNNING');
      options.member.start(partition, from);
      applyFlow();
      logger.debug({ nextOffset: from, checkpoint, committed: offsets.committedOffset }, 'task runs');
      await fold(restored, session, from);
    } finally {
      options.member.pause(partition);
      queue.clear();
      task?.close();
      await session?.close().catch((error: unknown) => logger.debug({ err: error }, 'closing a producer'));
    }
  };

  const run = async (): Promise<void> => {
    await options.after;
    while (!isClosing()) {
      state.enter('FENCING');
      try {
        await pass();
      } catch (error) {
        if (error instanceof TaskFailure) {
          options.onFatal(error.reason);
          break;
        }
        if (error instanceof FencedError) {
          fenced = true;
          logger.info('fenced by a newer owner');
          break;
        }
        if (error instanceof RefusedError) {
          // Nothing is unknown and nothing gets better by waiting; there are at most eleven of them for a record.
          logger.warn(
            { answer: error.message, records: size.limit().records },
            'the log refuses a transaction: bisecting',
          );
          continue;
        }
        if (error instanceof OperatorError) {
          options.onFatal(error);
          break;
        }
        failures += 1;
        const waitMs = jittered(Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10)));
        logger.warn({ err: error, waitMs }, 'a transaction has an unknown outcome: fencing and restoring again');
        if (!isClosing()) await signal.wait(waitMs);
      }
    }
    state.enter('CLOSED');
    metrics.onTaskGone();
    if (fenced && !isClosing()) options.onFenced();
  };
  const finished = run().catch((error: unknown) => options.onFatal(error));

  return {
    deliver(records, nextOffset, endOffset) {
      if (closing || state.current() !== 'RUNNING') return;
      end = endOffset;
      queue.push(records, nextOffset);
      hooks.onWaiting?.(partition, queue.size());
      updateFull();
      signal.notify();
    },
    outOfRange(offset) {
      if (closing || state.current() !== 'RUNNING') return;
      rangeError(backend, topology, partition, offset).then(
        (error) => {
          if (closing || state.current() !== 'RUNNING') return;
          if (error !== null) options.onFatal(error);
          else options.member.start(partition, offset);
        },
        (error: unknown) => options.onFatal(error),
      );
    },
    pause() {
      paused = true;
      applyFlow();
    },
    resume() {
      paused = false;
      applyFlow();
      signal.notify();
    },
    state: state.current,
    status: () => ({ partition, state: state.current(), nextOffset: next, lag: lag() }),
    isFenced: () => fenced,
    close() {
      closing = true;
      signal.notify();
      return finished;
    },
  };
}
