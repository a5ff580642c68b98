import fastifyStatic from '@fastify/static';
import fastify, { type FastifyInstance } from 'fastify';
import { messageOf, OperatorError } from '../common';
import { foreignRequest, localUrl, type Logger } from '../ops';
import { admits, checkAccess, type Access } from './access';
import { addApi, type ApiOptions } from './api';
import { Refusal } from './refusal';

export interface BoardServerOptions extends Omit<ApiOptions, 'headers'> {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly access: Access;
  /** The folder of the built page. */
  readonly page: string;
  readonly logger: Logger;
  /** If a request has not arrived as a whole after this time, its connection ends. Default 10,000. */
  readonly requestMs?: number;
}

export interface BoardServer {
  readonly port: number;
  readonly url: string;
  /** Every route as `GET /path`, for tests. */
  readonly routes: readonly string[];
  stop(): Promise<void>;
}

const REQUEST_MS = 10_000;
/** More than the number of viewers, because each viewer also sends other requests. */
const MOST_CONNECTIONS = 2_000;

const SECURITY_HEADERS = {
  // The page loads only from its own origin, and no other page may frame it. uPlot sets widths by style attributes.
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/**
 * Serves the page and its API.
 * @throws UsageError if everybody on the network could see the board, OperatorError if the port is taken
 */
export async function startBoardServer(options: BoardServerOptions): Promise<BoardServer> {
  const { host, access, requestMs: requestTimeout = REQUEST_MS } = options;
  checkAccess(host, access);
  const app = fastify({
    ...{ logger: false, forceCloseConnections: true, exposeHeadRoutes: false },
    requestTimeout,
    http: { headersTimeout: requestTimeout, connectionsCheckingInterval: Math.min(2_000, requestTimeout) },
    // An unknown parameter is a mistake, and its sender wants to know.
    ajv: { customOptions: { coerceTypes: true, removeAdditional: false } },
  });
  app.server.maxConnections = MOST_CONNECTIONS;
  const routes: string[] = [];
  app.addHook('onRoute', ({ method, url }) => void routes.push(`${String(method)} ${url}`));
  guard(app, options);
  answerErrors(app, options.logger);
  await addApi(app, { ...options, headers: SECURITY_HEADERS });
  await app.register(fastifyStatic, { root: options.page, cacheControl: false, setHeaders: cacheForAsLongAsItHolds });
  try {
    await app.listen({ host, port: options.port });
  } catch (error) {
    throw new OperatorError(
      `The board cannot listen on ${host}:${options.port} (${messageOf(error)}). Choose another address with --host or --port.`,
    );
  }
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return {
    port,
    url: localUrl({ host, port }),
    routes,
    stop: async () => {
      options.viewers.stop();
      await app.close();
    },
  };
}

/** Assets have a hash in their name; the page does not. */
function cacheForAsLongAsItHolds(reply: { setHeader(name: string, value: string): unknown }, path: string): void {
  reply.setHeader('cache-control', /[\\/]assets[\\/]/.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache');
}

function guard(app: FastifyInstance, { host, access }: BoardServerOptions): void {
  app.addHook('onRequest', async (request, reply) => {
    const foreign = foreignRequest(host, request.raw);
    if (foreign !== null) throw new Refusal(foreign.status, foreign.message);
    if (admits(access, request.headers)) return;
    void reply.header('www-authenticate', 'Basic realm="queuefold", charset="UTF-8"');
    throw new Refusal(401, 'The board needs its password.');
  });
  app.addHook('onSend', async (_request, reply) => {
    void reply.headers(SECURITY_HEADERS);
    if (!reply.hasHeader('cache-control')) void reply.header('cache-control', 'no-store');
  });
}

function answerErrors(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const { statusCode: status = 500 } = error;
    if (error instanceof Refusal && error.retryAfterSeconds !== null) {
      void reply.header('retry-after', String(error.retryAfterSeconds));
    }
    if (error instanceof Refusal || status < 500) return reply.code(status).send({ message: error.message });
    // Nobody waits for this answer, and the error may be the end of a statement that nobody waits for.
    if (request.signal.aborted) return reply.code(503).send({ message: 'The client has gone.' });
    logger.error({ err: error, path: request.url.split('?', 1)[0] }, 'a request of the board failed');
    return reply.code(503).send({ message: 'ClickHouse does not answer. The live picture continues.' });
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ message: 'This page does not exist.' }));
}
