import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../common';
import type { Logger, Metrics, ReconciliationOutcome } from '../ops';
import { queryActivity, type Activity } from './activity';
import { activityWord, compareWithActivity, type ComparisonTimings, type LiveRow } from './comparison';
import { getConversation, isAskable } from './conversations';
import { askEnded, DETAILS_AT_ONCE, queryUnended } from './details';
import { GenesysError } from './errors';
import { createWorkList, IMPORTANCES, type Work } from './reconciliation-work';
import type { Rest } from './rest';

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
  /** Those that are listened to now. */
  readonly watched: () => ReadonlySet<string>;
  /** Queues of which this bridge has to care for silent rows, listened to or not. */
  readonly isOwn: (queueId: string) => boolean;
  readonly timings: ReconciliationTimings;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface ReconciliationTimings extends ComparisonTimings {
  /** Between two looks at what should be live. */
  readonly compareEveryMs: number;
  /**
   * An answer that something newer overtook, or that did not come, is asked for again after this: more than the 10 s in
   * which the fold takes an equal snapshot for a duplicate.
   */
  readonly againAfterMs: number;
  /** How far back conversations are looked for when the table is empty. */
  readonly lookBackMs: number;
}

export const DEFAULT_RECONCILIATION: ReconciliationTimings = {
  compareEveryMs: 5 * 60_000,
  graceMs: 60_000,
  silentVoiceMs: 10 * 60_000,
  silentDigitalMs: 2 * 60 * 60_000,
  againAfterMs: 11_000,
  lookBackMs: 24 * 60 * 60_000,
};

export interface Reconciler {
  /**
   * These queues were not listened to until now: everything of theirs may have changed.
   * @param fromMs since when; null: since the newest row of the table
   */
  gap(queueIds: readonly string[], fromMs: number | null): void;
  /** A snapshot of a conversation came by socket. */
  heard(conversationId: string, receivedAt: number): void;
  /**
   * The row of a conversation has become again what it was before. Where a snapshot that this bridge heard did it, it may
   * have been one that was late: Genesys is asked.
   */
  wentBack(conversationId: string, back: WentBack): void;
  /** Conversations still to be asked for. */
  pending(): number;
  /** Conversations of which it is known when they were heard of or asked for. */
  remembered(): number;
  stop(): Promise<void>;
}

export interface WentBack {
  /** When it was read here, epoch ms. */
  readonly readAt: number;
  /** The receive time of the event that did it, if that is known. */
  readonly updatedAt?: number;
}

/** Without a receive time to go by: so long before the row was read the bridge may have heard what turned it back. */
const HEARD_WITHIN_MS = 30_000;
const IDLE_MS = 250;
/** A gap is taken to have begun so much earlier: a socket is found dead late, and analytics is behind. */
const GAP_MARGIN_MS = 2 * 60_000;
/**
 * Ended conversations whose last snapshot is asked for at a time: about four minutes of the request budget. When more
 * have ended, the rest is *gone* at once, so that the table does not show for longer what is over.
 */
const MOST_LAST_SNAPSHOTS = 1_000;
/** Of the conversations that do something in a gap: as many pages of 100 are read. */
const MOST_PAGES = 100;

/**
 * Makes the table what Genesys says after nobody listened: conversations that began, changed or ended meanwhile are asked
 * for, those that wait first, and so is what is live here and not there, or silent for too long. It never invents an
 * end: *gone* needs a `conversationEnd` or Genesys's 404, and a failed request is no answer. Answers that something newer
 * overtook, by socket or in the table, are dropped and asked for again. What waits is bounded by the table and by the
 * lists of Genesys's queues.
 */
