import { z } from 'zod';
import type { Answer, Request } from '../server/http';
import { fault } from './fault';

/** Lists that lack entries, or repeat some. */
export const LIST_FAULTS = {
  'truncated-activity': fault(
    'the activity query cuts its lists',
    { most: z.number().int().min(0).default(1) },
    ({ levers, hit }, { most }) =>
      levers.requests.add(async (request, next) => {
        const answer = await next(request);
        const results = request.url.pathname.endsWith('/activity/query') ? resultsOf(answer) : null;
        if (results === null) return answer;
        const cut = results.map((result) => {
          if (result.entities.length <= most) return result;
          hit();
          return { ...result, entities: result.entities.slice(0, most), truncated: true };
        });
        return { ...answer, body: { results: cut } };
      }),
  ),
  'shifting-pages': fault(
    'lists grow or shrink while a client reads them: from the second page on, an entry comes twice or is missing',
    { how: z.enum(['repeat', 'skip']).optional() },
    ({ levers, random, hit }, { how = random.pick(['repeat', 'skip'] as const) }) =>
      levers.requests.add(async (request, next) => {
        const answer = await next(request);
        const page = pageOf(answer);
        if (page === null || page.pageNumber < 2) return answer;
        const by = how === 'repeat' ? -1 : 1;
        const beside = pageOf(await next(atPage(request, page.pageNumber + by)))?.entities ?? [];
        hit();
        const entities =
          how === 'repeat'
            ? [...beside.slice(-1), ...page.entities.slice(0, page.pageSize - 1)]
            : [...page.entities.slice(1), ...beside.slice(0, 1)];
        const total = page.total - by;
        const pageCount = Math.max(1, Math.ceil(total / page.pageSize));
        const selfUri = atPage(request, page.pageNumber + 1).url;
        const nextUri = page.pageNumber < pageCount ? `${selfUri.pathname}${selfUri.search}` : undefined;
        return { ...answer, body: { ...page, entities, total, pageCount, nextUri } };
      }),
  ),
} as const;

const Results = z.object({ results: z.array(z.looseObject({ entities: z.array(z.unknown()) })) });
const Page = z.looseObject({
  entities: z.array(z.unknown()),
  pageNumber: z.number(),
  pageSize: z.number(),
  total: z.number(),
});

function resultsOf({ body }: Answer) {
  const parsed = Results.safeParse(body);
  return parsed.success ? parsed.data.results : null;
}

function pageOf({ body }: Answer) {
  const parsed = Page.safeParse(body);
  return parsed.success ? parsed.data : null;
}

function atPage(request: Request, pageNumber: number): Request {
  const url = new URL(request.url);
  url.searchParams.set('pageNumber', String(pageNumber));
  return { ...request, url };
}
