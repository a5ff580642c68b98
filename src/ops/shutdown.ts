import { OperatorError } from '../common';
import type { Logger } from './logging';

/** How a process ends: the cause, the steps, and their order. */
export interface Shutdown {
  /** Aborts when somebody has asked the process to end. For everything that waits or loops. */
  readonly signal: AbortSignal;
  /** The cause: a signal's name, or `EPIPE`; null: nobody has asked. */
  cause(): ShutdownCause | null;
  /** Asks for an orderly end, as a signal does. Later causes are ignored. */
  request(cause: ShutdownCause): void;
  /** Registers a step of the end. Steps run one by one, the last registered first; a step that fails is logged. */
  onStop(name: string, stop: () => unknown): void;
  /**
   * Waits until somebody asks for the end, or one of `running` settles. Then it runs all steps. Rejects with the error
   * that ended the wait. A role starts everything, then calls `await shutdown.until(tasks.done)`.
   */
  until(...running: readonly Promise<unknown>[]): Promise<void>;
  /** Runs the steps that are registered and not yet run. */
  stop(): Promise<void>;
  /** Removes the signal handlers. */
  dispose(): void;
}

export type ShutdownCause = (typeof SIGNALS)[number] | 'EPIPE';

/** SIGHUP: the terminal was closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const SIGNAL_NUMBER: Readonly<Record<ShutdownCause, number>> = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1, EPIPE: 0 };

/** The exit code of a process that a cause ended, if a clean end is no success: 130, 143; 0 for a closed pipe. */
export function exitCodeOf(cause: ShutdownCause): number {
  return cause === 'EPIPE' ? 0 : 128 + SIGNAL_NUMBER[cause];
}

export interface ShutdownOptions {
  readonly logger: Logger;
  /** The part of the process that is used here. */
  readonly process: Pick<NodeJS.EventEmitter, 'on' | 'off'> & { exit(code: number): void };
  /** The log level of a signal. Default `info`, because only a signal ends a process that runs forever. */
  readonly level?: 'info' | 'debug';
  /** The longest time from the first request to the end. After it the process exits with 1. */
  readonly deadlineMs: number;
}

interface Step {
  readonly name: string;
  readonly stop: () => unknown;
}

export function createShutdown(options: ShutdownOptions): Shutdown {
  return new ProcessShutdown(options);
}

class ProcessShutdown implements Shutdown {
  readonly #options: ShutdownOptions;
  readonly #controller = new AbortController();
  readonly #handlers: readonly (readonly [(typeof SIGNALS)[number], () => void])[];
  readonly #steps: Step[] = [];
  #asked: ShutdownCause | null = null;
  #stopping: Promise<void> | null = null;
  #current = 'the command itself';
  #deadline: NodeJS.Timeout | undefined;
  /** The error that ended the wait. The process prints it at the end; the deadline must not prevent that. */
  #failure: unknown = null;

  constructor(options: ShutdownOptions) {
    this.#options = options;
    this.#handlers = SIGNALS.map((signal) => [signal, () => this.#onSignal(signal)] as const);
    for (const [signal, handler] of this.#handlers) options.process.on(signal, handler);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  cause(): ShutdownCause | null {
    return this.#asked;
  }

  request(cause: ShutdownCause): void {
    if (this.#asked !== null) return;
    this.#asked = cause;
    const { logger, level = 'info' } = this.#options;
    logger[level]({ cause }, 'stopping');
    this.#startDeadline();
    this.#controller.abort();
  }

  onStop(name: string, stop: () => unknown): void {
    this.#steps.push({ name, stop });
  }

  async until(...running: readonly Promise<unknown>[]): Promise<void> {
    try {
      await Promise.race([aborted(this.signal), ...running]);
    } catch (error) {
      this.#failure = error;
      throw error;
    } finally {
      await this.stop();
    }
    // An error while stopping is still a failure.
    await Promise.all(running);
  }

  stop(): Promise<void> {
    this.#startDeadline();
    // Also runs steps that were registered while stopping, because something was still starting.
    this.#stopping = (this.#stopping ?? Promise.resolve()).then(() => this.#runSteps());
    return this.#stopping;
  }

  dispose(): void {
    clearTimeout(this.#deadline);
    for (const [signal, handler] of this.#handlers) this.#options.process.off(signal, handler);
  }

  #onSignal(signal: (typeof SIGNALS)[number]): void {
    // A second Ctrl-C means that somebody does not want to wait.
    if (this.#asked !== null && signal === 'SIGINT') this.#options.process.exit(exitCodeOf('SIGINT'));
    else this.request(signal);
  }

  #startDeadline(): void {
    const { logger, process: host, deadlineMs } = this.#options;
    this.#deadline ??= setTimeout(() => {
      const because = this.#failure === null ? {} : { because: describeFatal(this.#failure) };
      logger.fatal(
        { waitingFor: this.#current, deadlineMs, ...because },
        'the stop takes too long: the process ends at once',
      );
      host.exit(1);
    }, deadlineMs);
    // The process may end earlier, even while a caller waits.
    this.#deadline.unref();
  }

  async #runSteps(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      this.#current = step.name;
      try {
        await step.stop();
      } catch (error) {
        this.#options.logger.warn({ err: error, step: step.name }, 'a part did not stop cleanly');
      }
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * An uncaught error ends the process with 1. The log names the error and its place. It contains the message only if the
 * message was made for people, or by the system: others quote input, which may be personal.
 */
export function exitOnUncaught({ logger, process: host }: Pick<ShutdownOptions, 'logger' | 'process'>): () => void {
  const handler = (error: unknown) => {
    logger.fatal(describeFatal(error), 'an unexpected error ends the process');
    host.exit(1);
  };
  host.on('uncaughtException', handler);
  host.on('unhandledRejection', handler);
  return () => {
    host.off('uncaughtException', handler);
    host.off('unhandledRejection', handler);
  };
}

function describeFatal(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: typeof error };
  const { code, syscall } = error as NodeJS.ErrnoException;
  const forPeople = error instanceof OperatorError || typeof syscall === 'string';
  return {
    error: error.name,
    ...(code === undefined ? {} : { code }),
    ...(forPeople ? { message: error.message } : {}),
    at: framesOf(error),
  };
}

/** The stack without its first lines, which repeat the message. */
function framesOf(error: Error): readonly string[] {
  const lines = (error.stack ?? '').split('\n').map((line) => line.trim());
  return lines.filter((line) => /^at .*(:\d+:\d+\)?|<anonymous>\)?|\(native\))$/.test(line));
}
