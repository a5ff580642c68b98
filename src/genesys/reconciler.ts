import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../common/errors';
import type { Logger } from '../ops/logging';
import type { Metrics } from '../ops/metrics';
import { queryActivity } from './activity';
import { getConversation } from './conversations';
import { GenesysError } from './errors';
import type { Rest } from './rest';

/** A row of the table, as the compacted topic has it. */
export interface LiveRow {
  readonly conversationId: string;
  readonly queueId: string;
  readonly mediaType: string | null;
  readonly waiting: boolean;
  /** Epoch ms: the receive time of the last event that changed it. */
  readonly updatedAt: number;
}

/** Where the bridge reads the table back, and what it makes of the answers. */
export interface ReconciliationPorts {
  /** The table, read back; resolves when it has been read to its end once. */
  readonly caughtUp: Promise<void>;
  live(): Iterable<LiveRow>;
  row(conversationId: string): LiveRow | null;
  /** @param body the conversation as REST tells it, JSON; `askedAt` when it was asked for, epoch ms */
  onSnapshot(body: string, askedAt: number): void;
  onGone(conversationId: string, askedAt: number): void;
}

export interface ReconcilerOptions extends ReconciliationPorts {
  readonly rest: Rest;
  readonly queueIds: readonly string[];
  readonly timings: ReconciliationTimings;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface ReconciliationTimings {
  /** Between two requests: of 300 a minute some are kept for subscriptions. */
  readonly requestEveryMs: number;
  /** Between two looks at what should be live. */
  readonly compareEveryMs: number;
  /** What has changed since so little time may only not have arrived yet. */
  readonly graceMs: number;
  /** A row that was silent so long is asked for. */
  readonly silentVoiceMs: number;
  readonly silentDigitalMs: number;
  /** An answer that something newer overtook is asked for again after this. */
  readonly againAfterMs: number;
}

export const DEFAULT_RECONCILIATION: ReconciliationTimings = {
  requestEveryMs: 250,
  compareEveryMs: 5 * 60_000,
  graceMs: 60_000,
  silentVoiceMs: 10 * 60_000,
  silentDigitalMs: 2 * 60 * 60_000,
  againAfterMs: 10_000,
};

export interface Reconciler {
  /** These queues were not listened to until now: everything of theirs may have changed. */
  gap(queueIds: readonly string[]): void;
  /** A snapshot of a conversation came by socket. */
  heard(conversationId: string, receivedAt: number): void;
  /** Conversations still to be asked for. */
  pending(): number;
  stop(): Promise<void>;
}

interface Work {
  readonly conversationId: string;
  /** 0: somebody waits. */
  readonly priority: 0 | 1;
  /** A snapshot heard after this is as good as an answer. Infinity: the answer is wanted in any case. */
  readonly since: number;
  readonly notBefore: number;
}

/** Requests of a minute that are left to others. */
const RESERVE = 50;
const IDLE_MS = 1_000;
const FAILED_AGAIN_MS = 30_000;

/**
 * Makes the table what Genesys says after nobody listened: conversations that began, changed or ended meanwhile are asked
 * for one by one, those that wait first, and so is what is live here and not there, or silent for too long. It never
 * invents an end: `gone` needs Genesys's 404, and a failed request is no answer. Answers that something newer overtook,
 * by socket or in the table, are dropped and asked for again.
 */
export function startReconciler(options: ReconcilerOptions): Reconciler {
  const { rest, queueIds, timings, metrics, logger, live, row, onSnapshot, onGone } = options;
  const stopping = new AbortController();
  const work = new Map<string, Work>();
  const heardAt = new Map<string, number>();
  const askedAt = new Map<string, number>();
  const gaps = new Map<string, number>();
  const watched = new Set(queueIds);
  let compareAt = Infinity;
  let lastTurnAt = 0;

  const add = (one: Work): void => {
    const known = work.get(one.conversationId);
    if (known !== undefined && known.priority <= one.priority && known.since >= one.since) return;
    work.set(one.conversationId, one);
    metrics.reconciliationPending.set(work.size);
  };
  const lastSign = (conversationId: string, updatedAt: number): number =>
    Math.max(updatedAt, heardAt.get(conversationId) ?? 0);

  /** Compares what should be live with what is; queues with a gap are asked for as a whole. */
  async function compare(): Promise<void> {
    const now = Date.now();
    compareAt = now + timings.compareEveryMs;
    const missed = new Map(gaps);
    gaps.clear();
    const activity = await queryActivity(rest, queueIds, turn).catch((error: unknown) => {
      tell(error, 'the queues cannot be asked for their conversations');
      return null;
    });
    const rows = [...live()];
    for (const { conversationId, queueId, mediaType, waiting, updatedAt } of rows) {
      const since = missed.get(queueId);
      const priority = waiting ? 0 : 1;
      if (since !== undefined) add({ conversationId, priority, since, notBefore: 0 });
      else if (
        isOverdue(conversationId, mediaType, updatedAt, now) ||
        isAbsent(conversationId, queueId, updatedAt, now)
      )
        add({ conversationId, priority, since: now, notBefore: 0 });
    }
    for (const [conversationId, { waiting }] of activity?.conversations ?? []) {
      const isFresh = now - lastSign(conversationId, 0) < timings.graceMs;
      if (row(conversationId) === null && !isFresh)
        add({ conversationId, priority: waiting ? 0 : 1, since: now, notBefore: 0 });
    }
    // Of what has no row any more nothing needs to be remembered for long.
    for (const times of [heardAt, askedAt])
      for (const [id, at] of times) if (now - at > timings.silentVoiceMs && row(id) === null) times.delete(id);
    if (activity === null) compareAt = Math.min(compareAt, now + FAILED_AGAIN_MS);

    function isAbsent(conversationId: string, queueId: string, updatedAt: number, at: number): boolean {
      if (activity === null || !watched.has(queueId) || activity.truncated.has(queueId)) return false;
      if (activity.conversations.has(conversationId)) return false;
      return at - Math.max(lastSign(conversationId, updatedAt), askedAt.get(conversationId) ?? 0) >= timings.graceMs;
    }
  }

  function isOverdue(conversationId: string, mediaType: string | null, updatedAt: number, now: number): boolean {
    const limit = mediaType === 'Voice' ? timings.silentVoiceMs : timings.silentDigitalMs;
    return now - Math.max(lastSign(conversationId, updatedAt), askedAt.get(conversationId) ?? 0) >= limit;
  }

  /** The next piece of work that is due; what has been heard of meanwhile is done. */
  function next(now: number): Work | null {
    let best: Work | null = null;
    for (const one of work.values()) {
      if (one.notBefore > now) continue;
      if ((heardAt.get(one.conversationId) ?? 0) > one.since) {
        done(one, 'heard');
        continue;
      }
      if (best === null || one.priority < best.priority) best = one;
      if (best.priority === 0) break;
    }
    return best;
  }

  function done({ conversationId }: Work, outcome: string): void {
    work.delete(conversationId);
    metrics.reconciliationPending.set(work.size);
    metrics.reconciliations.inc({ outcome });
  }

  async function ask(one: Work): Promise<void> {
    const { conversationId } = one;
    const sentAt = Date.now();
    try {
      const answer = await getConversation(rest, conversationId);
      askedAt.set(conversationId, sentAt);
      const newest = Math.max(heardAt.get(conversationId) ?? 0, row(conversationId)?.updatedAt ?? 0);
      if (newest > sentAt) {
        done(one, 'overtaken');
        add({ ...one, since: Infinity, notBefore: Date.now() + timings.againAfterMs });
        return;
      }
      if (answer.kind === 'snapshot') onSnapshot(answer.body, sentAt);
      else onGone(conversationId, sentAt);
      done(one, answer.kind);
    } catch (error) {
      if (stopping.signal.aborted) return;
      done(one, 'failed');
      add({ ...one, notBefore: Date.now() + FAILED_AGAIN_MS });
      tell(error, 'a conversation cannot be asked for');
    }
  }

  function tell(error: unknown, what: string): void {
    if (stopping.signal.aborted) return;
    const { status = null, correlationId = null } = error instanceof GenesysError ? error.facts : {};
    const permission = status === 403 ? 'conversation:communication:view, analytics:queueObservation:view' : undefined;
    logger.warn({ reason: messageOf(error), correlationId, permission }, what);
  }

  /** One request after the other, and others need some too: subscriptions must not wait for a minute to end. */
  async function turn(): Promise<void> {
    const limit = rest.limit();
    const waitMs = limit !== null && limit.remaining <= RESERVE ? limit.resetsAt - Date.now() : 0;
    await pause(Math.max(0, waitMs, lastTurnAt + timings.requestEveryMs - Date.now()));
    stopping.signal.throwIfAborted();
    lastTurnAt = Date.now();
  }

  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal: stopping.signal }).catch(() => undefined);

  async function run(): Promise<void> {
    await Promise.race([
      options.caughtUp,
      new Promise((resolve) => stopping.signal.addEventListener('abort', resolve)),
    ]);
    while (!stopping.signal.aborted) {
      if (gaps.size > 0 || Date.now() >= compareAt) {
        await compare();
        continue;
      }
      const one = next(Date.now());
      if (one === null) {
        await pause(Math.min(IDLE_MS, timings.requestEveryMs));
        continue;
      }
      await turn();
      await ask(one);
    }
  }

  const running = run().catch((error: unknown) => {
    if (!stopping.signal.aborted) logger.error({ err: error }, 'reconciliation ended');
  });
  return {
    gap(queues) {
      const now = Date.now();
      for (const queueId of queues) gaps.set(queueId, now);
    },
    heard(conversationId, receivedAt) {
      heardAt.set(conversationId, Math.max(receivedAt, heardAt.get(conversationId) ?? 0));
    },
    pending: () => work.size,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
