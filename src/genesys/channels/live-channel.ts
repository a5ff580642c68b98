import { type Age, createAge } from '../../common';
import { isTransient } from '../errors';
import type { Rest } from '../rest/rest';
import type { Timings } from '../timings';
import { openConnection, type Connection, type ConnectionOptions } from './connection';
import { createChannel, subscribe, type NotificationChannel, type Rejection } from './subscriptions';

/** A notification channel with its socket. */
export interface LiveChannel {
  readonly channel: NotificationChannel;
  readonly connection: Connection;
  /** The topics that Genesys permitted. */
  topics: ReadonlySet<string>;
}

export interface Subscribed {
  readonly topics: readonly string[];
  readonly rejections: readonly Rejection[];
  /** `before`: the socket opens afterwards. `while`: the socket was open already, without these topics. */
  readonly socket: 'before' | 'while';
}

export interface SubscriberOptions {
  readonly rest: Rest;
  /** After each subscription. */
  readonly onSubscribed: (subscribed: Subscribed) => void;
}

export interface OpenerOptions extends SubscriberOptions {
  readonly timings: Timings;
  readonly socket: Pick<ConnectionOptions, 'maxFrameBytes' | 'onFrame' | 'onAny'>;
}

/** After this many failures with one channel, the opener takes another. */
const TRIES_PER_CHANNEL = 3;

/** Opens channels with their sockets, and pauses and resumes all sockets that it has opened. */
export class ChannelOpener {
  readonly #connections = new Set<Connection>();
  #pause: Age | null = null;
  /**
   * Keeps a channel without a socket for the next opening: channels are few, and this one still has its subscriptions.
   */
  #spare: NotificationChannel | null = null;

  constructor(
    private readonly options: OpenerOptions,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * Subscribes before the socket opens, so that nothing falls between the two.
   * @param wanted the topics, asked for when the channel is there
   * @param failures how many attempts have failed before
   */
  async open(wanted: () => readonly string[], failures: number): Promise<LiveChannel> {
    const { rest, socket, timings } = this.options;
    try {
      this.#spare ??= await createChannel(rest);
      const channel = this.#spare;
      const topics = wanted();
      const permitted = await subscribeTo(this.options, { channel, topics, how: 'before' });
      const connection = await openConnection({
        ...{ ...socket, timings, signal: this.signal },
        connectUri: channel.connectUri,
      });
      this.#connections.add(connection);
      void connection.ended.then(() => this.#connections.delete(connection));
      if (this.#pause !== null) connection.pause();
      this.#spare = null;
      return { channel: renewed(channel), connection, topics: permitted };
    } catch (error) {
      if (!isTransient(error) || failures % TRIES_PER_CHANNEL === TRIES_PER_CHANNEL - 1) this.#spare = null;
      throw error;
    }
  }

  /** Its socket has ended, but the channel still exists. */
  reuse(channel: NotificationChannel): void {
    this.#spare ??= channel;
  }

  pause(): void {
    this.#pause ??= createAge();
    for (const connection of this.#connections) connection.pause();
  }

  resume(): void {
    const pausedMs = this.#pause?.() ?? 0;
    this.#pause = null;
    for (const connection of this.#connections) {
      connection.resume();
      // Genesys may not have kept that much for us. So a new socket counts as a gap, which reconciliation closes.
      if (pausedMs >= this.options.timings.deadAfterMs) connection.close();
    }
  }
}

/**
 * @param what `how`: `before` the socket opens; `added` to the topics of the open socket, or `replaced` them
 * @returns the topics that Genesys permits
 */
export async function subscribeTo(
  { rest, onSubscribed }: SubscriberOptions,
  what: {
    readonly channel: NotificationChannel;
    readonly topics: readonly string[];
    readonly how: 'before' | 'added' | 'replaced';
  },
): Promise<ReadonlySet<string>> {
  const { channel, topics, how } = what;
  const rejections = await subscribe(rest, channel, topics, how === 'added' ? 'add' : 'replace');
  onSubscribed({ topics, rejections, socket: how === 'before' ? 'before' : 'while' });
  const rejected = new Set(rejections.map(({ topic }) => topic));
  return new Set(topics.filter((topic) => !rejected.has(topic)));
}

/** The subscription began a new life of the same length. */
function renewed(channel: NotificationChannel): NotificationChannel {
  const now = Date.now();
  return { ...channel, createdAt: now, expiresAt: now + channel.expiresAt - channel.createdAt };
}
