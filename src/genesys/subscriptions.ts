import { z } from 'zod';
import type { Rest } from './rest';

/** A notification channel as Genesys gives it out: where to connect, and until when. */
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

/** More: HTTP 400. */
export const TOPICS_PER_CHANNEL = 1_000;
/** Genesys keeps 20 a user and app and removes one for the 21st; two are left for make before break. */
export const MOST_CHANNELS = 18;

const CHANNELS = '/api/v2/notifications/channels';
const DAY_MS = 24 * 60 * 60_000;

const ChannelAnswer = z.object({
  id: z.string().min(1),
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
  // Genesys's word is by Genesys's clock.
  const expiresAt = Date.parse(expires ?? '') - rest.clockOffsetMs();
  return { id, connectUri, createdAt: now, expiresAt: Number.isNaN(expiresAt) ? now + DAY_MS : expiresAt };
}

/**
 * Makes these topics the channel's (`replace`), or adds them to it; either renews its life. With `ignoreErrors`: without
 * it one bad topic fails all.
 * @returns what was refused
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
