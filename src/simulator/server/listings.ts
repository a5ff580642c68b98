import type { Named } from '../roster';
import type { Answer, Request, Route } from './http';
import { apiError, NOT_FOUND } from './http';

const DIVISION = { id: '00000000-0000-4000-8000-000000000000', name: 'Home' };

interface Listing {
  readonly path: string;
  readonly entities: readonly Named[];
  /** The fields of an entity beside id, name and selfUri. */
  readonly more: Readonly<Record<string, unknown>>;
}

export interface Listed {
  readonly queues: readonly Named[];
  readonly users: readonly Named[];
  readonly skills: readonly Named[];
}

/** The lists by page, and each entity by its id. */
export function listingRoutes({ queues, users, skills }: Listed): readonly Route[] {
  const listings: readonly Listing[] = [
    {
      path: '/api/v2/routing/queues',
      entities: queues,
      more: { division: DIVISION, memberCount: 10, mediaSettings: {} },
    },
    { path: '/api/v2/users', entities: users, more: { division: DIVISION, state: 'active', version: 1 } },
    { path: '/api/v2/routing/skills', entities: skills, more: { state: 'active', version: '1' } },
  ];
  return listings.flatMap((listing): Route[] => [
    { method: 'GET', path: listing.path, handle: (request) => page(request, listing) },
    {
      method: 'GET',
      path: `${listing.path}/{id}`,
      handle: ({ parts: [id] }) => {
        const entity = listing.entities.find((one) => one.id === id);
        return entity ? { status: 200, body: entityBody(listing, entity) } : NOT_FOUND();
      },
    },
  ]);
}

const entityBody = ({ path, more }: Listing, { id, name }: Named) => ({ id, name, ...more, selfUri: `${path}/${id}` });

function page({ url }: Request, listing: Listing): Answer {
  const asked = (name: string, fallback: number): number => Number(url.searchParams.get(name) ?? fallback);
  const [pageSize, pageNumber] = [asked('pageSize', 25), asked('pageNumber', 1)];
  if (!(pageSize >= 1 && pageSize <= 500 && pageNumber >= 1)) {
    return apiError(400, 'bad.request', 'pageSize must be between 1 and 500, pageNumber at least 1.');
  }
  const wanted = new Set(url.searchParams.getAll('id'));
  const name = url.searchParams.get('name');
  const found = listing.entities.filter(
    (entity) => (wanted.size === 0 || wanted.has(entity.id)) && (name ?? entity.name) === entity.name,
  );
  const sorted = found.toSorted((one, other) => one.name.localeCompare(other.name, 'en', { numeric: true }));
  const pageCount = Math.max(1, Math.ceil(sorted.length / pageSize));
  const uri = (number: number): string => `${listing.path}?pageSize=${pageSize}&pageNumber=${number}`;
  return {
    status: 200,
    body: {
      entities: sorted
        .slice((pageNumber - 1) * pageSize, pageNumber * pageSize)
        .map((entity) => entityBody(listing, entity)),
      pageSize,
      pageNumber,
      total: sorted.length,
      pageCount,
      firstUri: uri(1),
      lastUri: uri(pageCount),
      selfUri: uri(pageNumber),
      ...(pageNumber > 1 ? { previousUri: uri(pageNumber - 1) } : {}),
      ...(pageNumber < pageCount ? { nextUri: uri(pageNumber + 1) } : {}),
    },
  };
}
