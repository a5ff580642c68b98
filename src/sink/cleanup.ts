import type { Logger } from 'pino';
import type { Metrics } from '../ops';
import { describeStoreError, identifier, type Store } from '../store';
import type { Eraser } from './eraser';

export interface CleanupOptions {
  readonly store: Store;
  readonly intervalMs: number;
  /** How long tombstones stay in the table. It is longer than a row can be on its way to the table. */
  readonly graceMs: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface Cleanup {
  /** Cleans up from time to time, the first time after one interval. */
  start(): void;
  stop(): void;
}

/** @see cleanUp; the next round repeats one that failed. It also deletes erased rows that have come back. */
export function createCleanup(options: CleanupOptions & { readonly eraser: Pick<Eraser, 'round'> }): Cleanup {
  const { intervalMs, eraser, metrics, logger } = options;
  let timer: NodeJS.Timeout | undefined;
  let isOn = false;

  const round = async (): Promise<void> => {
    await eraser.round();
    try {
      const rows = await cleanUp(options);
      metrics.cleanupRows.inc(rows ?? 0);
      if (rows !== null && isOn) metrics.cleanupLastSuccess.set(Date.now() / 1000);
    } catch (error) {
      logger.warn(
        { error: describeStoreError(error) },
        'the sink could not clean up ended conversations and tries again later',
      );
    }
    if (isOn) arm();
  };
  /** A round may end after the next one was armed: its partition was taken away meanwhile, and came back. */
  const arm = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void round(), intervalMs);
  };

  return {
    start: () => {
      if (isOn) return;
      isOn = true;
      metrics.cleanupLastSuccess.set(Date.now() / 1000);
      arm();
    },
    stop: () => {
      isOn = false;
      clearTimeout(timer);
      metrics.cleanupLastSuccess.remove();
    },
  };
}

/**
 * Removes tombstones that were stored longer than the grace ago, after the rows that they hide. Returns how many, or
 * null while they still hide something. DO NOT BREAK: a tombstone goes only when nothing older of its key is in the
 * table or can still come. The function checks the first. OPTIMIZE alone does not guarantee it, because it leaves out
 * parts that are being merged. The second: see docs/explanation/store.md, "The clean-up". `OPTIMIZE … CLEANUP` would
 * remove all tombstones, also the newest.
 */
export async function cleanUp({ store, graceMs }: CleanupOptions): Promise<number | null> {
  const table = `${identifier(store.database)}.queue_conversation_state`;
  const ask = async (query: string): Promise<number> => {
    const result = await store.client.query({ query, format: 'JSONEachRow' });
    const [row] = await result.json<{ n: string | number }>();
    return Number(row?.n ?? 0);
  };
  // One moment for all of it, by the clock that wrote _ingested_at.
  const before = (await ask('SELECT toUnixTimestamp(now()) AS n')) - Math.ceil(graceMs / 1000);
  const isOld = `(_deleted AND _ingested_at < fromUnixTimestamp(${before}))`;
  const countOld = () => ask(`SELECT count() AS n FROM ${table} WHERE ${isOld}`);
  if ((await countOld()) === 0) return 0;
  await store.client.command({ query: `OPTIMIZE TABLE ${table} FINAL` });
  const hiding = await ask(
    `SELECT count() AS n FROM ${table} WHERE ${isOld} AND conversation_id IN ` +
      `(SELECT conversation_id FROM ${table} WHERE NOT ${isOld})`,
  );
  if (hiding > 0) return null;
  const old = await countOld();
  await store.client.command({ query: `DELETE FROM ${table} WHERE ${isOld} SETTINGS lightweight_deletes_sync = 1` });
  return old;
}
