import { setTimeout as sleep } from 'node:timers/promises';
import { AwayError, messageOf, MissingError } from '../common';
import type { Logger } from '../ops';

export interface Beginning<T> {
  /**
   * Makes one attempt. A failed attempt ends everything that it began. After AwayError and MissingError another attempt
   * may succeed.
   */
  attempt(): Promise<T>;
  /** Aborts when the process has to stop. Work under way is left to the end of the process. */
  readonly signal: AbortSignal;
  /** Gets what the start waits for, in a sentence; null: nothing any longer. */
  readonly onWaiting: (message: string | null) => void;
  readonly logger: Logger;
  /** The pause between two attempts, and between two lines of the log. Default 3,000 and 5,000. */
  readonly pauseMs?: number;
  readonly tellEveryMs?: number;
}

const PAUSE_MS = 3_000;
const TELL_EVERY_MS = 5_000;

/**
 * Starts something that needs other services. It waits without a limit for services that do not answer, and for topics,
 * schemas and tables that `setup` has not created yet. If the process ended instead, an orchestrator would soon wait
 * minutes between two starts. It throws an error at once if waiting does not help.
 * @throws AbortError if the process has to stop before that
 */
export async function begin<T>(options: Beginning<T>): Promise<T> {
  const { attempt, signal, onWaiting, logger, pauseMs = PAUSE_MS, tellEveryMs = TELL_EVERY_MS } = options;
  let waitingFor: string | null = null;
  const tell = (): void => logger.warn({ waitingFor: waitingFor ?? 'an answer' }, 'the start waits');
  // Also while an attempt takes long: some addresses swallow everything and refuse nothing.
  const telling = setInterval(tell, tellEveryMs).unref();
  try {
    for (;;) {
      try {
        const begun = await Promise.race([attempt(), told(signal)]);
        if (waitingFor !== null) logger.info('the start waits no longer');
        onWaiting(null);
        return begun;
      } catch (error) {
        if (!(error instanceof AwayError || error instanceof MissingError)) throw error;
        const message = messageOf(error);
        onWaiting(message);
        if (waitingFor !== message) {
          waitingFor = message;
          tell();
          telling.refresh();
        }
      }
      await sleep(pauseMs, undefined, { signal });
    }
  } finally {
    clearInterval(telling);
  }
}

function told(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => reject(Object.assign(new Error('asked to stop'), { name: 'AbortError' }));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
