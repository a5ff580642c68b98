import type { Age } from '../../common';
import type { Activity } from './activity';
import type { ReconcilerOptions } from './reconciliation-options';

interface Asked {
  /** When the request was sent, epoch ms. */
  readonly at: number;
  /** What the conversation did then, as `activityWord` says it. */
  readonly activity: string;
}

interface Told {
  readonly sentAt: number;
  readonly at: number;
  /** Since then. */
  readonly age: Age;
}

/** What reconciliation remembers of single conversations, as long as it is useful. */
export class ReconciliationMemory {
  readonly heardAt = new Map<string, number>();
  readonly asked = new Map<string, Asked>();
  /** Answers that became events, until it is certain that the log has nothing newer before them. */
  readonly told = new Map<string, Told>();
  /** Ended conversations whose last snapshot the bridge still has to request. */
  readonly lastWanted = new Set<string>();
  /** Ended conversations whose last snapshot came. If the table still has a row, the next comparison ends it. */
  readonly lastTold = new Set<string>();
  /** The last activity of the queues; null: Genesys did not give it. */
  activity: Activity | null = null;
  #forgetAt = 0;

  constructor(private readonly options: Pick<ReconcilerOptions, 'timings' | 'row'>) {}

  heard(conversationId: string, receivedAt: number): void {
    this.heardAt.set(conversationId, Math.max(receivedAt, this.lastHeardAt(conversationId)));
    this.forgetFrom(Date.now());
  }

  /** Epoch ms; 0: never. */
  lastHeardAt(conversationId: string): number {
    return this.heardAt.get(conversationId) ?? 0;
  }

  size(): number {
    return new Set([...this.heardAt.keys(), ...this.asked.keys(), ...this.told.keys()]).size;
  }

  /** A conversation without a row is forgotten soon, whatever Genesys answers meanwhile. */
  forgetFrom(now: number): void {
    if (now < this.#forgetAt) return;
    const { timings, row } = this.options;
    this.#forgetAt = now + Math.min(timings.compareEveryMs, timings.silentVoiceMs);
    const isOld = (id: string, at: number): boolean => now - at > timings.silentVoiceMs && row(id) === null;
    for (const [id, at] of this.heardAt) if (isOld(id, at)) this.heardAt.delete(id);
    for (const id of this.lastTold) if (row(id) === null) this.lastTold.delete(id);
    for (const [id, { at }] of this.asked) {
      if (isOld(id, at) && this.activity?.conversations.has(id) !== true) this.asked.delete(id);
    }
  }
}
