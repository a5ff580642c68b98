import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIPv6, type AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { messageOf, OperatorError } from '../common/errors';
import { renderMetrics } from './exposition';
import { checkHealth, type Checks } from './health';
import type { Logger } from './logging';

export interface OpsHttpOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly registry: Registry;
  /** Ready: this process can do its work now (assigned, restored, connected). */
  readonly ready: Checks;
  /** Live: a restart would not help. Never what the process merely depends on. Absent: it answers, so it lives. */
  readonly live?: Checks;
  readonly logger: Logger;
}

export interface OpsHttp {
  readonly port: number;
  /** Where people and scrapers of this machine find it, e.g. `http://127.0.0.1:9464`. */
  readonly url: string;
  stop(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const CHECK_TIMEOUT_MS = 2_000;
const TEXT = 'text/plain; charset=utf-8';

/** Serves `/metrics`, `/health/live` and `/health/ready`, read-only. OperatorError where the port is not to be had. */
export async function startOpsHttp(options: OpsHttpOptions): Promise<OpsHttp> {
  const { host, registry, ready, live = {}, logger } = options;
  const routes: Readonly<Record<string, (request: IncomingMessage) => Promise<Answer>>> = {
    '/metrics': async ({ headers }) => ({ status: 200, ...(await renderMetrics(registry, headers.accept)) }),
    '/health/live': () => health(live),
    '/health/ready': () => health(ready),
  };
  const server = createServer((request, response) => {
    // A body is never wanted: what is sent is thrown away.
    request.resume();
    void answerOf(request, routes)
      .catch((error: unknown): Answer => {
        logger.error({ err: error, path: pathOf(request) }, 'a request for metrics or health failed');
        return { status: 500, contentType: TEXT, body: 'internal error\n' };
      })
      .then((answer) => send(response, answer));
  });
  server.requestTimeout = 10_000;
  server.maxRequestsPerSocket = 10_000;
  await listen(server, host, options.port);
  const { port } = server.address() as AddressInfo;
  return { port, url: urlOf(host, port), stop: () => close(server) };
}

async function answerOf(
  request: IncomingMessage,
  routes: Readonly<Record<string, (request: IncomingMessage) => Promise<Answer>>>,
): Promise<Answer> {
  const path = pathOf(request);
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined) {
    return { status: 404, contentType: TEXT, body: `Not here. Try ${Object.keys(routes).join(', ')}.\n` };
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, contentType: TEXT, body: 'Only GET.\n', headers: { allow: 'GET, HEAD' } };
  }
  return route(request);
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

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen(port, host, () => resolve());
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): OperatorError {
  switch (error.code) {
    case 'EADDRINUSE':
      return new OperatorError(
        `HTTP_PORT: port ${port} of ${host} is taken by another process. Set HTTP_PORT to another one, or to 0 for a free one.`,
      );
    case 'EACCES':
      return new OperatorError(`HTTP_PORT: port ${port} is not permitted to this user. Set one above 1023.`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new OperatorError(`HTTP_HOST: ${host} is no address of this machine (${error.code}).`);
    default:
      return new OperatorError(`HTTP_HOST, HTTP_PORT: cannot listen on ${host}:${port} (${messageOf(error)}).`);
  }
}

/** An address that stands for all of them is reached over loopback. */
function urlOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${isIPv6(reachable) ? `[${reachable}]` : reachable}:${port}`;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    // Scrapers keep their connections open for ever.
    server.closeAllConnections();
  });
}
