import type { Logger, Metrics } from '../../ops';
import type { Rest } from '../rest/rest';
import type { Timings } from '../timings';
import { CHANNEL_STATES, startChannel, type Channel, type ChannelOptions, type ChannelState } from './channel';
import type { Subscribed } from './live-channel';
import { pack, type Packing } from './packing';
import { QueuePermissions, type QueueSubscription } from './queue-permissions';
import { queueTopic } from './subscriptions';

export interface ChannelSetOptions {
  readonly rest: Rest;
  readonly timings: Timings;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly socket: ChannelOptions['socket'];
  readonly room: { readonly channels: number; readonly topics: number };
  /** The bridge did not hear these queues from `fromMs` until now. Null: the beginning is unknown. */
  readonly onGap: (queueIds: readonly string[], fromMs: number | null) => void;
  readonly onState: (state: ChannelSetState) => void;
}

/** `ready`: every channel has an open socket; `degraded`: at least one has none. */
export type ChannelSetState = 'starting' | 'ready' | 'degraded' | 'stopped';

/** Opens as many channels as the queues need. Each channel keeps its queues when others are added or removed. */
export interface ChannelSet {
  /** @returns the queues for which no channel has room */
  assign(queueIds: readonly string[]): readonly string[];
  subscription(queueId: string): QueueSubscription;
  state(): ChannelSetState;
  size(): number;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

interface Member {
  readonly channel: Channel;
  state: ChannelState;
  /** When the channel lost its socket. Null: it never had one. */
  lostAt: number | null;
}

export function createChannelSet(options: ChannelSetOptions): ChannelSet {
  return new Channels(options);
}

class Channels implements ChannelSet {
  readonly #options: ChannelSetOptions;
  readonly #members = new Map<number, Member>();
  readonly #permissions: QueuePermissions;
  readonly #leaving = new Set<Promise<void>>();
  #packing: Packing = new Map();
  #state: ChannelSetState = 'starting';
  #paused = false;

  constructor(options: ChannelSetOptions) {
    this.#options = options;
    this.#permissions = new QueuePermissions(options.metrics, options.logger);
  }

  assign(queueIds: readonly string[]): readonly string[] {
    const { room } = this.#options;
    const { packing, left } = pack(this.#packing, queueIds, room);
    const before = this.#packing;
    this.#packing = packing;
    this.#permissions.keep(packing);
    for (let index = 0; index < room.channels; index += 1) {
      const queues = queuesOf(packing, index);
      const topics = queues.map(queueTopic);
      const known = this.#members.get(index);
      if (queues.length === 0) this.#close(index);
      else if (known === undefined) this.#open(index, topics);
      else if (isOther(queuesOf(before, index), queues)) known.channel.setTopics(topics);
    }
    this.#permissions.measure();
    this.#sumUp();
    return left;
  }

  subscription(queueId: string): QueueSubscription {
    return this.#permissions.of(queueId);
  }

  state(): ChannelSetState {
    return this.#state;
  }

  size(): number {
    return this.#members.size;
  }

  pause(): void {
    this.#paused = true;
    for (const { channel } of this.#members.values()) channel.pause();
  }

  resume(): void {
    this.#paused = false;
    for (const { channel } of this.#members.values()) channel.resume();
  }

  async stop(): Promise<void> {
    for (const index of [...this.#members.keys()]) this.#close(index);
    await Promise.all(this.#leaving);
    this.#enter('stopped');
  }

  #open(index: number, topics: readonly string[]): void {
    const { rest, timings, logger, socket } = this.#options;
    // The channel reports its first state while it starts, before it is a member of the set.
    const channel = startChannel({
      ...{ topics, rest, timings, logger, socket },
      onState: (next) => this.#onChannelState(index, next),
      onSubscribed: (subscribed) => this.#onSubscribed(subscribed),
    });
    this.#members.set(index, { channel, state: channel.state, lostAt: null });
    if (this.#paused) channel.pause();
  }

  #close(index: number): void {
    const member = this.#members.get(index);
    this.#members.delete(index);
    const left = member?.channel.stop();
    if (left === undefined) return;
    this.#leaving.add(left);
    void left.finally(() => this.#leaving.delete(left));
  }

  #onChannelState(index: number, next: ChannelState): void {
    const member = this.#members.get(index);
    if (member === undefined) return;
    const before = member.state;
    member.state = next;
    if (next === 'waiting') member.lostAt ??= Date.now();
    // Genesys keeps nothing for a channel without a socket. So the bridge missed everything that its queues did
    // meanwhile, also before the first socket.
    if (next === 'open' && before === 'connecting') {
      this.#onGap(queuesOf(this.#packing, index), member.lostAt);
      member.lostAt = null;
    }
    this.#sumUp();
  }

  #onSubscribed(subscribed: Subscribed): void {
    const fresh = this.#permissions.note(subscribed);
    if (subscribed.socket === 'while' && fresh.length > 0) this.#onGap(fresh, null);
    this.#permissions.measure();
  }

  #onGap(queueIds: readonly string[], fromMs: number | null): void {
    this.#options.metrics.gaps.inc();
    this.#options.onGap(queueIds, fromMs);
  }

  #sumUp(): void {
    const states = [...this.#members.values()].map((member) => member.state);
    for (const one of CHANNEL_STATES) {
      this.#options.metrics.channels.set({ state: one }, states.filter((other) => other === one).length);
    }
    if (states.every((one) => one === 'open' || one === 'replacing')) this.#enter('ready');
    else if (this.#state !== 'starting') this.#enter('degraded');
  }

  #enter(next: ChannelSetState): void {
    if (this.#state === next) return;
    this.#state = next;
    this.#options.onState(next);
  }
}

function queuesOf(packing: Packing, index: number): readonly string[] {
  return [...packing].filter(([, place]) => place === index).map(([id]) => id);
}

function isOther(before: readonly string[], now: readonly string[]): boolean {
  const kept = new Set(now);
  return before.length !== now.length || before.some((id) => !kept.has(id));
}
