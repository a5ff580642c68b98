import type { TlsMaterial } from './tls';

export type Fetch = (url: string | URL, request?: FetchRequest) => Promise<Response>;

export interface FetchRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** Absent: it follows redirects, and sends the request's method only behind a 307 or 308. */
  readonly redirect?: 'manual';
}

/** A `fetch` that trusts the given authorities and shows the given certificate. Null: that of Node.js. */
export function fetchWith(tls: TlsMaterial | null): Fetch {
  if (tls === null) return fetch;
  let made: Promise<Fetch> | null = null;
  return async (url, request) => (await (made ??= fetchOverTls(tls)))(url, request);
}

/** Loads undici only now: it takes 0.1 s of CPU, and most processes do without it. */
async function fetchOverTls({ ca, cert, key }: TlsMaterial): Promise<Fetch> {
  const { Agent, fetch } = await import('undici');
  const dispatcher = new Agent({
    connect: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    },
  });
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- both are of undici: nobody asks for the class
  return (url, request) => fetch(url, { ...request, dispatcher });
}
