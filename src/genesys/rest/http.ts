import { Agent, buildConnector, request } from 'undici';
import { messageOf, type Proxies, readProxies, UsageError } from '../../common';
import { GenesysError, ProxyError } from '../errors';
import { authorityOf, openTunnel } from './tunnel';

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
  /**
   * Resolves with any answer. Rejects with GenesysError if there is none, and with ProxyError or UsageError if a proxy
   * is the cause.
   */
  send(request: HttpRequest): Promise<HttpAnswer>;
  stop(): Promise<void>;
}

export interface HttpOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Default: the proxies of the environment. */
  readonly proxies?: Proxies;
}

/**
 * A client for HTTP with one pool of connections and a time-out for each request. `signal` aborts everything.
 * @throws UsageError when a proxy's variable holds no address
 */
export function createHttp({ timeoutMs, signal, proxies = readProxies(process.env) }: HttpOptions): Http {
  const dispatcher = new Agent({ connect: connectorOf(proxies, timeoutMs) });
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
        if (error instanceof ProxyError || error instanceof UsageError) throw error;
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

/** Connects directly, or through the proxy that the environment names for the host. */
function connectorOf(proxies: Proxies, timeoutMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs });
  return (target, callback) => {
    const { protocol, host } = target;
    const proxy = proxies.to(`${protocol}//${host}`);
    if (proxy === null) {
      connect(target, callback);
      return;
    }
    openTunnel(proxy, authorityOf(`${protocol}//${host}`), timeoutMs).then(
      (socket) =>
        protocol === 'https:' ? connect({ ...target, httpSocket: socket }, callback) : callback(null, socket),
      (error: unknown) => callback(error as Error, null),
    );
  };
}

/** The code (`ECONNREFUSED`) says more than the message beside it, which may be empty. */
function reasonOf(error: unknown): string {
  const message = messageOf(error);
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  return message.includes(code) ? message : `${message} (${code})`.trimStart();
}
