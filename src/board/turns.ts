import { Refusal } from './refusal';

export interface TurnsOptions {
  /** So much work runs at the same time. */
  readonly atOnce: number;
  /** So much work may wait. */
  readonly waiting: number;
  /** Work that has waited this long is refused, ms. */
  readonly waitMs: number;
}

/** Limits how much work runs at the same time. The rest waits in order, as long as that makes sense. */
export class Turns {
  readonly #options: TurnsOptions;
  #running = 0;
  readonly #waiting = new Set<() => void>();

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /**
   * @param signal its abort gives up a turn that has not come yet
   * @throws Refusal 429 if too much work waits, or if the turn does not come in time; the signal's reason
   */
  async take<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    if (this.#running < this.#options.atOnce) this.#running += 1;
    else await this.#turn(signal);
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      this.#pass();
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    const { waiting, waitMs } = this.#options;
    const refusal = new Refusal(429, 'Many others look into the past at the moment. Try again in a few seconds.', {
      retryAfterSeconds: Math.ceil(waitMs / 1_000),
    });
    if (this.#waiting.size >= waiting) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(start);
      };
      const start = (): void => {
        leave();
        resolve();
      };
      const onAbort = (): void => {
        leave();
        reject(signal.reason as Error);
      };
      const timer = setTimeout(() => {
        leave();
        reject(refusal);
      }, waitMs);
      signal.addEventListener('abort', onAbort);
      this.#waiting.add(start);
    });
  }

  /** The turn goes to the work that has waited longest. */
  #pass(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
