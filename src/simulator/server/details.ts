import { z } from 'zod';
import type { Conversation } from '../model';
import type { Json } from '../render';
import { conversationEnd, renderDetails } from '../render-details';
import type { Handler } from './http';
import { apiError } from './http';

const MOST_IDS = 100;
const MOST_PER_PAGE = 100;

/**
 * `GET /api/v2/analytics/conversations/details?id=…`: ids one by one or with commas; the answer leaves out unknown ids.
 */
export function detailsById(find: (id: string) => Conversation | null): Handler {
  return ({ url }) => {
    const ids = new Set(url.searchParams.getAll('id').flatMap((value) => value.split(',').filter((id) => id !== '')));
    if (ids.size > MOST_IDS) {
      return apiError(400, 'bad.request', `At most ${MOST_IDS} conversation ids may be requested, not ${ids.size}.`);
    }
    const conversations = [...ids].flatMap((id): Json[] => {
      const conversation = find(id);
      return conversation === null ? [] : [renderDetails(conversation)];
    });
    return { status: 200, body: { conversations } };
  };
}

const Filter = z.object({
  type: z.enum(['and', 'or']),
  predicates: z
    .array(
      z.object({
        dimension: z.string(),
        operator: z.enum(['matches', 'exists', 'notExists']).default('matches'),
        value: z.string().optional(),
      }),
    )
    .default([]),
});

const Query = z.object({
  interval: z.string().regex(/^[^/]+\/[^/]+$/),
  order: z.enum(['asc', 'desc']).default('asc'),
  paging: z
    .object({ pageSize: z.number().int().min(1).max(MOST_PER_PAGE), pageNumber: z.number().int().min(1) })
    .default({ pageSize: 25, pageNumber: 1 }),
  conversationFilters: z.array(Filter).default([]),
  segmentFilters: z.array(Filter).default([]),
});

/**
 * `POST …/details/query`: conversations of an interval, on request by queue and without an end; no other filters.
 * @param aheadMs how far conversations are ahead of the clients' clock, which clients use for the interval
 */
export function detailsQuery(all: () => readonly Conversation[], aheadMs: () => number): Handler {
  return ({ body }) => {
    const query = Query.safeParse(parseJson(body));
    const [from = NaN, to = NaN] = query.success
      ? query.data.interval.split('/').map((time) => Date.parse(time) + aheadMs())
      : [];
    if (!query.success || !(from <= to)) {
      return apiError(400, 'bad.request', 'A query needs an interval "from/to" of ISO times; pages have at most 100.');
    }
    const { order, paging, conversationFilters, segmentFilters } = query.data;
    const segments = segmentFilters.flatMap(({ predicates }) =>
      predicates.filter((one) => one.dimension === 'queueId'),
    );
    const wanted = segments.flatMap(({ operator, value }) => (operator === 'matches' ? (value ?? []) : []));
    const isQueued = segments.some(({ operator }) => operator === 'exists');
    const isUnended = conversationFilters.some(({ predicates }) =>
      predicates.some(({ dimension, operator }) => dimension === 'conversationEnd' && operator === 'notExists'),
    );
    const found = all()
      .filter((one) => one.startedAt < to && (conversationEnd(one) ?? Infinity) >= from)
      .filter((one) => !isUnended || conversationEnd(one) === null)
      .filter(({ queueIds }) => !isQueued || queueIds.length > 0)
      .filter(({ queueIds }) => wanted.length === 0 || wanted.some((id) => queueIds.includes(id)))
      .toSorted((one, other) => (one.startedAt - other.startedAt) * (order === 'asc' ? 1 : -1));
    const { pageNumber, pageSize } = paging;
    const conversations = found.slice((pageNumber - 1) * pageSize, pageNumber * pageSize).map(renderDetails);
    return { status: 200, body: { conversations, totalHits: found.length } };
  };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
