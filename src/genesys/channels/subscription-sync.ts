import { setTimeout as sleep } from 'node:timers/promises';
import { retryMs, type Timings } from '../timings';
import { startTimer } from '../waits';
import { subscribeTo, type LiveChannel, type SubscriberOptions } from './live-channel';

export interface SubscriptionSyncOptions extends SubscriberOptions {
  readonly timings: Timings;
  readonly topics: readonly string[];
  readonly signal: AbortSignal;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Brings the subscriptions of the open socket to the wanted topics, and tries until that is done or the socket is lost.
 * It asks again for refused topics, more and more rarely: somebody may give the permission, and a refusal may pass.
 */
export class SubscriptionSync {
  #wanted: readonly string[];
  #live: LiveChannel | null = null;
  #running: Promise<void> | null = null;
  /** Ends a wait. */
  #wake = (): void => undefined;

  constructor(private readonly options: SubscriptionSyncOptions) {
    this.#wanted = options.topics;
  }

  get wanted(): readonly string[] {
    return this.#wanted;
  }

  want(topics: readonly string[]): void {
    this.#wanted = topics;
    if (this.#live !== null) this.#start();
  }

  /** @param live has the open socket; null: there is none */
  attach(live: LiveChannel | null): void {
    this.#live = live;
  }

  /** The wanted topics may have changed while the socket opened. */
  catchUp(): void {
    const live = this.#live;
    if (live === null) return;
    if (this.#wanted.some((topic) => !live.topics.has(topic)) || live.topics.size > this.#wanted.length) this.#start();
  }

  /** Resolves when no request is under way. */
  async ended(): Promise<void> {
    await this.#running;
  }

  #start(): void {
    this.#wake();
    this.#running ??= this.#run().finally(() => (this.#running = null));
  }

  async #run(): Promise<void> {
    const { timings, signal, onFailure } = this.options;
    for (let failures = 0, refusals = 0; !this.#isStopping();) {
      const live = this.#live;
      const topics = this.#wanted;
      if (live === null) return;
      try {
        await this.#subscribe(live, topics);
        failures = 0;
        if (topics !== this.#wanted || live !== this.#live) continue;
        if (topics.every((topic) => live.topics.has(topic))) return;
        const pause = startTimer(retryMs((refusals += 1), timings.reconnectBaseMs, timings.refusedCapMs));
        await Promise.race([pause.due, live.connection.ended, new Promise<void>((resolve) => (this.#wake = resolve))]);
        pause.cancel();
      } catch (error) {
        if (this.#isStopping()) return;
        onFailure(error);
        failures += 1;
        await sleep(retryMs(failures, timings.reconnectBaseMs, timings.reconnectCapMs), undefined, { signal }).catch(
          () => undefined,
        );
      }
    }
  }

  #isStopping(): boolean {
    return this.options.signal.aborted;
  }

  async #subscribe(live: LiveChannel, topics: readonly string[]): Promise<void> {
    const { channel } = live;
    const added = topics.filter((topic) => !live.topics.has(topic));
    const isSubset = [...live.topics].every((topic) => topics.includes(topic));
    if (!isSubset) live.topics = await subscribeTo(this.options, { channel, topics, how: 'replaced' });
    else if (added.length > 0) {
      const permitted = await subscribeTo(this.options, { channel, topics: added, how: 'added' });
      live.topics = new Set([...live.topics, ...permitted]);
    }
  }
}