export function startReconciler(options: ReconcilerOptions): Reconciler {
  const { rest, timings, metrics, logger, live, row, onSnapshot, onGone } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const work = createWorkList();
  const heardAt = new Map<string, number>();
  const asked = new Map<string, { at: number; activity: string }>();
  const gaps = new Map<string, { readonly from: number | null; readonly until: number }>();
  /** Gaps that were looked at once, until when they were: they are looked at again. */
  let lookedAt = new Map<string, number>();
  /** Answers that became events, until it is known that nothing newer was before them in the log. */
  const told = new Map<string, { readonly sentAt: number; readonly at: number }>();
  /** Ended conversations whose last snapshot is still to be asked for. */
  const lastWanted = new Set<string>();
  /** Ended conversations whose last snapshot came: if the table has a row all the same, the next look ends it. */
  const lastTold = new Set<string>();
  let activity: Activity | null = null;
  let compareAt = Infinity;
  /** When gaps may be looked at: later after a failure. */
  let gapsAt = 0;
  let forgetAt = 0;
  /** The client may not read analytics' details: every end costs a request of its own. */
  let detailsDenied = false;

  const sumUp = (): void => {
    const sizes = work.sizes();
    for (const importance of IMPORTANCES) metrics.reconciliationPending.set({ importance }, sizes[importance]);
  };

  /** Compares what should be live with what is; queues with a gap are asked for as a whole. */
  async function compare(): Promise<void> {
    const now = Date.now();
    compareAt = now + timings.compareEveryMs;
    const missed = new Map(gaps);
    const again = lookedAt;
    gaps.clear();
    const watched = options.watched();
    try {
      activity = await queryActivity(rest, [...watched]);
    } catch (error) {
      tell(error, 'the queues cannot be asked for their conversations', 'analytics:queueObservation:view');
      activity = null;
      if (!isDenied(error)) {
        // Without it everything would have to be asked for as a whole: later it may tell.
        for (const [id, gap] of missed) gaps.set(id, gaps.get(id) ?? gap);
        compareAt = gapsAt = now + timings.againAfterMs;
        return;
      }
    }
    const news = compareWithActivity({
      ...{ now: Date.now(), timings, activity, rows: live(), isOwn: options.isOwn },
      gaps: new Map([...missed].map(([id, { until }]) => [id, until])),
      lookedAt: again,
      hasRow: (id) => row(id) !== null,
      isWatched: (id) => watched.has(id),
      heardAt: (id) => heardAt.get(id) ?? 0,
      asked: (id) => asked.get(id) ?? null,
    });
    news.forEach(add);
    // What was in the log before the gap, and not in the table yet, is in it at the second look.
    lookedAt = new Map([...missed].map(([id, { until }]) => [id, until]));
    if (missed.size > 0) compareAt = now + timings.againAfterMs;
    else if (again.size === 0) {
      const seen = news.filter(({ importance }) => importance === 'waiting' || importance === 'changed');
      metrics.missedByNotifications.inc(seen.length);
    }
    forgetFrom(Date.now());
    sumUp();
    if (missed.size > 0) await findUnended([...missed.values()], watched);
  }

  function add(one: Work): void {
    if (isAskable(one.conversationId)) work.add(one);
  }

  /** Of what has no row any more nothing needs to be remembered for long, whatever Genesys answers meanwhile. */
  function forgetFrom(now: number): void {
    if (now < forgetAt) return;
    forgetAt = now + Math.min(timings.compareEveryMs, timings.silentVoiceMs);
    for (const [id, at] of heardAt) if (now - at > timings.silentVoiceMs && row(id) === null) heardAt.delete(id);
    for (const id of lastTold) if (row(id) === null) lastTold.delete(id);
    for (const [id, { at }] of asked) {
      if (now - at > timings.silentVoiceMs && row(id) === null && activity?.conversations.has(id) !== true)
        asked.delete(id);
    }
  }

  /** What began in a gap and neither waits nor has an agent is in no queue's activity. */
  async function findUnended(
    missed: readonly { readonly from: number | null }[],
    queueIds: ReadonlySet<string>,
  ): Promise<void> {
    if (detailsDenied) return;
    const now = Date.now();
    const newest = newestRow();
    const fromMs = Math.max(
      now - timings.lookBackMs,
      Math.min(...new Set(missed.map(({ from }) => from ?? newest))) - GAP_MARGIN_MS,
    );
    let pages = 0;
    try {
      for await (const ids of queryUnended(rest, { fromMs, toMs: now, queueIds })) {
        for (const conversationId of ids) {
          if (row(conversationId) !== null || activity?.conversations.has(conversationId) === true) continue;
          if ((heardAt.get(conversationId) ?? 0) > now || asked.has(conversationId)) continue;
          add({ conversationId, importance: 'changed', ask: 'whole', since: now, notBefore: 0 });
        }
        if ((pages += 1) >= MOST_PAGES) {
          logger.warn(
            { conversations: pages * DETAILS_AT_ONCE },
            'only the latest conversations of a gap are looked for',
          );
          return;
        }
      }
    } catch (error) {
      deny(error, 'conversations that began in a gap and have no agent appear with their next event');
    }
  }

  function newestRow(): number {
    let newest = 0;
    for (const { updatedAt, isAhead } of live()) if (isAhead !== true) newest = Math.max(newest, updatedAt);
    return newest;
  }

  function done({ conversationId }: Work, outcome: ReconciliationOutcome): void {
    work.delete(conversationId);
    lastWanted.delete(conversationId);
    metrics.reconciliations.inc({ outcome });
  }

  const isHeard = ({ conversationId, since }: Work): boolean => (heardAt.get(conversationId) ?? 0) > since;

  /** Whether something newer than the answer is known; then it is asked for again. */
  function isOvertaken(one: Work, sentAt: number): boolean {
    const { conversationId } = one;
    const newest = Math.max(heardAt.get(conversationId) ?? 0, row(conversationId)?.updatedAt ?? 0);
    if (newest < sentAt) return false;
    done(one, 'overtaken');
    add({ ...one, since: Infinity, notBefore: Date.now() + timings.againAfterMs });
    return true;
  }

  /**
   * What another bridge heard after the request was sent may have been in the log before the answer, and not yet in the
   * table when it was looked at: then the answer took it back.
   */
  function checkTold(now: number): void {
    for (const [conversationId, { sentAt, at }] of told) {
      if (now - at < timings.againAfterMs) return;
      told.delete(conversationId);
      const isOutrun = (row(conversationId)?.updatedAt ?? 0) > sentAt && (heardAt.get(conversationId) ?? 0) < at;
      if (isOutrun) add({ conversationId, importance: 'changed', ask: 'whole', since: Infinity, notBefore: 0 });
    }
  }

  function failed(one: Work): void {
    done(one, 'failed');
    add({ ...one, notBefore: Date.now() + timings.againAfterMs });
  }

  async function askWhole(one: Work): Promise<void> {
    const { conversationId } = one;
    let sentAt = Date.now();
    try {
      const answer = await getConversation(rest, conversationId, (at) => (sentAt = at));
      asked.set(conversationId, { at: sentAt, activity: activityWord(activity?.conversations.get(conversationId)) });
      if (isOvertaken(one, sentAt)) return;
      if (answer.kind === 'snapshot') {
        onSnapshot(answer.body, sentAt);
        told.set(conversationId, { sentAt, at: Date.now() });
        if (lastWanted.has(conversationId)) lastTold.add(conversationId);
      } else onGone(conversationId, sentAt);
      done(one, answer.kind);
    } catch (error) {
      if (signal.aborted) return;
      failed(one);
      tell(error, 'a conversation cannot be asked for', 'conversation:communication:view');
    }
  }

  /**
   * Whether an ended conversation is asked for as a whole: its last snapshot tells how each visit to a queue ended, which
   * *gone* does not (queue_visit, section 4).
   */
  const isLastWanted = ({ conversationId }: Work): boolean =>
    lastWanted.size < MOST_LAST_SNAPSHOTS && !lastTold.has(conversationId);

  function askForAll(one: Work): void {
    work.delete(one.conversationId);
    add({ ...one, ask: 'whole' });
  }

  /** Those that have not ended are asked for as a whole, and so are those that have, as far as the budget allows. */
  async function askEnds(many: readonly Work[]): Promise<void> {
    let sentAt = Date.now();
    const ids = many.map(({ conversationId }) => conversationId);
    const ended = detailsDenied
      ? new Set<string>()
      : await askEnded(rest, ids, (at) => (sentAt = at)).catch((error: unknown) => {
          deny(error, 'every conversation that ended while nobody listened costs a request of its own');
          return null;
        });
    if (signal.aborted) return;
    for (const one of many) {
      if (ended === null && !detailsDenied) failed(one);
      else if (ended?.has(one.conversationId) !== true) askForAll(one);
      else if (isOvertaken(one, sentAt)) continue;
      else if (isLastWanted(one)) {
        lastWanted.add(one.conversationId);
        askForAll(one);
      } else {
        asked.set(one.conversationId, { at: sentAt, activity: activityWord(undefined) });
        onGone(one.conversationId, sentAt);
        done(one, 'gone');
      }
    }
  }

  function deny(error: unknown, what: string): void {
    if (!detailsDenied) tell(error, what, 'analytics:conversationDetail:view');
    detailsDenied ||= isDenied(error);
  }

  function tell(error: unknown, what: string, permission: string): void {
    if (signal.aborted) return;
    const { status = null, correlationId = null } = error instanceof GenesysError ? error.facts : {};
    const missing = status === 403 ? { permission } : {};
    logger.warn({ reason: messageOf(error), correlationId, ...missing }, what);
  }

  /** @returns false: there is nothing to do now */
  async function step(): Promise<boolean> {
    const now = Date.now();
    if ((gaps.size > 0 && now >= gapsAt) || now >= compareAt) {
      await compare();
      return true;
    }
    checkTold(now);
    forgetFrom(now);
    const ends = work.ends(now, DETAILS_AT_ONCE);
    const heard = ends.filter(isHeard);
    heard.forEach((one) => done(one, 'heard'));
    if (ends.length > heard.length) {
      await askEnds(ends.filter((one) => !heard.includes(one)));
      return true;
    }
    const one = work.next(now);
    if (one === null) return heard.length > 0;
    if (isHeard(one)) done(one, 'heard');
    else await askWhole(one);
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
    if (!signal.aborted) logger.error({ err: error }, 'reconciliation ended');
  });
  return {
    gap(queueIds, fromMs) {
      const until = Date.now();
      for (const queueId of queueIds) {
        const known = gaps.get(queueId);
        const from = known === undefined ? fromMs : earlier(known.from, fromMs);
        gaps.set(queueId, { from, until });
      }
    },
    heard(conversationId, receivedAt) {
      heardAt.set(conversationId, Math.max(receivedAt, heardAt.get(conversationId) ?? 0));
      forgetFrom(Date.now());
    },
    wentBack(conversationId, { readAt, updatedAt }) {
      const heard = heardAt.get(conversationId) ?? 0;
      const isOurs = updatedAt === undefined ? heard >= readAt - HEARD_WITHIN_MS : heard >= updatedAt;
      if (!isOurs) return;
      metrics.rowsBack.inc();
      // An answer that says what was heard a moment ago would be taken for the same snapshot again.
      const notBefore = Date.now() + timings.againAfterMs;
      add({ conversationId, importance: 'changed', ask: 'whole', since: Infinity, notBefore });
    },
    pending: work.size,
    remembered: () => new Set([...heardAt.keys(), ...asked.keys(), ...told.keys()]).size,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

const isDenied = (error: unknown): boolean => error instanceof GenesysError && error.facts.status === 403;

/** Null, not known, is the earliest. */
const earlier = (one: number | null, other: number | null): number | null =>
  one === null || other === null ? null : Math.min(one, other);
