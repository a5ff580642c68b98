import type { Answer, Handler, Request } from './http';

/** Runs between a request and its handler. It may answer itself, alter the answer, delay it, or never answer. */
export type Meddler = (request: Request, next: (request: Request) => Promise<Answer>) => Promise<Answer>;

export interface Meddling {
  /** @returns a function that removes it */
  add(meddler: Meddler): () => void;
  /** The handler with all meddlers around it. */
  around(handle: Handler): Handler;
}

/** Faults of requests hook in here; the first one added is the outermost. */
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
