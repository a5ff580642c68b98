import { z } from 'zod';
import type { Rest } from './rest';

/** What Genesys says of its queues now. */
export interface Activity {
  /** The conversations that wait or are handled; `waiting`: some metric says that the caller waits. */
  readonly conversations: ReadonlyMap<string, { readonly waiting: boolean }>;
  /** Queues of which the list was cut: what is not on it may be there all the same. */
  readonly truncated: ReadonlySet<string>;
}

const ROUTE = '/api/v2/analytics/conversations/activity/query';
const QUEUES_PER_QUERY = 100;
const METRICS = ['oWaiting', 'oAlerting', 'oInteracting'];

const ActivityAnswer = z.object({
  results: z
    .array(
      z.object({
        group: z.record(z.string(), z.string()).optional(),
        truncated: z.boolean().optional(),
        entities: z
          .array(z.object({ conversationId: z.string().optional(), metric: z.string().optional() }))
          .default([]),
      }),
    )
    .default([]),
});

/**
 * The live conversations of these queues (permission analytics:queueObservation:view), 100 queues a request.
 * @param turn resolves when the next request may be made
 */
export async function queryActivity(
  rest: Rest,
  queueIds: readonly string[],
  turn: () => Promise<void>,
): Promise<Activity> {
  const conversations = new Map<string, { waiting: boolean }>();
  const truncated = new Set<string>();
  for (let from = 0; from < queueIds.length; from += QUEUES_PER_QUERY) {
    await turn();
    const { results } = await rest.send({
      method: 'POST',
      path: ROUTE,
      route: ROUTE,
      body: queryOf(queueIds.slice(from, from + QUEUES_PER_QUERY)),
      answer: ActivityAnswer,
    });
    for (const { group, truncated: cut, entities } of results) {
      if (cut === true && group?.['queueId'] !== undefined) truncated.add(group['queueId']);
      for (const { conversationId, metric } of entities) {
        if (conversationId === undefined) continue;
        const known = conversations.get(conversationId);
        conversations.set(conversationId, { waiting: known?.waiting === true || metric === 'oWaiting' });
      }
    }
  }
  return { conversations, truncated };
}

function queryOf(queueIds: readonly string[]): object {
  return {
    metrics: METRICS.map((metric) => ({ metric, details: true })),
    groupBy: ['queueId'],
    filter: {
      type: 'or',
      predicates: queueIds.map((value) => ({ type: 'dimension', dimension: 'queueId', operator: 'matches', value })),
    },
  };
}
