import { queryActivity } from './activity';
import { compareWithActivity } from './comparison';
import { DETAILS_AT_ONCE, queryUnended } from './details';
import { isDenied, type ReconciliationAsker } from './reconciliation-asker';
import type { ReconciliationMemory } from './reconciliation-memory';
import type { ReconcilerOptions } from './reconciliation-options';

/** A gap counts from this much earlier, because the bridge notices a dead socket late, and analytics is behind. */
const GAP_MARGIN_MS = 2 * 60_000;
/** The most pages of 100 conversations that the bridge reads after a gap. */
const MOST_PAGES = 100;

interface Gap {
  /** Null: since the newest row of the table. */
  readonly from: number | null;
  readonly until: number;
}

/** Finds the conversations that the bridge has to request: after gaps, and from time to time. */
export class ReconciliationSearch {
  readonly #gaps = new Map<string, Gap>();
  /** Queues whose gap was compared once, and until when the gap was: a second comparison follows. */
  #lookedAt = new Map<string, number>();
  // In the time of `performance.now()`: no comparison waits for as long as the clock of the machine was set back.
  #compareAt = Infinity;
  /** When the next comparison of gaps is allowed: later after a failure. */
  #gapsAt = 0;

  constructor(
    private readonly options: ReconcilerOptions,
    private readonly memory: ReconciliationMemory,
    private readonly asker: ReconciliationAsker,
    private readonly onCompared: () => void,
  ) {}

  gap(queueIds: readonly string[], fromMs: number | null): void {
    const until = Date.now();
    for (const queueId of queueIds) {
      const known = this.#gaps.get(queueId);
      const from = known === undefined ? fromMs : earlier(known.from, fromMs);
      this.#gaps.set(queueId, { from, until });
    }
  }

  isDue(): boolean {
    const now = performance.now();
    return (this.#gaps.size > 0 && now >= this.#gapsAt) || now >= this.#compareAt;
  }

  /** Compares the live rows with Genesys. For queues with a gap, the bridge requests all conversations. */
  async compare(): Promise<void> {
    const { options, memory, asker } = this;
    const { timings, live, row, metrics } = options;
    const now = performance.now();
    this.#compareAt = now + timings.compareEveryMs;
    const missed = new Map(this.#gaps);
    const again = this.#lookedAt;
    this.#gaps.clear();
    const watched = options.watched();
    if (!(await this.#askActivity(watched, missed, now))) return;
    const news = compareWithActivity({
      ...{ now: Date.now(), timings, activity: memory.activity, rows: live(), isOwn: options.isOwn },
      gaps: new Map([...missed].map(([id, { until }]) => [id, until])),
      lookedAt: again,
      hasRow: (id) => row(id) !== null,
      isWatched: (id) => watched.has(id),
      heardAt: (id) => memory.lastHeardAt(id),
      asked: (id) => memory.asked.get(id) ?? null,
    });
    for (const one of news) asker.add(one);
    // A record that was in the log before the gap may not be in the table yet. At the second comparison it is.
    this.#lookedAt = new Map([...missed].map(([id, { until }]) => [id, until]));
    if (missed.size > 0) this.#compareAt = now + timings.againAfterMs;
    else if (again.size === 0) {
      const seen = news.filter(({ importance }) => importance === 'waiting' || importance === 'changed');
      metrics.missedByNotifications.inc(seen.length);
    }
    memory.forgetFrom(Date.now());
    this.onCompared();
    if (missed.size > 0) await this.#findUnended([...missed.values()], watched);
  }

  /** @returns false: it failed, and is tried again later */
  async #askActivity(watched: ReadonlySet<string>, missed: ReadonlyMap<string, Gap>, now: number): Promise<boolean> {
    const { options, memory, asker } = this;
    try {
      memory.activity = await queryActivity(options.rest, [...watched]);
      return true;
    } catch (error) {
      asker.tell(
        error,
        'the bridge cannot ask Genesys for the conversations of its queues',
        'analytics:queueObservation:view',
      );
      memory.activity = null;
      if (isDenied(error)) return true;
      // Without the activity the bridge would have to request every conversation. Genesys may give it later.
      for (const [id, gap] of missed) this.#gaps.set(id, this.#gaps.get(id) ?? gap);
      this.#compareAt = this.#gapsAt = now + options.timings.againAfterMs;
      return false;
    }
  }

  /** Finds conversations that began in a gap and neither wait nor have an agent. No queue's activity shows them. */
  async #findUnended(missed: readonly Gap[], queueIds: ReadonlySet<string>): Promise<void> {
    const { options, memory, asker } = this;
    if (asker.detailsDenied) return;
    const now = Date.now();
    const newest = this.#newestRow();
    const fromMs = Math.max(
      now - options.timings.lookBackMs,
      Math.min(...new Set(missed.map(({ from }) => from ?? newest))) - GAP_MARGIN_MS,
    );
    let pages = 0;
    try {
      for await (const ids of queryUnended(options.rest, { fromMs, toMs: now, queueIds })) {
        for (const conversationId of ids) {
          if (options.row(conversationId) !== null || memory.activity?.conversations.has(conversationId) === true) {
            continue;
          }
          if (memory.lastHeardAt(conversationId) > now || memory.asked.has(conversationId)) continue;
          asker.add({ conversationId, importance: 'changed', ask: 'whole', since: now, notBefore: 0 });
        }
        if ((pages += 1) >= MOST_PAGES) {
          options.logger.warn(
            { conversations: pages * DETAILS_AT_ONCE },
            'a gap has too many conversations: the bridge asks for the latest only',
          );
          return;
        }
      }
    } catch (error) {
      asker.deny(error, 'conversations that began in a gap and have no agent appear only with their next event');
    }
  }

  #newestRow(): number {
    let newest = 0;
    for (const { updatedAt, isAhead } of this.options.live()) {
      if (isAhead !== true) newest = Math.max(newest, updatedAt);
    }
    return newest;
  }
}

/** Null is unknown, and counts as the earliest. */
const earlier = (one: number | null, other: number | null): number | null =>
  one === null || other === null ? null : Math.min(one, other);
