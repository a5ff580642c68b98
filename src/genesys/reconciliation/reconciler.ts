import { setTimeout as sleep } from 'node:timers/promises';
import { DETAILS_AT_ONCE } from './details';
import { ReconciliationAsker } from './reconciliation-asker';
import { ReconciliationMemory } from './reconciliation-memory';
import type { ReconcilerOptions } from './reconciliation-options';
import { ReconciliationSearch } from './reconciliation-search';
import { createWorkList, IMPORTANCES, type Work } from './reconciliation-work';

export interface Reconciler {
  /**
   * These queues were not listened to until now: everything of theirs may have changed.
   * @param fromMs since when; null: since the newest row of the table
   */
  gap(queueIds: readonly string[], fromMs: number | null): void;
  /** A snapshot of a conversation came by socket. */
  heard(conversationId: string, receivedAt: number): void;
  /**
   * The row of a conversation has become again what it was before. A snapshot may have been late that did it: Genesys is
   * asked, unless the row has moved on until then. Who heard of the conversation asks first; another bridge on its queue
   * asks later, as the one that sent the late snapshot may have ended since.
   */
  wentBack(conversationId: string, back: WentBack): void;
  /** Conversations for which it still has to ask Genesys. */
  pending(): number;
  /** Conversations of which it is known when they were heard of or asked for. */
  remembered(): number;
  stop(): Promise<void>;
}

export interface WentBack {
  /** When this bridge read the row, epoch ms. */
  readonly readAt: number;
  /** The receive time of the event that did it, if known. */
  readonly updatedAt?: number;
}

/** Without a receive time to go by: so long before the row was read the bridge may have heard what turned it back. */
const HEARD_WITHIN_MS = 30_000;
/** Of the time after which is asked again: over so much of it bridges are spread that noticed the same. */
const SPREAD = 0.5;
const IDLE_MS = 250;

/**
 * Makes the table what Genesys says after nobody listened: conversations that began, changed or ended meanwhile are asked
 * for, those that wait first, and so is what is live here and not there, or silent for too long. It never invents an
 * end: *gone* needs a `conversationEnd` or Genesys's 404, and a failed request is no answer. Answers that something newer
 * overtook, by socket or in the table, are dropped and asked for again. What waits is bounded by the table and by the
 * lists of Genesys's queues.
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

  /** What was heard may have been taken back since by the late snapshot of another bridge. */
  const isHeard = ({ conversationId, since }: Work): boolean =>
    memory.lastHeardAt(conversationId) > since && options.row(conversationId)?.isBack !== true;
  const hasMovedOn = ({ conversationId, onlyWhileBack }: Work): boolean =>
    onlyWhileBack === true && options.row(conversationId)?.isBack !== true;

  /** @returns false: there is nothing to do now */
  async function step(): Promise<boolean> {
    const now = Date.now();
    if (search.isDue(now)) {
      await search.compare();
      return true;
    }
    asker.checkTold(now);
    memory.forgetFrom(now);
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
      // An answer that says what was heard a moment ago would be taken for the same snapshot again. And two bridges that
      // noticed at the same moment do not ask at the same moment: the row has moved on when the second one would.
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
