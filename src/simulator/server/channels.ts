import { randomUUID } from 'node:crypto';
import type { Breaches } from './limits';

/** 20 channels a user and app; the 21st removes the one used longest ago. */
const MOST_CHANNELS = 20;
const MOST_TOPICS = 1_000;

/** Where a channel's frames go: the one socket that is open on it. */
export interface Outlet {
  /** False: nobody will hear it. */
  send(text: string): boolean;
  /** `removed`: the channel is no more; `replaced`: another socket took it over. */
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
  /** What stands against a topic; null: nothing. */
  readonly objection: (topic: string) => Omit<SubscribedTopic, 'id' | 'state'> | null;
}

interface Entry {
  readonly id: string;
  topics: Set<string>;
  expiresAt: number;
  outlet: Outlet | null;
}

export type Channels = ReturnType<typeof createChannels>;

/** The notification service: channels, their topics, their limits, and who gets what. */
export function createChannels({ lifetimeMs, breaches, now, objection }: ChannelsOptions) {
  /** In the order of last use. */
  const channels = new Map<string, Entry>();

  function find(id: string): Entry | null {
    const entry = channels.get(id);
    if (entry && entry.expiresAt <= now()) {
      // One that nobody uses any more may end as it likes.
      if (entry.outlet) breaches.channelsExpired += 1;
      remove(entry);
    }
    return channels.get(id) ?? null;
  }

  function remove(entry: Entry): void {
    channels.delete(entry.id);
    entry.outlet?.close('removed');
    entry.outlet = null;
  }

  function use(entry: Entry): void {
    channels.delete(entry.id);
    channels.set(entry.id, entry);
  }

  const view = ({ id, topics, expiresAt, outlet }: Entry): Channel => ({
    id,
    topics,
    expiresAt,
    isOpen: outlet !== null,
  });

  return {
    create(): Channel {
      const entry: Entry = {
        id: randomUUID(),
        topics: new Set(),
        expiresAt: now() + lifetimeMs,
        outlet: null,
      };
      channels.set(entry.id, entry);
      const [oldest] = channels.values();
      if (channels.size > MOST_CHANNELS && oldest) {
        breaches.channelsEvicted += 1;
        remove(oldest);
      }
      return view(entry);
    },

    list: (): readonly Channel[] => [...channels.keys()].flatMap((id) => find(id) ?? []).map(view),

    topics(id: string): readonly SubscribedTopic[] | null {
      const entry = find(id);
      return entry && [...entry.topics].map((topic) => ({ id: topic, state: 'Permitted' as const }));
    },

    /** POST adds, PUT replaces; either renews the channel's life. */
    subscribe(
      id: string,
      given: readonly string[],
      how: { replace: boolean; ignoreErrors: boolean },
    ): SubscriptionOutcome {
      const entry = find(id);
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
      use(entry);
      return { kind: 'subscribed', topics: answers };
    },

    /** A socket opens on the channel; one that is open already is closed. False: there is no such channel. */
    attach(id: string, outlet: Outlet): boolean {
      const entry = find(id);
      if (!entry) return false;
      if (entry.outlet) breaches.socketsReplaced += 1;
      entry.outlet?.close('replaced');
      entry.outlet = outlet;
      use(entry);
      return true;
    },

    detach(id: string, outlet: Outlet): void {
      const entry = channels.get(id);
      if (entry?.outlet === outlet) entry.outlet = null;
    },

    /**
     * To every open channel that has the topic. Without a socket it is lost: nothing is queued.
     * @returns how many sockets took it
     */
    publish(topic: string, text: string): number {
      let taken = 0;
      for (const { topics, outlet } of channels.values()) {
        if (outlet && topics.has(topic) && outlet.send(text)) taken += 1;
      }
      return taken;
    },

    /** Ends channels before their time. @returns how many */
    end(which: () => boolean): number {
      const ending = [...channels.values()].filter(which);
      ending.forEach(remove);
      return ending.length;
    },

    /** As a 21st does; false: there is none. */
    endOldest(): boolean {
      const [oldest] = channels.values();
      if (oldest) remove(oldest);
      return oldest !== undefined;
    },

    /** Removes what has outlived its time. */
    sweep(): void {
      for (const id of [...channels.keys()]) find(id);
    },
  };
}
