import type { Answer, Handler, Request } from './http';

/** Stands between a request and its handler: may answer itself, alter the answer, be late, or never come back. */
export type Meddler = (request: Request, next: (request: Request) => Promise<Answer>) => Promise<Answer>;

export interface Meddling {
  /** @returns ends it */
  add(meddler: Meddler): () => void;
  /** The handler as requests see it. */
  around(handle: Handler): Handler;
}

/** Where faults of requests hook in; the first that was added is the outermost. */
export function createMeddling(): Meddling {
  const meddlers = new Set<Meddler>();
  return {
    add(meddler) {
      meddlers.add(meddler);
      return () => void meddlers.delete(meddler);
    },
    around: (handle) => (request) => {
      const through = [...meddlers].reduceRight<(given: Request) => Promise<Answer>>(
        (next, meddler) => (given) => meddler(given, next),
        async (given) => await handle(given),
      );
      return through(request);
    },
  };
}
