import { createServer, request, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { listenOnLoopback } from '../network/loopback-server';

/** A proxy between browser and board. A test observes the streams with it, cuts them, and holds their data back. */
export interface StreamProxy {
  readonly url: string;
  /** `Last-Event-ID` of each requested stream, in order; null: none. */
  readonly streams: readonly (string | null)[];
  /** Whether the first picture of each stream was a full one, for pictures that have arrived. */
  readonly full: readonly boolean[];
  /** Ends every connection, like a proxy that restarts. */
  cut(): void;
  /** Passes nothing on until `release`, and then everything in order. */
  hold(): void;
  release(): void;
  stop(): Promise<void>;
}

export async function startStreamProxy(board: string): Promise<StreamProxy> {
  const { hostname, port } = new URL(board);
  const streams: (string | null)[] = [];
  const full: boolean[] = [];
  const sockets = new Set<Socket>();
  let held: (() => void)[] | null = null;
  const pass = (act: () => void): void => {
    if (held === null) act();
    else held.push(act);
  };
  const server = createServer((asked, answer) => {
    const headers = { ...asked.headers, host: `${hostname}:${port}` };
    // The board compares it with the host.
    delete headers.origin;
    const isStream = asked.url?.startsWith('/api/live') === true;
    if (isStream) streams.push(headerOf(asked, 'last-event-id'));
    const onward = request({ hostname, port, path: asked.url, method: asked.method, headers }, (got) => {
      answer.writeHead(got.statusCode ?? 502, got.headers);
      let isFirst = isStream;
      got.on('data', (chunk: Buffer) => {
        if (isFirst && chunk.includes('event: picture')) {
          isFirst = false;
          full.push(chunk.includes('"full":true,"at"'));
        }
        pass(() => answer.write(chunk));
      });
      got.on('end', () => pass(() => answer.end()));
      got.on('error', () => answer.destroy());
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    onward.end();
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const { url, stop } = await listenOnLoopback(server);
  return {
    url,
    streams,
    full,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    hold: () => {
      held = [];
    },
    release: () => {
      const acts = held ?? [];
      held = null;
      for (const act of acts) act();
    },
    stop,
  };
}

function headerOf(message: IncomingMessage, name: string): string | null {
  const value = message.headers[name];
  return typeof value === 'string' ? value : null;
}
