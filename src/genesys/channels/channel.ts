import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../common';
import type { Logger } from '../../ops';
import { GenesysError } from '../errors';
import { retryMs, type Timings } from '../timings';
import { startTimer } from '../waits';
import type { Connection, ConnectionEnd } from './connection';
import { ChannelOpener, type LiveChannel, type OpenerOptions } from './live-channel';
import { SubscriptionSync } from './subscription-sync';
import type { NotificationChannel } from './subscriptions';

/**
 * The states of a channel and what may follow each:
 *
 *     connecting ──▶ open ⇄ replacing          replacing: a new socket opens, the old one is still read
 *         ▲  │         │       │
 *         │  ▼         ▼       │
 *        waiting ◀─────────────┘               waiting: no socket, until the back-off is over
 *
 * and from everywhere to stopped, which is the end.
 */
const SUCCESSORS = {
  connecting: ['open', 'waiting', 'stopped'],
  open: ['replacing', 'waiting', 'stopped'],
  replacing: ['open', 'waiting', 'stopped'],
  waiting: ['connecting', 'stopped'],
  stopped: [],
} as const satisfies Record<string, readonly string[]>;

export type ChannelState = keyof typeof SUCCESSORS;
export const CHANNEL_STATES = Object.keys(SUCCESSORS) as readonly ChannelState[];

export interface ChannelOptions extends OpenerOptions {
  readonly topics: readonly string[];
  readonly logger: Logger;
  readonly onState: (state: ChannelState) => void;
}

export interface Channel {
  readonly state: ChannelState;
  /** Sets other topics, on the same socket. Topics that stay are not touched. */
  setTopics(topics: readonly string[]): void;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** Keeps up to 1,000 topics subscribed with an open socket, whatever happens, until it is stopped. */
export function startChannel(options: ChannelOptions): Channel {
  return new SteadyChannel(options);
}

class SteadyChannel implements Channel {
  readonly #options: ChannelOptions;
  readonly #stopping = new AbortController();
  readonly #opener: ChannelOpener;
  readonly #sync: SubscriptionSync;
  readonly #running: Promise<void>;
  #state: ChannelState = 'connecting';

  constructor(options: ChannelOptions) {
    const { signal } = this.#stopping;
    this.#options = options;
    this.#opener = new ChannelOpener(options, signal);
    this.#sync = new SubscriptionSync({
      ...options,
      signal,
      onFailure: (error) => this.#logFailure('the bridge could not change its subscriptions and tries again', error),
    });
    options.onState(this.#state);
    this.#running = this.#run();
  }

  get state(): ChannelState {
    return this.#state;
  }

  setTopics(topics: readonly string[]): void {
    this.#sync.want(topics);
  }

  pause(): void {
    this.#opener.pause();
  }

  resume(): void {
    this.#opener.resume();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#sync.ended();
  }

  async #run(): Promise<void> {
    const { timings } = this.#options;
    const { signal } = this.#stopping;
    for (let failures = 0; !this.#isStopping();) {
      const openMs = await this.#openAndStay(failures);
      if (this.#isStopping()) break;
      // A socket that ends at once counts as a failure, too.
      failures = openMs >= timings.deadAfterMs ? 0 : failures + 1;
      this.#enter('waiting');
      const waitMs = retryMs(failures, timings.reconnectBaseMs, timings.reconnectCapMs);
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      if (!this.#isStopping()) this.#enter('connecting');
    }
    this.#enter('stopped');
  }

  /** @returns for how long the socket was open; 0: it never was */
  async #openAndStay(failures: number): Promise<number> {
    try {
      const first = await this.#opener.open(() => this.#sync.wanted, failures);
      const since = Date.now();
      const { last, end } = await this.#stayOpen(first);
      this.#sync.attach(null);
      if (end.reason !== 'gone' && last.channel.expiresAt > Date.now()) this.#opener.reuse(last.channel);
      if (!this.#isStopping()) {
        this.#options.logger.warn(
          { channelId: last.channel.id, ...end },
          'the bridge lost a socket of Genesys and opens another',
        );
      }
      return Date.now() - since;
    } catch (error) {
      if (!this.#isStopping())
        this.#logFailure('the bridge could not open a channel of Genesys and tries again', error);
      return 0;
    }
  }

  /** Keeps a socket open, and replaces it in time. Resolves when there is no socket anymore. */
  async #stayOpen(first: LiveChannel): Promise<{ readonly last: LiveChannel; readonly end: ConnectionEnd }> {
    const { timings, logger } = this.#options;
    for (let live = first; ;) {
      this.#sync.attach(live);
      this.#enter('open');
      this.#sync.catchUp();
      const { connection, channel } = live;
      const renewal = startTimer(renewalAt(channel, timings) - Date.now());
      const occasion = await Promise.race([connection.ended, connection.closing, renewal.due]);
      renewal.cancel();
      if (typeof occasion === 'object') return { last: live, end: occasion };
      logger.info({ channelId: channel.id, occasion }, 'the bridge replaces a channel of Genesys');
      this.#enter('replacing');
      const old = { isLost: false };
      void connection.ended.then(() => (old.isLost = true));
      const successor = await this.#replace(connection);
      if (!('connection' in successor)) return { last: live, end: successor };
      // The old socket ended before its successor was open, so for a moment nobody listened.
      if (old.isLost) {
        this.#enter('waiting');
        this.#enter('connecting');
      }
      // Frames that are on their way to the old socket are still read.
      else setTimeout(() => connection.close(), timings.overlapMs).unref();
      live = successor;
    }
  }

  /** Opens a successor on a channel of its own. Repeats that until there is one, or the old socket has ended. */
  async #replace(old: Connection): Promise<LiveChannel | ConnectionEnd> {
    const { timings } = this.#options;
    for (let failures = 0; ; failures += 1) {
      try {
        return await this.#opener.open(() => this.#sync.wanted, failures);
      } catch (error) {
        if (!this.#isStopping())
          this.#logFailure('the bridge could not replace a channel of Genesys and tries again', error);
      }
      const pause = startTimer(retryMs(failures, timings.reconnectBaseMs, timings.reconnectCapMs));
      const occasion = await Promise.race([old.ended, pause.due]);
      pause.cancel();
      if (typeof occasion === 'object') return occasion;
    }
  }

  #enter(next: ChannelState): void {
    const allowed: readonly ChannelState[] = SUCCESSORS[this.#state];
    if (!allowed.includes(next)) throw new Error(`a channel cannot go from ${this.#state} to ${next}`);
    this.#state = next;
    this.#options.onState(next);
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  #logFailure(what: string, error: unknown): void {
    const correlationId = error instanceof GenesysError ? error.facts.correlationId : null;
    this.#options.logger.warn({ correlationId, reason: messageOf(error) }, what);
  }
}

/** A random moment, so that channels that opened together are not replaced together. */
function renewalAt({ createdAt, expiresAt }: NotificationChannel, { renewAtFraction }: Timings): number {
  return createdAt + (expiresAt - createdAt) * (renewAtFraction - Math.random() * 0.05);
}
