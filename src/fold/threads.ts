import { createDeferred, OperatorError } from '../common';
import { type Log, type TopicNames } from '../log';
import type { CheckResult, Logger, MetricValues } from '../ops';
import { logAnswers, type RunningRole } from '../wiring';
import { processId } from './process-id';

/** The messages between the threads of a fold and the thread that started them. */
export type ToThread = { readonly ask: 'state' | 'metrics'; readonly id: number } | 'stop';
export type FromThread =
  { readonly id: number; readonly state: ThreadState } | { readonly id: number; readonly metrics: MetricValues };

export interface ThreadState {
  readonly tasks: CheckResult;
  readonly live: CheckResult;
  /** The reason why the thread's start waits; null: it does not. */
  readonly waitingFor: string | null;
}

/** The part of a `Worker` that is used here. */
export interface FoldThread {
  postMessage(message: ToThread): void;
  on(event: 'message', listener: (message: FromThread) => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'exit', listener: (code: number) => void): unknown;
}

export interface FoldThreadsOptions {
  readonly count: number;
  /** Starts one. @param index from 1 */
  readonly startThread: (index: number) => FoldThread;
  readonly log: Pick<Log, 'endOffsets' | 'explain'>;
  readonly topics: TopicNames;
  readonly logger: Logger;
  /** How often to ask the threads for their state. Default 5,000. */
  readonly everyMs?: number;
}

/** An answer takes as long as one turn of a busy thread's event loop. */
const ANSWER_WITHIN_MS = 1_000;
/** Two minutes, as for every loop that hangs (src/wiring/loop-watch.ts). */
const HUNG_AFTER_ASKED = 24;

const UNKNOWN: ThreadState = { tasks: { ok: false, detail: 'starting' }, live: { ok: true }, waitingFor: null };

/** One of the threads, seen from outside. */
class Thread {
  readonly ended = createDeferred<undefined>();
  readonly #index: number;
  readonly #port: FoldThread;
  readonly #asked = new Map<number, (answer: FromThread | null) => void>();
  #ids = 0;
  #state = UNKNOWN;
  #metrics: MetricValues = [];
  /** Questions in a row without an answer. */
  #silent = 0;
  #stopping = false;

  constructor(index: number, count: number, port: FoldThread) {
    this.#index = index;
    this.#port = port;
    const name = `fold: thread ${index} of ${count}`;
    const sorry = 'The process ends too, so that other folds take over. The log lines before this one say why.';
    port.on('message', (message) => this.#asked.get(message.id)?.(message));
    port.on('error', (error) => this.ended.reject(new OperatorError(`${name} failed. ${sorry}`, { cause: error })));
    port.on('exit', (code) => {
      if (code === 0 && this.#stopping) this.ended.resolve(undefined);
      else this.ended.reject(new OperatorError(`${name} ended with ${code}. ${sorry}`));
      for (const answer of this.#asked.values()) answer(null);
    });
  }

  /** The thread's state now; its last state if it does not answer. */
  async state(): Promise<ThreadState> {
    const answer = await this.#ask('state');
    if (answer !== null && 'state' in answer) this.#state = answer.state;
    else return { ...this.#state, tasks: { ok: false, detail: `thread ${this.#index} does not answer` } };
    return this.#state;
  }

  /**
   * The thread's metrics; its last ones if it does not answer, because a counter that disappears would seem to restart.
   */
  async metrics(): Promise<MetricValues> {
    const answer = await this.#ask('metrics');
    if (answer !== null && 'metrics' in answer) this.#metrics = answer.metrics;
    return this.#metrics;
  }

  live(): CheckResult {
    if (this.#silent < HUNG_AFTER_ASKED) return this.#state.live;
    return { ok: false, detail: `thread ${this.#index} hangs. A restart helps` };
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#port.postMessage('stop');
    await this.ended.promise.catch(() => undefined);
  }

  async #ask(ask: 'state' | 'metrics'): Promise<FromThread | null> {
    const id = (this.#ids += 1);
    let timer: NodeJS.Timeout | undefined;
    const answer = await new Promise<FromThread | null>((resolve) => {
      timer = setTimeout(() => resolve(null), ANSWER_WITHIN_MS);
      this.#asked.set(id, resolve);
      this.#port.postMessage({ ask, id });
    });
    clearTimeout(timer);
    this.#asked.delete(id);
    this.#silent = answer === null ? this.#silent + 1 : 0;
    return answer;
  }
}

/**
 * A fold in several threads of this process. Each thread is a member of the group; they share health, metrics and end.
 */
export function startFoldThreads(options: FoldThreadsOptions): RunningRole {
  const { count, startThread, log, topics, logger, everyMs = 5_000 } = options;
  // Before the first thread starts, so that all threads have the same id.
  processId();
  const threads = Array.from({ length: count }, (_, index) => new Thread(index + 1, count, startThread(index + 1)));
  logger.info({ threads: count }, 'the fold works in threads');
  const looking = setInterval(() => void Promise.all(threads.map((thread) => thread.state())), everyMs).unref();
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    clearInterval(looking);
    return (stopping ??= Promise.all(threads.map((thread) => thread.stop())).then(() => undefined));
  };
  const done = Promise.all(threads.map(({ ended }) => ended.promise)).then(() => undefined);
  done.catch(() => void stop());
  return {
    name: 'fold',
    ready: { kafka: logAnswers(log, topics.events), tasks: async () => together(await statesOf(threads)) },
    live: () => threads.map((thread) => thread.live()).find(({ ok }) => !ok) ?? { ok: true },
    measured: () => Promise.all(threads.map((thread) => thread.metrics())),
    done,
    stop,
  };
}

function statesOf(threads: readonly Thread[]): Promise<readonly ThreadState[]> {
  return Promise.all(threads.map((thread) => thread.state()));
}

function together(states: readonly ThreadState[]): CheckResult {
  const details = states.map(({ tasks: { detail = 'ok' }, waitingFor }) =>
    waitingFor === null ? detail : `waiting: ${waitingFor}`,
  );
  return { ok: states.every(({ tasks, waitingFor }) => tasks.ok && waitingFor === null), detail: details.join('; ') };
}
