import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../common/errors';
import type { Logger } from '../ops/logging';
import { openConnection, type Connection, type ConnectionEnd, type ConnectionOptions } from './connection';
import { GenesysError, isTransient } from './errors';
import type { Rest } from './rest';
import { createChannel, setSubscriptions, type NotificationChannel, type Rejection } from './subscriptions';
import { backoffMs, type Timings } from './timings';

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
  /** After each subscription: what was refused. */
  readonly onRejections: (rejections: readonly Rejection[]) => void;
}

export interface Channel {
  readonly state: ChannelState;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

interface Live {
  readonly channel: NotificationChannel;
  readonly connection: Connection;
}

/** Another channel is taken after so many failures with the same one. */
const TRIES_PER_CHANNEL = 3;

/** Keeps up to 1,000 topics subscribed with an open socket, whatever happens, until it is stopped. */
export function startChannel(options: ChannelOptions): Channel {
  const { topics, rest, timings, logger, socket, onState, onRejections } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const isStopping = (): boolean => signal.aborted;
  const connections = new Set<Connection>();
  let state: ChannelState = 'connecting';
  let paused = false;
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
      onRejections(await setSubscriptions(rest, channel, topics));
      const connection = await openConnection({ ...socket, timings, signal, connectUri: channel.connectUri });
      connections.add(connection);
      void connection.ended.then(() => connections.delete(connection));
      if (paused) connection.pause();
      spare = null;
      return { channel: renewed(channel), connection };
    } catch (error) {
      if (!isTransient(error) || failures % TRIES_PER_CHANNEL === TRIES_PER_CHANNEL - 1) spare = null;
      throw error;
    }
  }

  /** Stays open, replacing the socket in time; resolves when there is none any more. */
  async function live(first: Live): Promise<{ readonly last: Live; readonly end: ConnectionEnd }> {
    let current = first;
    for (;;) {
      enter('open');
      const { connection, channel } = current;
      const renewal = startTimer(renewalAt(channel, timings) - Date.now());
      const occasion = await Promise.race([connection.ended, connection.closing, renewal.due]);
      renewal.cancel();
      if (typeof occasion === 'object') return { last: current, end: occasion };
      logger.info({ channelId: channel.id, occasion }, 'Genesys channel is replaced');
      enter('replacing');
      const successor = await replace(connection);
      if (!('connection' in successor)) return { last: current, end: successor };
      // What is under way to the old socket is still read.
      setTimeout(() => connection.close(), timings.overlapMs).unref();
      current = successor;
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
      const { last, end } = await live(first);
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
    pause() {
      paused = true;
      for (const connection of connections) connection.pause();
    },
    resume() {
      paused = false;
      for (const connection of connections) connection.resume();
    },
    async stop() {
      stopping.abort();
      await running;
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
    timer = setTimeout(resolve, Math.max(0, waitMs), 'time');
  });
  return { due, cancel: () => clearTimeout(timer) };
}
