import type { Logger, Metrics } from '../ops';
import {
  CHANNEL_STATES,
  startChannel,
  type Channel,
  type ChannelOptions,
  type ChannelState,
  type Subscribed,
} from './channel';
import { pack, type Packing } from './packing';
import type { Rest } from './rest';
import { queueTopic, type Rejection } from './subscriptions';
import type { Timings } from './timings';

export interface ChannelSetOptions {
  readonly rest: Rest;
  readonly timings: Timings;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly socket: ChannelOptions['socket'];
  readonly room: { readonly channels: number; readonly topics: number };
  /** These queues were not listened to until now, since `fromMs`; null: nobody knows since when. */
  readonly onGap: (queueIds: readonly string[], fromMs: number | null) => void;
  readonly onState: (state: ChannelSetState) => void;
}

/** `ready`: every channel has an open socket; `degraded`: at least one has none. */
export type ChannelSetState = 'starting' | 'ready' | 'degraded' | 'stopped';

export interface QueueSubscription {
  readonly subscription: 'pending' | 'permitted' | 'rejected';
  readonly missingPermissions: readonly string[];
}

/** As many channels as the queues need; each keeps its queues when others come and go. */
export interface ChannelSet {
  /** @returns the queues for which there is no room */
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
  /** When it lost its socket; null: it never had one. */
  lostAt: number | null;
}

const PENDING: QueueSubscription = { subscription: 'pending', missingPermissions: [] };

export function createChannelSet(options: ChannelSetOptions): ChannelSet {
  const { rest, timings, metrics, logger, socket, room } = options;
  const members = new Map<number, Member>();
  const subscriptions = new Map<string, QueueSubscription>();
  const idOf = new Map<string, string>();
  const leaving = new Set<Promise<void>>();
  let packing: Packing = new Map();
  let state: ChannelSetState = 'starting';
  let paused = false;

  const queuesOf = (index: number): readonly string[] =>
    [...packing].filter(([, place]) => place === index).map(([id]) => id);

  function onGap(queueIds: readonly string[], fromMs: number | null): void {
    metrics.gaps.inc();
    options.onGap(queueIds, fromMs);
  }

  function enter(next: ChannelSetState): void {
    if (state === next) return;
    state = next;
    options.onState(next);
  }

  function sumUp(): void {
    const states = [...members.values()].map((member) => member.state);
    for (const one of CHANNEL_STATES) {
      metrics.channels.set({ state: one }, states.filter((other) => other === one).length);
    }
    if (states.every((one) => one === 'open' || one === 'replacing')) enter('ready');
    else if (state !== 'starting') enter('degraded');
  }

  function onChannelState(index: number, next: ChannelState): void {
    const member = members.get(index);
    if (member === undefined) return;
    const before = member.state;
    member.state = next;
    if (next === 'waiting') member.lostAt ??= Date.now();
    // Without a socket nothing is queued: all that its queues did meanwhile was missed, also before the very first one.
    if (next === 'open' && before === 'connecting') {
      onGap(queuesOf(index), member.lostAt);
      member.lostAt = null;
    }
    sumUp();
  }

  function onSubscribed({ topics, rejections, socket: when }: Subscribed): void {
    const rejected = new Map(rejections.map((rejection) => [rejection.topic, rejection]));
    const fresh: string[] = [];
    for (const topic of topics) {
      const id = idOf.get(topic);
      if (id === undefined) continue;
      const rejection = rejected.get(topic);
      if (rejection === undefined && subscriptions.get(id)?.subscription !== 'permitted') fresh.push(id);
      note(id, rejection);
    }
    if (when === 'while' && fresh.length > 0) onGap(fresh, null);
    count();
  }

  function note(queueId: string, rejection: Rejection | undefined): void {
    const missingPermissions = rejection?.missingPermissions ?? [];
    const before = subscriptions.get(queueId)?.subscription;
    subscriptions.set(queueId, { subscription: rejection ? 'rejected' : 'permitted', missingPermissions });
    if (rejection && before !== 'rejected') {
      logger.error(
        { queueId, missingPermissions, reason: rejection.reason },
        'Genesys refuses the conversations of a queue: it is asked again, at least every minute',
      );
    }
  }

  function count(): void {
    const all = [...subscriptions.values()];
    metrics.subscribedQueues.set(all.filter(({ subscription }) => subscription === 'permitted').length);
    metrics.refusedQueues.reset();
    for (const { subscription, missingPermissions } of all) {
      if (subscription !== 'rejected') continue;
      for (const permission of missingPermissions.length === 0 ? ['unknown'] : missingPermissions) {
        metrics.refusedQueues.inc({ permission });
      }
    }
  }

  function open(index: number, topics: readonly string[]): void {
    // Its first state is told while it starts: afterwards it is a member.
    const channel = startChannel({
      ...{ topics, rest, timings, logger, socket, onSubscribed },
      onState: (next) => onChannelState(index, next),
    });
    members.set(index, { channel, state: channel.state, lostAt: null });
    if (paused) channel.pause();
  }

  function close(index: number): void {
    const member = members.get(index);
    members.delete(index);
    const left = member?.channel.stop();
    if (left === undefined) return;
    leaving.add(left);
    void left.finally(() => leaving.delete(left));
  }

  return {
    assign(queueIds) {
      const { packing: next, left } = pack(packing, queueIds, room);
      const before = packing;
      packing = next;
      for (const id of before.keys()) if (!next.has(id)) subscriptions.delete(id);
      idOf.clear();
      for (const id of next.keys()) idOf.set(queueTopic(id), id);
      for (let index = 0; index < room.channels; index += 1) {
        const queues = queuesOf(index);
        const topics = queues.map(queueTopic);
        const known = members.get(index);
        if (queues.length === 0) close(index);
        else if (known === undefined) open(index, topics);
        else if (changed(index, queues)) known.channel.setTopics(topics);
      }
      count();
      sumUp();
      return left;

      function changed(index: number, queues: readonly string[]): boolean {
        const earlier = [...before].filter(([, place]) => place === index);
        return earlier.length !== queues.length || earlier.some(([id]) => !next.has(id));
      }
    },
    subscription: (queueId) => subscriptions.get(queueId) ?? PENDING,
    state: () => state,
    size: () => members.size,
    pause() {
      paused = true;
      for (const { channel } of members.values()) channel.pause();
    },
    resume() {
      paused = false;
      for (const { channel } of members.values()) channel.resume();
    },
    async stop() {
      for (const index of [...members.keys()]) close(index);
      await Promise.all(leaving);
      enter('stopped');
    },
  };
}
