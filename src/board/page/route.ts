import { signal } from '@preact/signals';

/** The page's place: `#/`, `#/queue/ID`, `#/conversation/ID`. */
export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'queue'; readonly id: string }
  | { readonly page: 'conversation'; readonly id: string };

export const isWall = new URLSearchParams(location.search).get('wall') === '1';
export function toggleWall(): void {
  location.search = isWall ? '' : '?wall=1';
}
export const route = signal<Route>(read());

export const queueLink = (id: string): string => `#/queue/${encodeURIComponent(id)}`;
export const conversationLink = (id: string): string => `#/conversation/${encodeURIComponent(id)}`;

function read(): Route {
  const [, page, id = ''] = /^#\/(queue|conversation)\/(.+)$/.exec(location.hash) ?? [];
  if (page === undefined || id === '') return { page: 'overview' };
  try {
    return { page: page as 'queue' | 'conversation', id: decodeURIComponent(id) };
  } catch {
    return { page: 'overview' };
  }
}

addEventListener('hashchange', () => {
  route.value = read();
  scrollTo(0, 0);
});
