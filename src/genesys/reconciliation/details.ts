import { z } from 'zod';
import type { Rest } from '../rest/rest';

/** Conversations from analytics (permission analytics:conversationDetail:view). */
const ROUTE = '/api/v2/analytics/conversations/details';
const QUERY_ROUTE = '/api/v2/analytics/conversations/details/query';
/** The most ids of a request, and the most conversations of a page. */
export const DETAILS_AT_ONCE = 100;

const Details = z.object({
  conversations: z.array(z.object({ conversationId: z.string(), conversationEnd: z.string().optional() })).default([]),
});

const Segments = z.object({
  conversations: z
    .array(
      z.object({
        conversationId: z.string(),
        conversationEnd: z.string().optional(),
        participants: z
          .array(
            z.object({
              sessions: z
                .array(z.object({ segments: z.array(z.object({ queueId: z.string().optional() })).default([]) }))
                .default([]),
            }),
          )
          .default([]),
      }),
    )
    .default([]),
});

/**
 * Returns those of these conversations that have ended, for a hundredth of a request each.
 * @param ids at most `DETAILS_AT_ONCE`
 */
export async function askEnded(
  rest: Rest,
  ids: readonly string[],
  onAttempt: (sentAt: number) => void,
): Promise<ReadonlySet<string>> {
  const { conversations } = await rest.send({
    method: 'GET',
    path: `${ROUTE}?id=${ids.map(encodeURIComponent).join(',')}`,
    route: ROUTE,
    urgency: 'background',
    onAttempt,
    answer: Details,
  });
  return new Set(
    conversations.filter(({ conversationEnd }) => conversationEnd !== undefined).map((one) => one.conversationId),
  );
}

/**
 * Conversations without an end that did something in an interval, page by page, the latest to begin first. They include
 * those that neither wait nor have an agent, which the activity of queues does not show.
 */
export async function* queryUnended(
  rest: Rest,
  { fromMs, toMs, queueIds }: { fromMs: number; toMs: number; queueIds: ReadonlySet<string> },
): AsyncGenerator<readonly string[]> {
  const interval = `${new Date(fromMs).toISOString()}/${new Date(toMs).toISOString()}`;
  for (let pageNumber = 1; ; pageNumber += 1) {
    const { conversations } = await rest.send({
      method: 'POST',
      path: QUERY_ROUTE,
      route: QUERY_ROUTE,
      urgency: 'background',
      body: {
        interval,
        order: 'desc',
        orderBy: 'conversationStart',
        paging: { pageSize: DETAILS_AT_ONCE, pageNumber },
        conversationFilters: [{ type: 'and', predicates: [{ dimension: 'conversationEnd', operator: 'notExists' }] }],
        segmentFilters: [{ type: 'and', predicates: [{ dimension: 'queueId', operator: 'exists' }] }],
      },
      answer: Segments,
    });
    yield conversations
      .filter(
        ({ conversationEnd, participants }) =>
          conversationEnd === undefined &&
          participants.some(({ sessions }) =>
            sessions.some(({ segments }) =>
              segments.some(({ queueId }) => queueId !== undefined && queueIds.has(queueId)),
            ),
          ),
      )
      .map(({ conversationId }) => conversationId);
    if (conversations.length < DETAILS_AT_ONCE) return;
  }
}
