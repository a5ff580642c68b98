import { Agent, request } from 'undici';
import { messageOf } from '../common/errors';
import { GenesysError } from './errors';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  /** The path without ids, for people and metrics. */
  readonly route: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  /** Lower-case names. */
  header(name: string): string | null;
  readonly text: string;
}

export interface Http {
  /** Resolves with whatever was answered; GenesysError when nothing was. */
  send(request: HttpRequest): Promise<HttpAnswer>;
  stop(): Promise<void>;
}

/** HTTP out: one pool of connections, a time-out for each request, everything given up by `signal`. */
export function createHttp({ timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal }): Http {
  const dispatcher = new Agent({ connect: { timeout: timeoutMs } });
  return {
    async send({ method, url, route, headers, body }) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      try {
        const response = await request(url, { dispatcher, method, headers, body: body ?? null, signal: limit });
        const text = await response.body.text();
        return {
          status: response.statusCode,
          header(name) {
            const value = response.headers[name];
            return (Array.isArray(value) ? value[0] : value) ?? null;
          },
          text,
        };
      } catch (error) {
        const reason =
          error instanceof Error && error.name === 'TimeoutError' ? `no answer in ${timeoutMs} ms` : reasonOf(error);
        throw new GenesysError(`${method} ${route} at ${new URL(url).host}: ${reason}`, {
          status: null,
          code: null,
          correlationId: null,
          retryAfterMs: null,
        });
      }
    },
    stop: () => dispatcher.destroy(),
  };
}

/** The code (`ECONNREFUSED`) says more than the message beside it, which may be empty. */
function reasonOf(error: unknown): string {
  const message = messageOf(error);
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  return message.includes(code) ? message : `${message} (${code})`.trimStart();
}
