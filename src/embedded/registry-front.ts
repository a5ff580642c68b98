import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { foreignRequest } from '../ops';

const HOST = '127.0.0.1';
/** Headers that speak of the connection before the front, not of the one behind it (RFC 9110, 7.6.1). */
const OF_ONE_CONNECTION = new Set(['upgrade', 'http2-settings', 'keep-alive', 'proxy-connection', 'te']);

export interface RegistryFrontOptions {
  /** To listen on. */
  readonly port: number;
  /** Of the registry behind it. */
  readonly innerPort: number;
  /** What the registry behind it asks for: the front alone knows it. */
  readonly authorization: string;
}

/**
 * Stands before the registry, which has no rule about `Host`: a web page whose name resolves to this machine could read and
 * change schemas. Whoever passes here is let in there. Resolves when it listens, with what closes it.
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
  // Java's HttpClient offers HTTP/2 with its first request. The registry would switch to it, and the front cannot follow.
  const passed = Object.entries(request.headers).filter(([name]) => !OF_ONE_CONNECTION.has(name));
  const headers: NodeJS.Dict<string | string[]> = {
    ...Object.fromEntries(passed),
    ...{ host: `${HOST}:${innerPort}`, authorization, connection: 'close' },
  };
  // Looked at above: here it would name another port than the registry's.
  delete headers['origin'];
  const { method, url: path } = request;
  const inner = ask({ host: HOST, port: innerPort, method, path, headers, agent: false }, (answer) => {
    // The connection behind ends with its answer, the one before it need not.
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

/** As the registry words its own errors. */
function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error_code: status, message }));
}
