import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { OperatorError } from '../common';
import type { Metrics } from '../ops';
import { explainStoreError, type Store } from './client';
import { isDataError, reasonOf } from './errors';

export interface AttemptsOptions {
  readonly store: Store;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Between attempts: from `firstMs`, doubled up to `maxMs`. Default 200 and 15,000. */
  readonly backOff?: { readonly firstMs: number; readonly maxMs: number };
}

export interface WriterState {
  readonly available: boolean;
  /** Why it is not, in ClickHouse's words; of a refused certificate also what to do. */
  readonly error: string | null;
  /** Since when, epoch ms. */
  readonly since: number;
}

export interface AttemptLimits {
  readonly signal: AbortSignal;
  /** Epoch ms; nothing is begun later. */
  readonly notAfterMs: number;
}

const BACK_OFF = { firstMs: 200, maxMs: 15_000 };

/** Tries work at ClickHouse until it is done, however long ClickHouse is away, and tells whether it is. */
export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #backOff: NonNullable<AttemptsOptions['backOff']>;
  #state: WriterState = { available: true, error: null, since: Date.now() };
  /** The reason that was logged last of what goes on: a server that starts over, say, may come back with another one. */
  #told: string | null = null;

  constructor(options: AttemptsOptions) {
    this.#options = options;
    this.#backOff = options.backOff ?? BACK_OFF;
  }

  state(): WriterState {
    return this.#state;
  }

  /**
   * Answers the error of the data, null when the work is done. Rejects with the signal's reason, or with an
   * OperatorError after `notAfterMs`.
   * @param rows for the log: so many are concerned
   */
  async untilAnswered(
    work: () => Promise<void>,
    rows: number,
    { signal, notAfterMs }: AttemptLimits,
  ): Promise<unknown> {
    for (const delayMs of this.delays()) {
      signal.throwIfAborted();
      if (Date.now() > notAfterMs) throw tooLate(this.#state.error);
      try {
        await work();
        this.#available();
        return null;
      } catch (error) {
        if (isDataError(error)) {
          this.#available();
          return error;
        }
        await this.#unavailable(error, rows);
      }
      await this.pause(delayMs, signal);
    }
    return null;
  }

  /** Without an end. */
  *delays(): Generator<number> {
    for (let delayMs = this.#backOff.firstMs; ; delayMs = Math.min(2 * delayMs, this.#backOff.maxMs)) yield delayMs;
  }

  /** Jitter: several sinks do not come back at the same moment. */
  async pause(delayMs: number, signal: AbortSignal): Promise<void> {
    await sleep(delayMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => signal.throwIfAborted());
  }

  #available(): void {
    if (this.#state.available) return;
    this.#options.logger.info({ downMs: Date.now() - this.#state.since }, 'ClickHouse takes rows again');
    this.#state = { available: true, error: null, since: Date.now() };
    this.#told = null;
  }

  async #unavailable(error: unknown, rows: number): Promise<void> {
    const { store, metrics, logger } = this.#options;
    const said = await explainStoreError(store, error);
    const reason = reasonOf(error);
    metrics.sinkRetries.inc({ reason });
    if (reason !== this.#told) logger.warn({ error: said, rows }, 'ClickHouse takes no rows: the sink tries again');
    this.#told = reason;
    this.#state = { available: false, error: said, since: this.#state.available ? Date.now() : this.#state.since };
  }
}

function tooLate(error: string | null): OperatorError {
  return new OperatorError(
    'The sink could not store rows for so long that the clean-up may have removed the tombstones that hide them ' +
      `(${error ?? 'this process was paused'}). Start the sink again: it then reads these rows and their ` +
      'tombstones again.',
  );
}
