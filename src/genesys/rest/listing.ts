import { z } from 'zod';
import type { Named } from '../../common';
import type { Urgency } from './budget';
import type { Rest } from './rest';

/** The largest page that Genesys accepts. */
const PAGE_SIZE = 500;

const Page = z.object({
  entities: z.array(z.object({ id: z.string().min(1), name: z.string().default('') })),
  pageCount: z.number().optional(),
});

/**
 * Everything that the client may see of a list of Genesys, page by page. Pages shift while they are read, so entries
 * that come twice are dropped.
 */
export async function listAll(rest: Rest, route: string, urgency: Urgency): Promise<readonly Named[]> {
  const found = new Map<string, Named>();
  for (let page = 1, pages = 1; page <= pages; page += 1) {
    const path = `${route}?pageNumber=${page}&pageSize=${PAGE_SIZE}`;
    const { entities, pageCount } = await rest.send({ method: 'GET', path, route, urgency, answer: Page });
    for (const entity of entities) found.set(entity.id, entity);
    pages = pageCount ?? (entities.length === PAGE_SIZE ? page + 1 : page);
  }
  return [...found.values()];
}
