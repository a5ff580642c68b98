import { randomUUID } from 'node:crypto';
import type { Breaches } from './limits';

/** 20 channels for each user and app; the 21st removes the least recently used one. */
const MOST_CHANNELS = 20;
const MOST_TOPICS = 1_000;

/** The receiver of a channel's frames: its one open socket. */
export interface Outlet {
  /** False: nobody receives it. */
  send(text: string): boolean;
  /** `removed`: the channel no longer exists; `replaced`: another socket took it over. */
  close(reason: 'removed' | 'replaced'): void;
}

export interface Channel {
  readonly id: string;
  readonly topics: ReadonlySet<string>;
  readonly expiresAt: number;
  readonly isOpen: boolean;
}

export interface SubscribedTopic {
  readonly id: string;
  readonly state: 'Permitted' | 'Rejected';
  readonly rejectionReason?: string;
  readonly missingPermissions?: readonly string[];
}

export type SubscriptionOutcome =
  | { readonly kind: 'subscribed'; readonly topics: readonly SubscribedTopic[] }
  | { readonly kind: 'no-channel' }
  | { readonly kind: 'too-many'; readonly limit: number }
  | { readonly kind: 'refused'; readonly topics: readonly SubscribedTopic[] };

export interface ChannelsOptions {
  readonly lifetimeMs: number;
  readonly breaches: Breaches;
  readonly now: () => number;
  /** The objection to a topic; null: none. */
  readonly objection: (topic: string) => Omit<SubscribedTopic, 'id' | 'state'> | null;
}

interface Entry {
  readonly id: string;
  topics: Set<string>;
  expiresAt: number;
  outlet: Outlet | null;
}

/** The notification service: channels, their topics, their limits, and the delivery of notifications. */
export class Channels {
  readonly #options: ChannelsOptions;
  /** In the order of last use. */
  readonly #channels = new Map<string, Entry>();

  constructor(options: ChannelsOptions) {
    this.#options = options;
  }

  create(): Channel {
    const entry: Entry = {
      id: randomUUID(),
      topics: new Set(),
      expiresAt: this.#options.now() + this.#options.lifetimeMs,
      outlet: null,
    };
    this.#channels.set(entry.id, entry);
    const [oldest] = this.#channels.values();
    if (this.#channels.size > MOST_CHANNELS && oldest) {
      this.#options.breaches.channelsEvicted += 1;
      this.#remove(oldest);
    }
    return view(entry);
  }

  list(): readonly Channel[] {
    return [...this.#channels.keys()].flatMap((id) => this.#find(id) ?? []).map(view);
  }

  topics(id: string): readonly SubscribedTopic[] | null {
    const entry = this.#find(id);
    return entry && [...entry.topics].map((topic) => ({ id: topic, state: 'Permitted' as const }));
  }

  /** POST adds and PUT replaces topics; both renew the channel's life. */
  subscribe(
    id: string,
    given: readonly string[],
    how: { replace: boolean; ignoreErrors: boolean },
  ): SubscriptionOutcome {
    const { objection, breaches, now, lifetimeMs } = this.#options;
    const entry = this.#find(id);
    if (!entry) return { kind: 'no-channel' };
    const answers = given.map((topic): SubscribedTopic => {
      const problem = objection(topic);
      return problem === null ? { id: topic, state: 'Permitted' } : { id: topic, state: 'Rejected', ...problem };
    });
    const permitted = answers.flatMap((topic) => (topic.state === 'Permitted' ? topic.id : []));
    const topics = new Set([...(how.replace ? [] : entry.topics), ...permitted]);
    if (topics.size > MOST_TOPICS) {
      breaches.tooManyTopics += 1;
      return { kind: 'too-many', limit: MOST_TOPICS };
    }
    if (permitted.length < answers.length && !how.ignoreErrors) return { kind: 'refused', topics: answers };
    entry.topics = topics;
    entry.expiresAt = now() + lifetimeMs;
    this.#use(entry);
    return { kind: 'subscribed', topics: answers };
  }

  /** Opens a socket on the channel, and closes its earlier one. False: there is no such channel. */
  attach(id: string, outlet: Outlet): boolean {
    const entry = this.#find(id);
    if (!entry) return false;
    if (entry.outlet) this.#options.breaches.socketsReplaced += 1;
    entry.outlet?.close('replaced');
    entry.outlet = outlet;
    this.#use(entry);
    return true;
  }

  detach(id: string, outlet: Outlet): void {
    const entry = this.#channels.get(id);
    if (entry?.outlet === outlet) entry.outlet = null;
  }

  /**
   * Sends to every open channel that has the topic. A channel without a socket loses the frame: nothing is queued.
   * @returns how many sockets took it
   */
  publish(topic: string, text: string): number {
    let taken = 0;
    for (const { topics, outlet } of this.#channels.values()) {
      if (outlet && topics.has(topic) && outlet.send(text)) taken += 1;
    }
    return taken;
  }

  /** Ends channels before their time. @returns how many */
  end(which: () => boolean): number {
    const ending = [...this.#channels.values()].filter(which);
    for (const entry of ending) this.#remove(entry);
    return ending.length;
  }

  /** Like a 21st channel; false: there is none. */
  endOldest(): boolean {
    const [oldest] = this.#channels.values();
    if (oldest) this.#remove(oldest);
    return oldest !== undefined;
  }

  /** Removes channels whose life is over. */
  sweep(): void {
    for (const id of [...this.#channels.keys()]) this.#find(id);
  }

  #find(id: string): Entry | null {
    const entry = this.#channels.get(id);
    if (entry && entry.expiresAt <= this.#options.now()) {
      // A channel that nobody uses any more may end in any way.
      if (entry.outlet) this.#options.breaches.channelsExpired += 1;
      this.#remove(entry);
    }
    return this.#channels.get(id) ?? null;
  }

  #remove(entry: Entry): void {
    this.#channels.delete(entry.id);
    entry.outlet?.close('removed');
    entry.outlet = null;
  }

  #use(entry: Entry): void {
    this.#channels.delete(entry.id);
    this.#channels.set(entry.id, entry);
  }
}

function view({ id, topics, expiresAt, outlet }: Entry): Channel {
  return { id, topics, expiresAt, isOpen: outlet !== null };
}
