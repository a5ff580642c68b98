import { z } from 'zod';
import type { Conversation } from '../model';
import type { Json } from '../render';
import { conversationEnd, renderDetails } from '../render-details';
import type { Handler } from './http';
import { apiError } from './http';

const MOST_IDS = 100;
const MOST_PER_PAGE = 100;

/** `GET /api/v2/analytics/conversations/details?id=…`: ids one by one or with commas; unknown ones are just not there. */
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

const Query = z.object({
  interval: z.string().regex(/^[^/]+\/[^/]+$/),
  order: z.enum(['asc', 'desc']).default('asc'),
  paging: z
    .object({ pageSize: z.number().int().min(1).max(MOST_PER_PAGE), pageNumber: z.number().int().min(1) })
    .default({ pageSize: 25, pageNumber: 1 }),
  segmentFilters: z
    .array(
      z.object({
        type: z.enum(['and', 'or']),
        predicates: z.array(z.object({ dimension: z.string(), value: z.string().optional() })).default([]),
      }),
    )
    .default([]),
});

/** `POST …/details/query`: conversations of an interval, by queue if asked; no other filters. */
export function detailsQuery(all: () => readonly Conversation[]): Handler {
  return ({ body }) => {
    const query = Query.safeParse(parseJson(body));
    const [from = NaN, to = NaN] = query.success ? query.data.interval.split('/').map((time) => Date.parse(time)) : [];
    if (!query.success || !(from <= to)) {
      return apiError(400, 'bad.request', 'A query needs an interval "from/to" of ISO times; pages have at most 100.');
    }
    const { order, paging, segmentFilters } = query.data;
    const wanted = segmentFilters.flatMap(({ predicates }) =>
      predicates.flatMap(({ dimension, value }) => (dimension === 'queueId' && value !== undefined ? [value] : [])),
    );
    const found = all()
      .filter((one) => one.startedAt < to && (conversationEnd(one) ?? Infinity) >= from)
      .filter(({ queueIds }) => segmentFilters.length === 0 || wanted.some((id) => queueIds.includes(id)))
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
