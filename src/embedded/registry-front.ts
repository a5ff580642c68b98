import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { foreignRequest } from '../ops';

const HOST = '127.0.0.1';
/** Headers about the connection to the front, not about the one behind it (RFC 9110, 7.6.1). */
const OF_ONE_CONNECTION = new Set(['upgrade', 'http2-settings', 'keep-alive', 'proxy-connection', 'te']);

export interface RegistryFrontOptions {
  /** The front's own port. */
  readonly port: number;
  /** The port of the registry behind it. */
  readonly innerPort: number;
  /** The credentials that the registry behind it requires; only the front knows them. */
  readonly authorization: string;
}

/**
 * Stands in front of the registry, which does not check `Host`: otherwise a web page whose name resolves to this
 * machine could read and change schemas. The registry accepts every request that passes here. Resolves when it listens,
 * with a function that closes it.
 */
export async function serveRegistryFront(options: RegistryFrontOptions): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    const foreign = foreignRequest(HOST, request);
    if (foreign === null) pass(options, request, response);
    else refuse(response, foreign.status, foreign.message);
  });
  server.keepAliveTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, HOST, resolve);
  });
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}

function pass(
  { innerPort, authorization }: RegistryFrontOptions,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  // Java's HttpClient offers HTTP/2 with its first request. The registry would switch to it, and the front cannot
  // follow.
  const passed = Object.entries(request.headers).filter(([name]) => !OF_ONE_CONNECTION.has(name));
  const headers: NodeJS.Dict<string | string[]> = {
    ...Object.fromEntries(passed),
    ...{ host: `${HOST}:${innerPort}`, authorization, connection: 'close' },
  };
  // The check above has read it. Behind the front it would name another port than the registry's.
  delete headers['origin'];
  const { method, url: path } = request;
  const inner = ask({ host: HOST, port: innerPort, method, path, headers, agent: false }, (answer) => {
    // The connection behind the front ends with its answer; the one in front need not.
    delete answer.headers.connection;
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    pipeline(answer, response, () => undefined);
  });
  inner.on('error', (error) => {
    if (response.headersSent) response.destroy();
    else refuse(response, 502, `the registry does not answer: ${error.message}`);
  });
  response.on('close', () => inner.destroy());
  request.pipe(inner);
}

/** In the form of the registry's own errors. */
function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error_code: status, message }));
}
