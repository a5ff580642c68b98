import { UsageError } from '../common/errors';
import type { Logger } from '../ops/logging';
import type { Metrics } from '../ops/metrics';
import { CHANNEL_STATES, startChannel, type Channel, type ChannelState } from './channel';
import type { Frame } from './connection';
import type { ControlFrame } from './control-frames';
import { GenesysError } from './errors';
import type { Credentials } from './oauth';
import { listQueues, selectQueues, type GenesysQueue } from './queues';
import {
  DEFAULT_RECONCILIATION,
  startReconciler,
  type ReconciliationPorts,
  type ReconciliationTimings,
} from './reconciler';
import type { GenesysUrls } from './regions';
import { createRest } from './rest';
import { MOST_CHANNELS, queueTopic, TOPICS_PER_CHANNEL, type Rejection } from './subscriptions';
import { DEFAULT_TIMINGS, type Timings } from './timings';

/** `ready`: every channel has an open socket; `degraded`: at least one has none. */
export type FeedState = 'starting' | 'ready' | 'degraded' | 'stopped';

export interface FeedOptions {
  readonly credentials: Credentials;
  readonly urls: GenesysUrls;
  /** As `QUEUES` says: ids, names or `*`. */
  readonly queues: readonly string[];
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Every frame that is no business of the channel itself, as it came. Must not throw. */
  readonly onFrame: (frame: Frame) => void;
  readonly onState?: (state: FeedState) => void;
  /** Where to read the table back and where answers go; absent: what was missed stays missed. */
  readonly reconciliation?: ReconciliationPorts & { readonly timings?: Partial<ReconciliationTimings> };
  readonly timings?: Partial<Timings>;
  /** A larger frame ends its socket. */
  readonly maxFrameBytes?: number;
  /** To test with fewer queues than Genesys's 1,000 a channel. */
  readonly topicsPerChannel?: number;
}

export interface WatchedQueue extends GenesysQueue {
  readonly subscription: 'pending' | 'permitted' | 'rejected';
  readonly missingPermissions: readonly string[];
}

