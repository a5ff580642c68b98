import { messageOf, UsageError } from '../common';
import type { Logger, Metrics } from '../ops';
import { createChannelSet, type ChannelSetState } from './channels/channel-set';
import type { Frame } from './channels/connection';
import type { ControlFrame } from './channels/control-frames';
import type { QueueSubscription } from './channels/queue-permissions';
import { MOST_CHANNELS, TOPICS_PER_CHANNEL } from './channels/subscriptions';
import { queueTopicOffer } from './channels/topics';
import { GenesysError } from './errors';
import { pollNames, type NamesWanted } from './queues/name-lists';
import { pollQueues } from './queues/queue-poll';
import { watchQueues, type QueueWatch } from './queues/queue-watch';
import { listQueues, type GenesysQueue } from './queues/queues';
import { startReconciler, type Reconciler, type WentBack } from './reconciliation/reconciler';
import {
  DEFAULT_RECONCILIATION,
  type ReconciliationPorts,
  type ReconciliationTimings,
} from './reconciliation/reconciliation-options';
import type { Credentials } from './rest/oauth';
import { createRest, type GenesysUrls, type Rest } from './rest/rest';
import { isInShard, WHOLE, type Shard } from './shards';
import { DEFAULT_TIMINGS, type Timings } from './timings';

export type FeedState = ChannelSetState;

export interface FeedOptions {
  readonly credentials: Credentials;
  readonly urls: GenesysUrls;
  /** The value of `QUEUES`: ids, names or `*`. */
  readonly queues: readonly string[];
  /** The shard of the queues that the bridge listens to. Default: all queues. */
  readonly shard?: Shard;
  /** How many notification channels may be open at once, not counting replacements. Default: 18. */
  readonly channels?: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Gets every frame that the channel does not handle itself, as it came. Must not throw. */
  readonly onFrame: (frame: Frame) => void;
  readonly onState?: (state: FeedState) => void;
  /** Where to read the table back and where answers go. Absent: nobody asks for what was missed. */
  readonly reconciliation?: ReconciliationPorts & { readonly timings?: Partial<ReconciliationTimings> };
  /** Absent: the feed asks for no names. */
  readonly names?: NamesWanted;
  readonly timings?: Partial<Timings>;
  /** A larger frame ends its socket. */
  readonly maxFrameBytes?: number;
  /** For tests: fewer queues for each channel than the 1,000 of Genesys. */
  readonly topicsPerChannel?: number;
}

export interface WatchedQueue extends GenesysQueue, QueueSubscription {}

export interface GenesysFeed {
  ready(): boolean;
  state(): FeedState;
  queues(): readonly WatchedQueue[];
  /** To call when a snapshot of a conversation came by socket. */
  heard(conversationId: string, receivedAt: number): void;
  /** Call it when the row of a conversation equals an earlier version of itself again. */
  wentBack(conversationId: string, back: WentBack): void;
  /** Conversations for which the bridge still has to ask Genesys. */
  toReconcile(): number;
  /** Stops reading from the sockets. What Genesys sends then waits in the network, and later at Genesys. */
  pause(): void;
  /**
   * Reads again. After a pause as long as a socket may be silent, it opens new sockets and asks for what was missed.
   */
  resume(): void;
  stop(): Promise<void>;
}

const MIB = 1024 * 1024;
const LARGEST_FRAME_BYTES = 32 * MIB;

/**
 * Subscribes to the conversations of queues and hands over what comes. Resolves when the queues are known. The feed
 * opens and reopens the sockets (`onState`), and it follows queues that are added, removed or renamed.
 * @throws UsageError for refused credentials and for queues that do not exist, GenesysError when Genesys is not reached
 */
