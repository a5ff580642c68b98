import { z } from 'zod';
import { isAskable } from '../rest/conversations';
import type { Rest } from '../rest/rest';

/** A notification channel of Genesys: where to connect, and until when. */
export interface NotificationChannel {
  readonly id: string;
  readonly connectUri: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

export interface Rejection {
  readonly topic: string;
  readonly reason: string | null;
  readonly missingPermissions: readonly string[];
}

/** With more topics Genesys answers HTTP 400. */
export const TOPICS_PER_CHANNEL = 1_000;
/**
 * Genesys keeps 20 channels for each user and app, and removes one for the 21st. Two stay free, so that the bridge can
 * open a new channel before it closes the old one.
 */
export const MOST_CHANNELS = 18;

const CHANNELS = '/api/v2/notifications/channels';
const DAY_MS = 24 * 60 * 60_000;
/** Genesys's channels live for one day. */
const MOST_DAYS = 7;
const SHORTEST_LIFE_MS = 5_000;

const ChannelAnswer = z.object({
  // The id becomes a part of a path.
  id: z.string().min(1).refine(isAskable),
  connectUri: z.url({ protocol: /^wss?$/ }),
  expires: z.string().optional(),
});
const SubscriptionAnswer = z.object({
  entities: z
    .array(
      z.object({
        id: z.string(),
        state: z.string().optional(),
        rejectionReason: z.string().optional(),
        missingPermissions: z.array(z.string()).optional(),
      }),
    )
    .default([]),
});

export const queueTopic = (queueId: string): string => `v2.routing.queues.${queueId}.conversations`;

export async function createChannel(rest: Rest): Promise<NotificationChannel> {
  const { id, connectUri, expires } = await rest.send({
    method: 'POST',
    path: CHANNELS,
    route: CHANNELS,
    answer: ChannelAnswer,
  });
  const now = Date.now();
  // The time of expiry is by Genesys's clock.
  const expiresAt = Date.parse(expires ?? '') - rest.clockOffsetMs();
  // The bridge replaces a channel before its end. So an end in the past, or one that never comes, does not count.
  const isSensible = expiresAt > now + SHORTEST_LIFE_MS && expiresAt <= now + MOST_DAYS * DAY_MS;
  return { id, connectUri, createdAt: now, expiresAt: isSensible ? expiresAt : now + DAY_MS };
}

/**
 * Sets the topics of the channel (`replace`) or adds to them. Both renew the life of the channel. Without
 * `ignoreErrors` one bad topic would fail all.
 * @returns the refused topics
 */
export async function subscribe(
  rest: Rest,
  channel: NotificationChannel,
  topics: readonly string[],
  how: 'replace' | 'add',
): Promise<readonly Rejection[]> {
  const { entities } = await rest.send({
    method: how === 'replace' ? 'PUT' : 'POST',
    path: `${CHANNELS}/${encodeURIComponent(channel.id)}/subscriptions?ignoreErrors=true`,
    route: `${CHANNELS}/{channelId}/subscriptions`,
    body: topics.map((id) => ({ id })),
    answer: SubscriptionAnswer,
  });
  return entities
    .filter(({ state }) => state === 'Rejected')
    .map(({ id, rejectionReason, missingPermissions }) => ({
      topic: id,
      reason: rejectionReason ?? null,
      missingPermissions: missingPermissions ?? [],
    }));
}
