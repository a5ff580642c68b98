import type { IncomingMessage } from 'node:http';

export type Body =
  { readonly kind: 'whole'; readonly bytes: Buffer } | { readonly kind: 'too-large' | 'too-slow' | 'aborted' };

export interface BodyLimits {
  readonly maxBytes: number;
  /** From the call to the last byte. */
  readonly withinMs: number;
}

/** The body of a request, never more of it in memory than allowed. Does not reject. */
export function readBody(request: IncomingMessage, { maxBytes, withinMs }: BodyLimits): Promise<Body> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return Promise.resolve({ kind: 'too-large' });
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let length = 0;
    const end = (body: Body): void => {
      clearTimeout(timer);
      request.off('data', take);
      resolve(body);
    };
    const take = (part: Buffer): void => {
      length += part.length;
      if (length > maxBytes) end({ kind: 'too-large' });
      else parts.push(part);
    };
    const timer = setTimeout(() => end({ kind: 'too-slow' }), withinMs);
    request.on('data', take);
    request.once('end', () => end({ kind: 'whole', bytes: Buffer.concat(parts) }));
    request.once('close', () => end({ kind: 'aborted' }));
    request.once('error', () => end({ kind: 'aborted' }));
  });
}