export interface GenesysFeed {
  ready(): boolean;
  state(): FeedState;
  queues(): readonly WatchedQueue[];
  /** A snapshot of a conversation came by socket. */
  heard(conversationId: string, receivedAt: number): void;
  /** Conversations of which Genesys is still to be asked. */
  toReconcile(): number;
  /** Stops reading from the sockets: what Genesys sends waits in the network, and then at Genesys. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

const MIB = 1024 * 1024;
const LARGEST_FRAME_BYTES = 32 * MIB;

/**
 * Subscribes to the conversations of queues and hands over what comes. Resolves when the queues are known; the sockets
 * open, and open again, by themselves (`onState`).
 * @throws UsageError for refused credentials and for queues that do not exist, GenesysError when Genesys is not reached
 */
export async function startGenesysFeed(options: FeedOptions): Promise<GenesysFeed> {
  const { metrics, logger, urls, credentials, onState, topicsPerChannel = TOPICS_PER_CHANNEL } = options;
  const timings: Timings = { ...DEFAULT_TIMINGS, ...options.timings };
  const rest = createRest({ urls, credentials, timings, metrics, logger });
  const watched = await watchedQueues().catch(async (error: unknown) => {
    await rest.stop();
    throw withRemedy(error);
  });
  const subscriptions = new Map<string, Pick<WatchedQueue, 'subscription' | 'missingPermissions'>>();
  const states = new Map<number, ChannelState>();
  const channels: Channel[] = [];
  let state: FeedState = 'starting';

  async function watchedQueues(): Promise<readonly GenesysQueue[]> {
    const queues = selectQueues(await listQueues(rest), options.queues);
    const most = MOST_CHANNELS * topicsPerChannel;
    if (queues.length > most) {
      throw new UsageError(
        `QUEUES: ${queues.length} queues, and Genesys gives an OAuth client notifications of ${most}. Name fewer, or share them out among OAuth clients.`,
      );
    }
    return queues;
  }

  function onChannelState(index: number, next: ChannelState): void {
    // Without a socket nothing is queued: all that its queues did meanwhile was missed, also before the very first one.
    if (next === 'open' && states.get(index) === 'connecting')
      reconciler?.gap((groups[index] ?? []).map(({ id }) => id));
    states.set(index, next);
    for (const one of CHANNEL_STATES) {
      metrics.channels.set({ state: one }, [...states.values()].filter((other) => other === one).length);
    }
    const all = [...states.values()];
    const open = all.length === groups.length && all.every((one) => one === 'open' || one === 'replacing');
    if (open) enter('ready');
    else if (state !== 'starting') enter(all.every((one) => one === 'stopped') ? 'stopped' : 'degraded');
  }

  function enter(next: FeedState): void {
    if (state === next) return;
    state = next;
    onState?.(next);
  }

  function onRejections(group: readonly GenesysQueue[], rejections: readonly Rejection[]): void {
    const rejected = new Map(rejections.map((rejection) => [rejection.topic, rejection]));
    for (const { id, name } of group) {
      const rejection = rejected.get(queueTopic(id));
      const missingPermissions = rejection?.missingPermissions ?? [];
      subscriptions.set(id, { subscription: rejection ? 'rejected' : 'permitted', missingPermissions });
      if (rejection) {
        logger.error(
          { queueId: id, queue: name, missingPermissions, reason: rejection.reason },
          'Genesys refuses the conversations of a queue',
        );
      }
    }
    const permitted = [...subscriptions.values()].filter(({ subscription }) => subscription === 'permitted');
    metrics.subscribedQueues.set(permitted.length);
  }

  function onAny(kind: ControlFrame, receivedAt: number): void {
    metrics.notifications.inc({ kind: kind ?? 'notification' });
    metrics.lastNotification.set(receivedAt / 1_000);
  }

  const groups = groupsOf(watched, topicsPerChannel);
  const { reconciliation } = options;
  const reconciler =
    reconciliation &&
    startReconciler({
      ...reconciliation,
      rest,
      queueIds: watched.map(({ id }) => id),
      timings: { ...DEFAULT_RECONCILIATION, ...reconciliation.timings },
      metrics,
      logger,
    });
  for (const [index, group] of groups.entries()) {
    channels.push(
      startChannel({
        topics: group.map(({ id }) => queueTopic(id)),
        rest,
        timings,
        logger,
        socket: { maxFrameBytes: options.maxFrameBytes ?? LARGEST_FRAME_BYTES, onFrame: options.onFrame, onAny },
        onState: (next) => onChannelState(index, next),
        onRejections: (rejections) => onRejections(group, rejections),
      }),
    );
  }
  logger.info({ queues: watched.length, channels: groups.length }, 'Genesys queues are subscribed');

  return {
    ready: () => state === 'ready',
    state: () => state,
    queues: () =>
      watched.map((queue) => ({
        ...queue,
        ...(subscriptions.get(queue.id) ?? { subscription: 'pending' as const, missingPermissions: [] }),
      })),
    heard: (conversationId, receivedAt) => reconciler?.heard(conversationId, receivedAt),
    toReconcile: () => reconciler?.pending() ?? 0,
    pause: () => channels.forEach((channel) => channel.pause()),
    resume: () => channels.forEach((channel) => channel.resume()),
    async stop() {
      const stopped = Promise.all(channels.map((channel) => channel.stop()));
      await rest.stop();
      await reconciler?.stop();
      await stopped;
      enter('stopped');
    },
  };
}

/** What cannot be done at the start is most often a matter of configuration. */
function withRemedy(error: unknown): unknown {
  if (!(error instanceof GenesysError)) return error;
  const { message, facts } = error;
  if (facts.status === null) {
    const settings = 'GENESYS_REGION (or GENESYS_LOGIN_URL and GENESYS_API_URL)';
    return new GenesysError(`${message}. Is ${settings} right, and can this machine reach it?`, facts);
  }
  if (facts.status === 403) {
    return new GenesysError(`${message}. Does a role of the OAuth client have routing:queue:view?`, facts);
  }
  return error;
}

function groupsOf<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
