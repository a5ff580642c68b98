import { Agent, fetch, type RequestInit, type Response } from 'undici';
import type { TlsMaterial } from './tls';

export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** A `fetch` that trusts the given authorities and shows the given certificate. Null: that of Node.js. */
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
