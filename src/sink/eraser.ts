import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { explainStoreError, noteErasures, sweepErasures, type Erasure, type Store } from '../store';

export interface EraserOptions {
  readonly store: Store;
  readonly logger: Logger;
}

export interface Eraser {
  /**
   * Deletes the rows of these conversations, after everything older of them was stored. Resolves when the erasures are
   * noted: a later round deletes what cannot be deleted now. It keeps trying while ClickHouse does not answer, and
   * rejects only with the signal's reason.
   */
  erase(erasures: readonly Erasure[], signal: AbortSignal): Promise<void>;
  /** Deletes rows of recent erasures that came back or could not be deleted. Does not reject. */
  round(): Promise<void>;
}

/**
 * Longer than a row can be on its way, and long enough for somebody to notice that the sink lacks the right to delete.
 */
const LATELY_MS = 7 * 24 * 60 * 60_000;
const RETRY = { firstMs: 200, maxMs: 15_000 };

export function createEraser({ store, logger }: EraserOptions): Eraser {
  const warn = async (error: unknown, what: string): Promise<void> => {
    logger.warn({ error: await explainStoreError(store, error) }, what);
  };

  const round = async (): Promise<void> => {
    try {
      const rows = await sweepErasures(store, LATELY_MS);
      if (rows > 0) logger.info({ rows }, 'the sink deleted rows of erased conversations');
    } catch (error) {
      await warn(error, 'the sink could not delete erased conversations from the tables and tries again later');
    }
  };

  return {
    round,
    erase: async (erasures, signal) => {
      if (erasures.length === 0) return;
      for (let delayMs = RETRY.firstMs; ; delayMs = Math.min(2 * delayMs, RETRY.maxMs)) {
        signal.throwIfAborted();
        try {
          await noteErasures(store, erasures);
          break;
        } catch (error) {
          await warn(error, 'the sink cannot note erasures in ClickHouse and tries again');
        }
        await sleep(delayMs, undefined, { signal }).catch(() => signal.throwIfAborted());
      }
      await round();
    },
  };
}
