import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../common';
import type { Logger } from '../ops';
import { openConnection, type Connection, type ConnectionEnd, type ConnectionOptions } from './connection';
import { GenesysError, isTransient } from './errors';
import type { Rest } from './rest';
import { createChannel, subscribe, type NotificationChannel, type Rejection } from './subscriptions';
import { backoffMs, type Timings } from './timings';
import { timerMs } from './waits';

/**
 * The states of a channel and what may follow each:
 *
 *     connecting ──▶ open ⇄ replacing          replacing: make before break, the old socket is still read
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

export interface ChannelOptions {
  readonly topics: readonly string[];
  readonly rest: Rest;
  readonly timings: Timings;
  readonly logger: Logger;
  readonly socket: Pick<ConnectionOptions, 'maxFrameBytes' | 'onFrame' | 'onAny'>;
  readonly onState: (state: ChannelState) => void;
  /** After each subscription. */
  readonly onSubscribed: (subscribed: Subscribed) => void;
}

export interface Subscribed {
  readonly topics: readonly string[];
  readonly rejections: readonly Rejection[];
  /** `before`: the socket opens afterwards; `while`: it was open already, and these topics were not on it. */
  readonly socket: 'before' | 'while';
}

export interface Channel {
  readonly state: ChannelState;
  /** Other topics, on the same socket; those that stay are not touched. */
  setTopics(topics: readonly string[]): void;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

interface Live {
  readonly channel: NotificationChannel;
  readonly connection: Connection;
  /** Those that were permitted. */
  topics: ReadonlySet<string>;
}

/** Another channel is taken after so many failures with the same one. */
const TRIES_PER_CHANNEL = 3;

/** Keeps up to 1,000 topics subscribed with an open socket, whatever happens, until it is stopped. */
export function startChannel(options: ChannelOptions): Channel {
  const { rest, timings, logger, socket, onState, onSubscribed } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const isStopping = (): boolean => signal.aborted;
  const connections = new Set<Connection>();
  let state: ChannelState = 'connecting';
  let wanted = options.topics;
  let current: Live | null = null;
  let syncing: Promise<void> | null = null;
  /** Ends a wait of `sync`. */
  let wake = (): void => undefined;
  let pausedAt: number | null = null;
  /** A channel without a socket, to be used next: channels are few, and its subscriptions are still there. */
  let spare: NotificationChannel | null = null;

  function enter(next: ChannelState): void {
    const allowed: readonly ChannelState[] = SUCCESSORS[state];
    if (!allowed.includes(next)) throw new Error(`a channel cannot go from ${state} to ${next}`);
    state = next;
    onState(next);
  }

  /** Subscribes before the socket opens, so that nothing falls between the two. */
  async function connect(failures: number): Promise<Live> {
    try {
      spare ??= await createChannel(rest);
      const channel = spare;
      const topics = wanted;
      const permitted = await subscribeTo(channel, topics, 'before');
      const connection = await openConnection({ ...socket, timings, signal, connectUri: channel.connectUri });
      connections.add(connection);
      void connection.ended.then(() => connections.delete(connection));
      if (pausedAt !== null) connection.pause();
      spare = null;
      return { channel: renewed(channel), connection, topics: permitted };
    } catch (error) {
      if (!isTransient(error) || failures % TRIES_PER_CHANNEL === TRIES_PER_CHANNEL - 1) spare = null;
      throw error;
    }
  }

  async function subscribeTo(
    channel: NotificationChannel,
    topics: readonly string[],
    how: 'before' | 'added' | 'replaced',
  ): Promise<ReadonlySet<string>> {
    const rejections = await subscribe(rest, channel, topics, how === 'added' ? 'add' : 'replace');
    onSubscribed({ topics, rejections, socket: how === 'before' ? 'before' : 'while' });
    const rejected = new Set(rejections.map(({ topic }) => topic));
    return new Set(topics.filter((topic) => !rejected.has(topic)));
  }

  /**
   * Brings the subscriptions of the open socket to what is wanted, tried until it is done or there is no socket. What
   * Genesys refuses is asked for again ever more rarely: a permission may be given, and a refusal may pass.
   */
  async function sync(): Promise<void> {
    for (let failures = 0, refusals = 0; !isStopping();) {
      const live = current;
      const topics = wanted;
      if (live === null) return;
      try {
        const added = topics.filter((topic) => !live.topics.has(topic));
        const isSubset = [...live.topics].every((topic) => topics.includes(topic));
        if (!isSubset) live.topics = await subscribeTo(live.channel, topics, 'replaced');
        else if (added.length > 0) {
          live.topics = new Set([...live.topics, ...(await subscribeTo(live.channel, added, 'added'))]);
        }
        failures = 0;
        if (topics !== wanted || live !== current) continue;
        if (topics.every((topic) => live.topics.has(topic))) return;
        const pause = startTimer(backoffMs((refusals += 1), timings.reconnectBaseMs, timings.refusedCapMs));
        await Promise.race([pause.due, live.connection.ended, new Promise<void>((resolve) => (wake = resolve))]);
        pause.cancel();
      } catch (error) {
        if (isStopping()) return;
        logFailure('Genesys subscriptions not changed yet', error);
        failures += 1;
        await sleep(backoffMs(failures, timings.reconnectBaseMs, timings.reconnectCapMs), undefined, { signal }).catch(
          () => undefined,
        );
      }
    }
  }

  function startSync(): void {
    wake();
    syncing ??= sync().finally(() => (syncing = null));
  }

  /** Stays open, replacing the socket in time; resolves when there is none any more. */
  async function stayOpen(first: Live): Promise<{ readonly last: Live; readonly end: ConnectionEnd }> {
    for (let live = first; ;) {
      current = live;
      enter('open');
      // The topics may have become others while it opened.
      if (wanted.some((topic) => !live.topics.has(topic)) || live.topics.size > wanted.length) startSync();
      const { connection, channel } = live;
      const renewal = startTimer(renewalAt(channel, timings) - Date.now());
      const occasion = await Promise.race([connection.ended, connection.closing, renewal.due]);
      renewal.cancel();
      if (typeof occasion === 'object') return { last: live, end: occasion };
      logger.info({ channelId: channel.id, occasion }, 'Genesys channel is replaced');
      enter('replacing');
      const old = { isLost: false };
      void connection.ended.then(() => (old.isLost = true));
      const successor = await replace(connection);
      if (!('connection' in successor)) return { last: live, end: successor };
      // Before the successor was open: for a moment nobody listened.
      if (old.isLost) {
        enter('waiting');
        enter('connecting');
      }
      // What is under way to the old socket is still read.
      else setTimeout(() => connection.close(), timings.overlapMs).unref();
      live = successor;
    }
  }

  /** A successor on a channel of its own, tried until there is one or the old socket has ended. */
  async function replace(old: Connection): Promise<Live | ConnectionEnd> {
    for (let failures = 0; ; failures += 1) {
      try {
        return await connect(failures);
      } catch (error) {
        if (!isStopping()) logFailure('Genesys channel not replaced yet', error);
      }
      const pause = startTimer(backoffMs(failures, timings.reconnectBaseMs, timings.reconnectCapMs));
      const occasion = await Promise.race([old.ended, pause.due]);
      pause.cancel();
      if (typeof occasion === 'object') return occasion;
    }
  }

  function logFailure(what: string, error: unknown): void {
    const correlationId = error instanceof GenesysError ? error.facts.correlationId : null;
    logger.warn({ correlationId, reason: messageOf(error) }, what);
  }

  /** @returns when the socket was open, for how long; 0: it never was */
  async function connectAndLive(failures: number): Promise<number> {
    try {
      const first = await connect(failures);
      const since = Date.now();
      const { last, end } = await stayOpen(first);
      current = null;
      if (end.reason !== 'gone' && last.channel.expiresAt > Date.now()) spare ??= last.channel;
      if (!isStopping()) logger.warn({ channelId: last.channel.id, ...end }, 'Genesys socket lost');
      return Date.now() - since;
    } catch (error) {
      if (!isStopping()) logFailure('Genesys channel not open', error);
      return 0;
    }
  }

  async function run(): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      const openMs = await connectAndLive(failures);
      if (isStopping()) break;
      // A socket that opens and is lost at once is a failure too.
      failures = openMs >= timings.deadAfterMs ? 0 : failures + 1;
      enter('waiting');
      const waitMs = backoffMs(failures, timings.reconnectBaseMs, timings.reconnectCapMs);
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      if (!isStopping()) enter('connecting');
    }
    enter('stopped');
  }

  onState(state);
  const running = run();
  return {
    get state() {
      return state;
    },
    setTopics(topics) {
      wanted = topics;
      if (current !== null) startSync();
    },
    pause() {
      pausedAt ??= Date.now();
      for (const connection of connections) connection.pause();
    },
    resume() {
      const pausedMs = pausedAt === null ? 0 : Date.now() - pausedAt;
      pausedAt = null;
      for (const connection of connections) {
        connection.resume();
        // Nobody knows whether Genesys kept so much for us: a new socket is a gap, which is reconciled.
        if (pausedMs >= timings.deadAfterMs) connection.close();
      }
    },
    async stop() {
      stopping.abort();
      await running;
      await syncing;
    },
  };
}

/** Subscribing began a new life of the same length. */
function renewed(channel: NotificationChannel): NotificationChannel {
  const now = Date.now();
  return { ...channel, createdAt: now, expiresAt: now + channel.expiresAt - channel.createdAt };
}

/** Spread a little: channels that were opened together are not replaced together. */
function renewalAt({ createdAt, expiresAt }: NotificationChannel, { renewAtFraction }: Timings): number {
  return createdAt + (expiresAt - createdAt) * (renewAtFraction - Math.random() * 0.05);
}

function startTimer(waitMs: number): { readonly due: Promise<'time'>; cancel(): void } {
  let timer: NodeJS.Timeout | undefined;
  const due = new Promise<'time'>((resolve) => {
    timer = setTimeout(resolve, timerMs(waitMs), 'time');
  });
  return { due, cancel: () => clearTimeout(timer) };
}
