import { createAge, messageOf } from '../../common';
import type { ReconciliationOutcome } from '../../ops';
import { GenesysError } from '../errors';
import { getConversation, isAskable } from '../rest/conversations';
import { activityWord } from './comparison';
import { askEnded } from './details';
import type { ReconciliationMemory } from './reconciliation-memory';
import type { ReconcilerOptions } from './reconciliation-options';
import type { Work, WorkList } from './reconciliation-work';

/**
 * How many ended conversations may wait for their last snapshot: about four minutes of the request budget. If more have
 * ended, the bridge writes *gone* for the rest at once, so that the table does not show ended conversations for longer.
 */
const MOST_LAST_SNAPSHOTS = 1_000;

/** Requests conversations, and hands over the answers that nothing newer overtook. */
export class ReconciliationAsker {
  /** The client may not read the details of analytics, so each end costs a request of its own. */
  detailsDenied = false;

  constructor(
    private readonly options: ReconcilerOptions,
    private readonly memory: ReconciliationMemory,
    private readonly work: WorkList,
    private readonly signal: AbortSignal,
  ) {}

  add(one: Work): void {
    if (isAskable(one.conversationId)) this.work.add(one);
  }

  async askWhole(one: Work): Promise<void> {
    const { conversationId } = one;
    const { memory, options } = this;
    let sentAt = Date.now();
    try {
      const answer = await getConversation(options.rest, conversationId, (at) => (sentAt = at));
      const activity = activityWord(memory.activity?.conversations.get(conversationId));
      memory.asked.set(conversationId, { at: sentAt, activity });
      if (this.#isOvertaken(one, sentAt)) return;
      if (answer.kind === 'snapshot') {
        options.onSnapshot(answer.body, sentAt);
        memory.told.set(conversationId, { sentAt, at: Date.now(), age: createAge() });
        if (memory.lastWanted.has(conversationId)) memory.lastTold.add(conversationId);
      } else options.onGone(conversationId, sentAt);
      this.done(one, answer.kind);
    } catch (error) {
      if (this.signal.aborted) return;
      this.#failed(one);
      this.tell(error, 'the bridge cannot ask Genesys for a conversation', 'conversation:communication:view');
    }
  }

  /** Requests as a whole the conversations that have not ended, and as many ended ones as the budget allows. */
  async askEnds(many: readonly Work[]): Promise<void> {
    let sentAt = Date.now();
    const ids = many.map(({ conversationId }) => conversationId);
    const ended = this.detailsDenied
      ? new Set<string>()
      : await askEnded(this.options.rest, ids, (at) => (sentAt = at)).catch((error: unknown) => {
          this.deny(error, 'the bridge asks one by one whether conversations have ended');
          return null;
        });
    if (this.signal.aborted) return;
    for (const one of many) {
      const { conversationId } = one;
      if (ended === null && !this.detailsDenied) this.#failed(one);
      else if (ended?.has(conversationId) !== true) this.#askForAll(one);
      else if (this.#isOvertaken(one, sentAt)) continue;
      else if (this.#isLastWanted(one)) {
        this.memory.lastWanted.add(conversationId);
        this.#askForAll(one);
      } else {
        this.memory.asked.set(conversationId, { at: sentAt, activity: activityWord(undefined) });
        this.options.onGone(conversationId, sentAt);
        this.done(one, 'gone');
      }
    }
  }

  /**
   * Another bridge may hear something after this bridge has sent its request. Its event may be in the log before the
   * answer and reach the table only after this bridge has looked at the row. The answer then sets the row back. If this
   * bridge's own socket brings the same, that repairs the row, unless the fold takes it for a duplicate. The row is
   * then older than what this bridge heard.
   */
  checkTold(): void {
    const { memory, options } = this;
    for (const [conversationId, { sentAt, at, age }] of memory.told) {
      if (age() < options.timings.againAfterMs) return;
      memory.told.delete(conversationId);
      const updatedAt = options.row(conversationId)?.updatedAt ?? 0;
      const heardAt = memory.lastHeardAt(conversationId);
      const isOutrun = updatedAt > sentAt && (heardAt < at || updatedAt < heardAt);
      if (isOutrun) this.add({ conversationId, importance: 'changed', ask: 'whole', since: Infinity, notBefore: 0 });
    }
  }

  done({ conversationId }: Work, outcome: ReconciliationOutcome): void {
    this.work.delete(conversationId);
    this.memory.lastWanted.delete(conversationId);
    this.options.metrics.reconciliations.inc({ outcome });
  }

  deny(error: unknown, what: string): void {
    if (!this.detailsDenied) this.tell(error, what, 'analytics:conversationDetail:view');
    this.detailsDenied ||= isDenied(error);
  }

  tell(error: unknown, what: string, permission: string): void {
    if (this.signal.aborted) return;
    const { status = null, correlationId = null } = error instanceof GenesysError ? error.facts : {};
    const missing = status === 403 ? { permission } : {};
    this.options.logger.warn({ reason: messageOf(error), correlationId, ...missing }, what);
  }

  /**
   * Whether to request an ended conversation as a whole. Its last snapshot tells how each visit to a queue ended, and a
   * *gone* does not (queue_visit, section 4).
   */
  #isLastWanted({ conversationId }: Work): boolean {
    const { lastWanted, lastTold } = this.memory;
    return lastWanted.size < MOST_LAST_SNAPSHOTS && !lastTold.has(conversationId);
  }

  #askForAll(one: Work): void {
    this.work.delete(one.conversationId);
    this.add({ ...one, ask: 'whole' });
  }

  /** Whether something newer than the answer is known. The bridge then requests the conversation again. */
  #isOvertaken(one: Work, sentAt: number): boolean {
    const { conversationId } = one;
    const updatedAt = this.options.row(conversationId)?.updatedAt ?? 0;
    if (Math.max(this.memory.lastHeardAt(conversationId), updatedAt) < sentAt) return false;
    this.done(one, 'overtaken');
    this.add({ ...one, since: Infinity, notBefore: performance.now() + this.options.timings.againAfterMs });
    return true;
  }

  #failed(one: Work): void {
    this.done(one, 'failed');
    this.add({ ...one, notBefore: performance.now() + this.options.timings.againAfterMs });
  }
}

export const isDenied = (error: unknown): boolean => error instanceof GenesysError && error.facts.status === 403;
