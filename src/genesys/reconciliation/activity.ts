import { z } from 'zod';
import type { Rest } from '../rest/rest';

/** What a conversation does in a queue: it waits, is alerted, or is handled. */
export type Phase = 'waiting' | 'alerting' | 'interacting';

/** A conversation that waits, is alerted or is handled now. */
export interface ActiveConversation {
  readonly phases: ReadonlySet<Phase>;
  readonly sessionIds: ReadonlySet<string>;
}

/** The present activity of Genesys’s queues. */
export interface Activity {
  readonly conversations: ReadonlyMap<string, ActiveConversation>;
  /** Queues whose list Genesys cut. A conversation that is missing from it may still be live. */
  readonly truncated: ReadonlySet<string>;
}

const ROUTE = '/api/v2/analytics/conversations/activity/query';
const QUEUES_PER_QUERY = 100;
const METRICS: ReadonlyMap<string, Phase> = new Map([
  ['oWaiting', 'waiting'],
  ['oAlerting', 'alerting'],
  ['oInteracting', 'interacting'],
]);

const ActivityAnswer = z.object({
  results: z
    .array(
      z.object({
        group: z.record(z.string(), z.string()).optional(),
        truncated: z.boolean().optional(),
        entities: z
          .array(
            z.object({
              conversationId: z.string().optional(),
              metric: z.string().optional(),
              sessionId: z.string().optional(),
            }),
          )
          .default([]),
      }),
    )
    .default([]),
});

/** The live conversations of these queues (permission analytics:queueObservation:view), 100 queues a request. */
export async function queryActivity(rest: Rest, queueIds: readonly string[]): Promise<Activity> {
  const conversations = new Map<string, { phases: Set<Phase>; sessionIds: Set<string> }>();
  const truncated = new Set<string>();
  for (let from = 0; from < queueIds.length; from += QUEUES_PER_QUERY) {
    const { results } = await rest.send({
      method: 'POST',
      path: ROUTE,
      route: ROUTE,
      urgency: 'background',
      body: queryOf(queueIds.slice(from, from + QUEUES_PER_QUERY)),
      answer: ActivityAnswer,
    });
    for (const { group, truncated: cut, entities } of results) {
      if (cut === true && group?.['queueId'] !== undefined) truncated.add(group['queueId']);
      for (const { conversationId, metric, sessionId } of entities) {
        if (conversationId === undefined) continue;
        const known = conversations.get(conversationId) ?? { phases: new Set(), sessionIds: new Set() };
        const phase = METRICS.get(metric ?? '');
        if (phase !== undefined) known.phases.add(phase);
        if (sessionId !== undefined) known.sessionIds.add(sessionId);
        conversations.set(conversationId, known);
      }
    }
  }
  return { conversations, truncated };
}

function queryOf(queueIds: readonly string[]): object {
  return {
    metrics: [...METRICS.keys()].map((metric) => ({ metric, details: true })),
    groupBy: ['queueId'],
    filter: {
      type: 'or',
      predicates: queueIds.map((value) => ({ type: 'dimension', dimension: 'queueId', operator: 'matches', value })),
    },
  };
}
