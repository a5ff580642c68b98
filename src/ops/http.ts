import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { messageOf, OperatorError } from '../common';
import { renderMetrics } from './exposition';
import { checkHealth, type Checks } from './health';
import { listenAt, localUrl } from './listen';
import type { Logger } from './logging';
import { foreignRequest } from './loopback';

export interface OpsHttpOptions {
  readonly host: string;
  /** 0: a free port. */
  readonly port: number;
  readonly registry: Registry;
  /** The metrics to serve, including those of other threads. Absent: those of this registry only. */
  readonly merged?: (own: Registry) => Promise<Registry>;
  /** Ready: this process can do its work now (assigned, restored, connected). */
  readonly ready: Checks;
  /** Live: a restart would not help. It never depends on other services. Absent: the process is live if it answers. */
  readonly live?: Checks;
  /** Other routes, by path. */
  readonly routes?: Routes;
  /** How long a request may take to arrive as a whole. Then its connection ends. Default: 10 s. */
  readonly requestTimeoutMs?: number;
  readonly logger: Logger;
}

export type Routes = Readonly<Record<string, Route>>;

export interface Route {
  readonly methods: readonly string[];
  /** Reads the body, if it wants one. */
  handle(request: IncomingMessage): Promise<Answer>;
}

export interface OpsHttp {
  readonly port: number;
  /** The address at which people and scrapers of this machine find it, e.g. `http://127.0.0.1:9464`. */
  readonly url: string;
  stop(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const CHECK_TIMEOUT_MS = 2_000;
const TEXT = 'text/plain; charset=utf-8';

/**
 * Serves `/metrics`, `/health/live`, `/health/ready` and the given routes.
 * @throws OperatorError if it cannot listen on the port
 */
export async function startOpsHttp(options: OpsHttpOptions): Promise<OpsHttp> {
  const { host, registry, ready, live = {}, requestTimeoutMs = 10_000, logger } = options;
  const { merged = (own: Registry) => Promise.resolve(own) } = options;
  const routes: Routes = {
    '/metrics': readOnly(async ({ headers }) => ({
      status: 200,
      ...(await renderMetrics(await merged(registry), headers.accept)),
    })),
    '/health/live': readOnly(() => health(live)),
    '/health/ready': readOnly(() => health(ready)),
    ...options.routes,
  };
  // By default Node.js checks only every 30 s for connections that have exceeded their time.
  const connectionsCheckingInterval = Math.min(2_000, requestTimeoutMs);
  const server = createServer({ connectionsCheckingInterval }, (request, response) => {
    void answerOf(request, routes, host)
      .catch((error: unknown): Answer => {
        logger.error({ err: error, path: pathOf(request) }, 'a request failed');
        return { status: 500, contentType: TEXT, body: 'internal error\n' };
      })
      .then((answer) => {
        send(response, answer);
        // Throws away a body that no route reads.
        request.resume();
      });
  });
  server.requestTimeout = requestTimeoutMs;
  server.headersTimeout = requestTimeoutMs;
  server.maxRequestsPerSocket = 10_000;
  await listenAt(server, { host, port: options.port }).catch((error: unknown) => {
    throw listenError(error as NodeJS.ErrnoException, host, options.port);
  });
  const { port } = server.address() as AddressInfo;
  return { port, url: localUrl({ host, port }), stop: () => close(server) };
}

function readOnly(handle: Route['handle']): Route {
  return { methods: ['GET', 'HEAD'], handle };
}

async function answerOf(request: IncomingMessage, routes: Routes, host: string): Promise<Answer> {
  const foreign = foreignRequest(host, request);
  if (foreign !== null) return { status: foreign.status, contentType: TEXT, body: `${foreign.message}\n` };
  const path = pathOf(request);
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined) {
    return {
      status: 404,
      contentType: TEXT,
      body: `This path does not exist. Try ${Object.keys(routes).join(', ')}.\n`,
    };
  }
  const { methods } = route;
  if (!methods.includes(request.method ?? '')) {
    return { status: 405, contentType: TEXT, body: `Use ${methods[0]}.\n`, headers: { allow: methods.join(', ') } };
  }
  return route.handle(request);
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '/';
}

async function health(checks: Checks): Promise<Answer> {
  const { ok, checks: results } = await checkHealth(checks, CHECK_TIMEOUT_MS);
  const body = JSON.stringify({ status: ok ? 'ok' : 'failing', checks: results });
  return { status: ok ? 200 : 503, contentType: 'application/json', body: `${body}\n` };
}

function send(response: ServerResponse, { status, contentType, body, headers }: Answer): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  response.end(body);
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): OperatorError {
  switch (error.code) {
    case 'EADDRINUSE':
      return new OperatorError(
        `HTTP_PORT: port ${port} of ${host} is taken by another process. Set HTTP_PORT to another one, or to 0 for a free one.`,
      );
    case 'EACCES':
      return new OperatorError(`HTTP_PORT: this user may not use port ${port}. Set one above 1023.`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new OperatorError(
        `HTTP_HOST: ${host} is not an address of this machine (${error.code}). Set it to one, or to :: for all.`,
      );
    default:
      return new OperatorError(
        `HTTP_HOST, HTTP_PORT: cannot listen on ${host}:${port} (${messageOf(error)}). Choose another address or port.`,
      );
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    // Scrapers keep their connections open forever, so a stop has to close them.
    server.closeAllConnections();
  });
}