export async function startGenesysFeed(options: FeedOptions): Promise<GenesysFeed> {
  const { metrics, logger, urls, credentials, shard = WHOLE } = options;
  const timings: Timings = { ...DEFAULT_TIMINGS, ...options.timings };
  const room = { channels: options.channels ?? MOST_CHANNELS, topics: options.topicsPerChannel ?? TOPICS_PER_CHANNEL };
  const rest = createRest({ urls, credentials, timings, metrics, logger });
  const watch = watchQueues(options.queues, shard);
  try {
    watch.look(await listQueues(rest));
    checkRoom(watch.queues().size, room);
  } catch (error) {
    await rest.stop();
    throw withRemedy(error);
  }

  await tellOffer(rest, logger);
  const reconciler = reconcilerOf(options, rest, watch, shard);
  const channels = createChannelSet({
    ...{ rest, timings, metrics, logger, room },
    socket: { maxFrameBytes: options.maxFrameBytes ?? LARGEST_FRAME_BYTES, onFrame: options.onFrame, onAny },
    onGap: (queueIds, fromMs) => reconciler?.gap(queueIds, fromMs),
    onState: (state) => options.onState?.(state),
  });

  function onAny(kind: ControlFrame, receivedAt: number): void {
    metrics.notifications.inc({ kind: kind ?? 'notification' });
    metrics.lastNotification.set(receivedAt / 1_000);
  }

  channels.assign([...watch.queues().keys()]);
  logger.info(
    { queues: watch.queues().size, channels: channels.size() },
    'the bridge has its queues and opens its channels',
  );
  const stopping = new AbortController();
  const polling = pollQueues({ rest, watch, channels, metrics, logger, reconciler, signal: stopping.signal, timings });
  const naming =
    options.names &&
    pollNames({
      ...{ ...options.names, everyMs: timings.namesEveryMs },
      ...{ rest, metrics, logger, signal: stopping.signal },
    });

  return {
    ready: () => channels.state() === 'ready',
    state: () => channels.state(),
    queues: () => [...watch.queues().values()].map((queue) => ({ ...queue, ...channels.subscription(queue.id) })),
    heard: (conversationId, receivedAt) => reconciler?.heard(conversationId, receivedAt),
    wentBack: (conversationId, back) => reconciler?.wentBack(conversationId, back),
    toReconcile: () => reconciler?.pending() ?? 0,
    pause: () => channels.pause(),
    resume: () => channels.resume(),
    async stop() {
      stopping.abort();
      const stopped = channels.stop();
      await rest.stop();
      await reconciler?.stop();
      await polling;
      await naming;
      await stopped;
    },
  };
}

/** Genesys does not document which permissions the topic needs. So the bridge asks, and logs the answer. */
async function tellOffer(rest: Rest, logger: Logger): Promise<void> {
  try {
    const offer = await queueTopicOffer(rest);
    if (offer === null) logger.warn('Genesys does not list the topic for conversations of queues');
    else logger.info({ ...offer }, 'Genesys says what notifications of queues need');
  } catch (error) {
    logger.warn({ reason: messageOf(error) }, 'the bridge cannot ask Genesys for the available topics');
  }
}

function reconcilerOf(options: FeedOptions, rest: Rest, watch: QueueWatch, shard: Shard): Reconciler | null {
  const { reconciliation, metrics, logger } = options;
  if (reconciliation === undefined) return null;
  return startReconciler({
    ...reconciliation,
    rest,
    watched: () => new Set(watch.queues().keys()),
    isOwn: (queueId) => isInShard(queueId, shard),
    timings: { ...DEFAULT_RECONCILIATION, ...reconciliation.timings },
    metrics,
    logger,
  });
}

function checkRoom(queues: number, room: { readonly channels: number; readonly topics: number }): void {
  const most = room.channels * room.topics;
  if (queues <= most) return;
  throw new UsageError(
    `QUEUES: selects ${queues} queues, but the channels of this bridge hold ${most} (GENESYS_CHANNELS=${room.channels}, ${room.topics} queues each). ` +
      `Name fewer, or divide them among bridges (SHARD). If they need more than ${MOST_CHANNELS} channels, give each bridge an OAuth client of its own.`,
  );
}

/** An error at the start mostly has its cause in the settings. */
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
