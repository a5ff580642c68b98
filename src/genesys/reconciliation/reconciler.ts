import { setTimeout as sleep } from 'node:timers/promises';
import { DETAILS_AT_ONCE } from './details';
import { ReconciliationAsker } from './reconciliation-asker';
import { ReconciliationMemory } from './reconciliation-memory';
import type { ReconcilerOptions } from './reconciliation-options';
import { ReconciliationSearch } from './reconciliation-search';
import { createWorkList, IMPORTANCES, type Work } from './reconciliation-work';

export interface Reconciler {
  /**
   * The bridge did not hear these queues until now, so all their conversations may have changed.
   * @param fromMs since when; null: since the newest row of the table
   */
  gap(queueIds: readonly string[], fromMs: number | null): void;
  /** A snapshot of a conversation came by socket. */
  heard(conversationId: string, receivedAt: number): void;
  /**
   * A conversation's row equals an earlier version of itself again, perhaps because of a late snapshot. The bridge
   * requests the conversation, unless the row changes before that. The bridge that heard of the conversation does so
   * first. Another bridge on its queue does so later, because the first one may have ended.
   */
  wentBack(conversationId: string, back: WentBack): void;
  /** How many conversations it still has to request. */
  pending(): number;
  /** How many conversations it remembers because it heard of them or requested them. */
  remembered(): number;
  stop(): Promise<void>;
}

export interface WentBack {
  /** When this bridge read the row, epoch ms. */
  readonly readAt: number;
  /** The receive time of the event that set the row back, if it is known. */
  readonly updatedAt?: number;
}

/**
 * Without a receive time, a snapshot counts as the cause if this bridge heard it within this time before it read the
 * row.
 */
const HEARD_WITHIN_MS = 30_000;
/** The part of the waiting time over which bridges spread their requests. */
const SPREAD = 0.5;
const IDLE_MS = 250;

/**
 * Makes the table agree with Genesys after nobody listened. It requests conversations that began, changed or ended
 * meanwhile, waiting ones first. It also requests rows that are live here and not at Genesys, and rows that were silent
 * for too long. It never invents an end: a *gone* needs a `conversationEnd` or a 404 of Genesys, and a failed request
 * is no answer. It drops an answer that something newer overtook, by socket or in the table, and requests the
 * conversation again. The table and Genesys's lists of queues bound the amount of work.
 */
export function startReconciler(options: ReconcilerOptions): Reconciler {
  const { timings, metrics, logger } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const work = createWorkList();
  const memory = new ReconciliationMemory(options);
  const asker = new ReconciliationAsker(options, memory, work, signal);
  const search = new ReconciliationSearch(options, memory, asker, sumUp);

  function sumUp(): void {
    const sizes = work.sizes();
    for (const importance of IMPORTANCES) metrics.reconciliationPending.set({ importance }, sizes[importance]);
  }

  /** A late snapshot of another bridge may have set back what this bridge heard. */
  const isHeard = ({ conversationId, since }: Work): boolean =>
    memory.lastHeardAt(conversationId) > since && options.row(conversationId)?.isBack !== true;
  const hasMovedOn = ({ conversationId, onlyWhileBack }: Work): boolean =>
    onlyWhileBack === true && options.row(conversationId)?.isBack !== true;

  /** @returns false: there is nothing to do now */
  async function step(): Promise<boolean> {
    if (search.isDue()) {
      await search.compare();
      return true;
    }
    asker.checkTold();
    memory.forgetFrom(Date.now());
    const ends = work.ends(DETAILS_AT_ONCE);
    const heard = ends.filter(isHeard);
    for (const one of heard) asker.done(one, 'heard');
    if (ends.length > heard.length) {
      await asker.askEnds(ends.filter((one) => !heard.includes(one)));
      return true;
    }
    const one = work.next();
    if (one === null) return heard.length > 0;
    if (isHeard(one)) asker.done(one, 'heard');
    else if (hasMovedOn(one)) asker.done(one, 'moved-on');
    else await asker.askWhole(one);
    return true;
  }

  async function run(): Promise<void> {
    await Promise.race([options.caughtUp, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
    while (!signal.aborted) {
      const busy = await step();
      sumUp();
      if (!busy) await sleep(IDLE_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  const running = run().catch((error: unknown) => {
    if (!signal.aborted) logger.error({ err: error }, 'the reconciliation of the bridge failed and has stopped');
  });
  return {
    gap: (queueIds, fromMs) => search.gap(queueIds, fromMs),
    heard: (conversationId, receivedAt) => memory.heard(conversationId, receivedAt),
    wentBack(conversationId, { readAt, updatedAt }) {
      const row = options.row(conversationId);
      const heard = memory.lastHeardAt(conversationId);
      const isOurs = updatedAt === undefined ? heard >= readAt - HEARD_WITHIN_MS : heard >= updatedAt;
      if (row === null || !(isOurs || options.isOwn(row.queueId))) return;
      metrics.rowsBack.inc();
      // At once, the fold would take the answer for a duplicate of the snapshot that this bridge has just heard. And
      // two bridges that notice the same at one moment must not send two requests: when the second one's turn comes,
      // the row has changed.
      const turns = isOurs ? 1 : 2;
      const notBefore = performance.now() + timings.againAfterMs * (turns + Math.random() * SPREAD);
      const wanted = { importance: 'changed', ask: 'whole', since: Infinity, onlyWhileBack: true } as const;
      asker.add({ ...wanted, conversationId, notBefore });
    },
    pending: work.size,
    remembered: () => memory.size(),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
