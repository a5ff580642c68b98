import { Agent, fetch, type RequestInit, type Response } from 'undici';
import type { TlsMaterial } from './tls';

export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** `fetch` that trusts the given authorities and shows the given certificate; null: the one of Node. */
export function fetchWith(tls: TlsMaterial | null): Fetch {
  if (tls === null) return fetch;
  const { ca, cert, key } = tls;
  const dispatcher = new Agent({
    connect: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    },
  });
  return (url, init) => fetch(url, { ...init, dispatcher });
}
