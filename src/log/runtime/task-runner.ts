import type { Logger } from 'pino';
import { messageOf, OperatorError } from '../../common';
import type { LogRecord, Task, TaskOutput, TaskState, TaskStatus, TopicMark, Topology } from '../port';
import { recordBytes } from '../record-size';
import { RefusedError } from '../refused';
import { FencedError, type Backend, type Member, type Session, type TaskHooks, type TopicFacts } from './backend';
import { SLOW_MS, type Attempt, type BatchSize } from './batch-size';
import { lookAround } from './beginning';
import { judge, refusalOf, type Loss } from './losses';
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
  /** The topics as they are now: a task that began with others is thrown away, and another one begins. */
  compare(now: ReadonlyMap<string, TopicFacts>): void;
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

/** A loss that only seems to be one has passed within this time; it is looked for again at this interval. */
const APPARENT_MS = 3_000;
const LOOK_AGAIN_MS = 500;

/** What a task needs is not there any more. */
class LossFound extends Error {
  constructor(readonly losses: readonly Loss[]) {
    super(refusalOf(losses).message);
  }
}

/** A topic is another one than when the task began. */
class TopicsChanged extends Error {}

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
  /** The topics that the task began with; null: it has not begun. */
  let marks: readonly TopicMark[] | null = null;
  /** Why another task has to begin. */
  let changed: string | null = null;
  let lossSince: number | null = null;
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
      if (changed !== null) throw new TopicsChanged(changed);
      const worked = paused ? false : await takeBatch();
      if (isClosing()) return;
      if (topology.timers && !paused) await runTimer();
      if (!worked) await signal.wait(paused ? undefined : patience());
    }
  };

  /** Looks for losses, and writes again what the outputs lost. Answers where to go on; null: closing. */
  const begin = async (task: Task, session: Session): Promise<number | null> => {
    const checkpoint = await waitForTask(ofTask(() => task.restored()));
    changed = null;
    const found = await lookAround(backend, topology, partition, checkpoint);
    if (isClosing()) return null;
    const { losses, from, rewrite } = judge(found);
    if (losses.length > 0) throw new LossFound(losses);
    lossSince = null;
    marks = found.topics;
    end = found.topics.find(({ topic }) => topic === topology.input)?.end ?? null;
    ofTask(() => task.begin({ topics: found.topics, last: checkpoint?.last ?? null }));
    if (rewrite.size > 0) {
      logger.warn({ topics: [...rewrite] }, 'topics were made anew or lost records: all rows are written again');
      for (const output of ofTask(() => task.rewrite(rewrite, from))) {
        if (isClosing()) return null;
        await session.commit(output, from).catch((error: unknown) => {
          if (!(error instanceof RefusedError)) throw error;
          throw new TaskFailure(refusedError(topology, partition, from, error.message));
        });
        ofTask(() => task.committed());
      }
    }
    logger.debug({ nextOffset: from, checkpoint: checkpoint?.nextOffset, committed: found.committed }, 'task begins');
    return from;
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
      const from = await begin(restored, session);
      if (from === null) return;
      metrics.onRestore(performance.now() - started);
      next = from;
      queue.clear();
      isFull = false;
      isHeld = false;
      state.enter('RUNNING');
      options.member.start(partition, from);
      applyFlow();
      await fold(restored, session, from);
    } finally {
      marks = null;
      options.member.pause(partition);
      queue.clear();
      task?.close();
      await session?.close().catch((error: unknown) => logger.debug({ err: error }, 'closing a producer'));
    }
  };

  /** What only seems to be lost may be seen again in a moment. Answers the error where it is not; null: look again. */
  const refuse = ({ losses }: LossFound): OperatorError | null => {
    lossSince ??= Date.now();
    const isCertain = losses.some(({ certainty }) => certainty === 'certain');
    return isCertain || Date.now() - lossSince >= APPARENT_MS ? refusalOf(losses) : null;
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
        const refused = error instanceof LossFound ? refuse(error) : null;
        if (refused !== null) {
          options.onFatal(refused);
          break;
        }
        if (error instanceof LossFound || error instanceof TopicsChanged) {
          logger.warn({ reason: error.message }, 'the topics are looked at again');
          if (!isClosing()) await signal.wait(LOOK_AGAIN_MS);
          continue;
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
      // Deleted before they were read, or the topic was made anew: the next task looks for what was lost.
      changed = `${topology.input} has nothing at offset ${offset}`;
      signal.notify();
    },
    compare(now) {
      if (closing || marks === null || state.current() !== 'RUNNING') return;
      const other = marks.find(({ topic, id, partitions }) => {
        const fact = now.get(topic);
        return fact !== undefined && (fact.id !== id || fact.partitions !== partitions);
      });
      if (other === undefined) return;
      changed = `${other.topic} is another topic than before`;
      signal.notify();
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
