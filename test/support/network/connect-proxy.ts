import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

export interface ConnectProxy {
  readonly port: number;
  /** `host:port` of every requested tunnel, refused ones included. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

export interface ConnectProxyOptions {
  /** The credentials that `Proxy-Authorization: Basic` must carry; absent: none required. */
  readonly credentials?: string;
  /** A refusal instead of a tunnel; `silence`: no answer at all. */
  readonly refuse?: number | 'silence';
  /** The address to listen on; default `127.0.0.1`. */
  readonly host?: string;
}

/** An HTTP proxy that only makes tunnels (CONNECT), like companies' proxies for TLS. */
export async function startConnectProxy({
  credentials,
  refuse,
  host = '127.0.0.1',
}: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((_request, response) => response.writeHead(405).end());

  server.on('connection', (socket) => track(socket));
  server.on('connect', ({ url = '', headers }: IncomingMessage, client: Socket, head: Buffer) => {
    asked.push(url);
    const wanted = credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`;
    if (refuse === 'silence') return;
    if (wanted !== undefined && headers['proxy-authorization'] !== wanted) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="test"\r\n\r\n');
      return;
    }
    if (refuse !== undefined) {
      client.end(`HTTP/1.1 ${refuse} Refused\r\n\r\n`);
      return;
    }
    const { hostname, port } = new URL(`http://${url}`);
    const target = connect(Number(port === '' ? 80 : port), hostname.replace(/^\[(.*)\]$/, '$1'));
    track(target);
    target.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      target.write(head);
      target.pipe(client).pipe(target);
    });
    target.once('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
  });

  function track(socket: Socket): void {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
  }

  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
