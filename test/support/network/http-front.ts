import { createServer as createHttpServer, request as plainRequest } from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Certificate } from './certificates';
import { listenOnLoopback } from './loopback-server';

/** Authentication and TLS in front of a server that has neither. */
export interface HttpFront {
  /** With the path of the server behind it. */
  readonly url: string;
  stop(): Promise<void>;
}

export interface HttpsFront extends HttpFront {
  /** Ends connections, and shows this certificate to new ones, as after a restart with it. */
  show(certificate: Certificate): void;
}

export interface HttpFrontOptions {
  /** The server behind it. */
  readonly target: string;
  /** False: 401. Absent: everybody may ask. */
  readonly admits?: (request: IncomingMessage) => boolean;
}

export interface HttpsFrontOptions extends HttpFrontOptions, ServerOptions {}

export function startHttpFront(options: HttpFrontOptions): Promise<HttpFront> {
  return listen('http', createHttpServer(passOn(options)), options);
}

export async function startHttpsFront({ target, admits, ...tls }: HttpsFrontOptions): Promise<HttpsFront> {
  const options = { target, ...(admits === undefined ? {} : { admits }) };
  const server = createHttpsServer(tls, passOn(options));
  // Also sockets whose handshake has not begun, because it would use the old certificate.
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    ...(await listen('https', server, options)),
    show: (certificate) => {
      server.setSecureContext(certificate);
      for (const socket of sockets) socket.destroy();
    },
  };
}

function passOn({ target, admits = () => true }: HttpFrontOptions): RequestListener {
  const { hostname, port } = new URL(target);
  return (request, response) => {
    if (!admits(request)) {
      response.writeHead(401).end('not admitted');
      return;
    }
    const { method, url, headers } = request;
    const others = Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'authorization'));
    const passed = plainRequest(
      { hostname, port, method, path: url, headers: { ...others, host: `${hostname}:${port}` } },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    passed.on('error', () => response.destroy());
    request.pipe(passed);
  };
}

async function listen(scheme: string, server: Server, { target }: HttpFrontOptions): Promise<HttpFront> {
  const { pathname } = new URL(target);
  const { address, stop } = await listenOnLoopback(server);
  return {
    url: `${scheme}://${address}${pathname === '/' ? '' : pathname}`,
    stop,
  };
}

/** Admits requests with this user and password, in any of the ways that clients offer. */
export function admitting(user: string, password: string): (request: IncomingMessage) => boolean {
  const basic = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return ({ headers }) =>
    headers.authorization === basic ||
    (headers['x-clickhouse-user'] === user && headers['x-clickhouse-key'] === password);
}
