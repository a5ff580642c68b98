import { z } from 'zod';
import type { Rest } from '../rest/rest';

/** What Genesys says about the topic of a queue's conversations. */
export interface TopicOffer {
  /** For example `routing:queue:view`. Empty: Genesys wants none, or names none. */
  readonly requiresPermissions: readonly string[];
  /** E.g. `Websocket`, `EventBridge`, `All`. */
  readonly transports: readonly string[];
}

const ROUTE = '/api/v2/notifications/availabletopics';
const QUEUE_TOPIC = 'v2.routing.queues.{id}.conversations';

const TopicsAnswer = z.object({
  entities: z
    .array(
      z.object({
        id: z.string().optional(),
        requiresPermissions: z.array(z.string()).nullish(),
        transports: z.array(z.string()).nullish(),
      }),
    )
    .default([]),
});

/**
 * Asks which permissions the topic of a queue needs and which transports offer it. The question needs no permission.
 * Genesys does not document this anywhere else.
 * @returns null where Genesys does not list the topic
 */
export async function queueTopicOffer(rest: Rest): Promise<TopicOffer | null> {
  const { entities } = await rest.send({
    method: 'GET',
    path: `${ROUTE}?expand=requiresPermissions&expand=transports`,
    route: ROUTE,
    answer: TopicsAnswer,
  });
  const topic = entities.find(({ id }) => id === QUEUE_TOPIC);
  if (topic === undefined) return null;
  return { requiresPermissions: topic.requiresPermissions ?? [], transports: topic.transports ?? [] };
}
