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
  /** The pauses between attempts: `firstMs`, then twice as long each time, up to `maxMs`. Default 200 and 15,000. */
  readonly backOff?: { readonly firstMs: number; readonly maxMs: number };
}

export interface WriterState {
  readonly available: boolean;
  /** Why ClickHouse is not available, in its own words. For a refused certificate it also names the remedy. */
  readonly error: string | null;
  /** Since when this state holds, epoch ms. */
  readonly since: number;
}

export interface AttemptLimits {
  readonly signal: AbortSignal;
  /** Epoch ms; no attempt begins later. */
  readonly notAfterMs: number;
}

const BACK_OFF = { firstMs: 200, maxMs: 15_000 };

/**
 * Repeats work at ClickHouse until it is done, however long ClickHouse is away. Its state shows whether ClickHouse is
 * available.
 */
export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #backOff: NonNullable<AttemptsOptions['backOff']>;
  #state: WriterState = { available: true, error: null, since: Date.now() };
  /** The last reason that was logged. The reason may change during one outage, for instance while a server starts. */
  #told: string | null = null;

  constructor(options: AttemptsOptions) {
    this.#options = options;
    this.#backOff = options.backOff ?? BACK_OFF;
  }

  state(): WriterState {
    return this.#state;
  }

  /**
   * Returns the error of the data; null: the work is done. Rejects with the signal's reason, or with an OperatorError
   * after `notAfterMs`.
   * @param rows how many rows the work concerns, for the log
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

  /** The pauses never end. */
  *delays(): Generator<number> {
    for (let delayMs = this.#backOff.firstMs; ; delayMs = Math.min(2 * delayMs, this.#backOff.maxMs)) yield delayMs;
  }

  /** The jitter keeps several sinks from coming back at the same moment. */
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
