import { request as plainRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

/** TLS, and a look at who asks, before a server that has neither. */
export interface HttpsFront {
  /** With the path of what is behind it. */
  readonly url: string;
  stop(): Promise<void>;
}

export interface HttpsFrontOptions extends ServerOptions {
  /** What is behind it. */
  readonly target: string;
  /** False: 401. Absent: everybody may ask. */
  readonly admits?: (request: IncomingMessage) => boolean;
}

export async function startHttpsFront({ target, admits = () => true, ...tls }: HttpsFrontOptions): Promise<HttpsFront> {
  const { hostname, port, pathname } = new URL(target);
  const server = createServer(tls, (request, response) => {
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
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}${pathname === '/' ? '' : pathname}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Admits whoever comes with this user and password, in any of the ways that clients have. */
export function admitting(user: string, password: string): (request: IncomingMessage) => boolean {
  const basic = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return ({ headers }) =>
    headers.authorization === basic ||
    (headers['x-clickhouse-user'] === user && headers['x-clickhouse-key'] === password);
}
