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

  /** @throws Refusal 429 if too much work waits, or if the turn does not come in time */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#options.atOnce) this.#running += 1;
    else await this.#turn();
    try {
      return await work();
    } finally {
      this.#pass();
    }
  }

  #turn(): Promise<void> {
    const { waiting, waitMs } = this.#options;
    const refusal = new Refusal(429, 'Many others look into the past at the moment. Try again in a few seconds.', {
      retryAfterSeconds: Math.ceil(waitMs / 1_000),
    });
    if (this.#waiting.size >= waiting) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      const start = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(start);
        reject(refusal);
      }, waitMs);
      this.#waiting.add(start);
    });
  }

  /** The turn goes to the work that has waited longest. */
  #pass(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#running -= 1;
    else {
      this.#waiting.delete(next);
      next();
    }
  }
}
