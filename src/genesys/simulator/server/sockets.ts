import type { IncomingMessage, Server } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import type { Channels, Outlet } from './channels';

export interface SocketsOptions {
  readonly server: Server;
  readonly channels: Channels;
  readonly heartbeatMs: number;
}

export interface Sockets {
  readonly count: number;
  /** As if the network had gone: no closing handshake. */
  drop(): void;
  /** `v2.system.socket_closing`: clients have about a minute to reconnect, then the sockets are closed. */
  announceClosing(afterMs: number): void;
  /** No heartbeats, no pongs and no events any more on the sockets that are open now; they stay open. */
  mute(): void;
  stop(): void;
}

const metadata = (message: string): string => JSON.stringify({ topicName: 'channel.metadata', eventBody: { message } });
const HEARTBEAT = metadata('WebSocket Heartbeat');
const PONG = metadata('pong');
const CLOSING = JSON.stringify({ topicName: 'v2.system.socket_closing', eventBody: {} });
const GONE = JSON.stringify({ result: '404' });

/** The streaming service: `/channels/{id}`, heartbeats, pings, one socket a channel. */
export function serveSockets({ server, channels, heartbeatMs }: SocketsOptions): Sockets {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024, perMessageDeflate: false });
  const muted = new WeakSet<WebSocket>();
  const say = (socket: WebSocket, text: string): void => {
    if (socket.readyState === WebSocket.OPEN && !muted.has(socket)) socket.send(text);
  };

  server.on('upgrade', (request: IncomingMessage, stream, head) => {
    const id = /^\/channels\/([^/?]+)/.exec(request.url ?? '')?.[1];
    if (id === undefined) {
      stream.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, stream, head, (socket) => serve(id, socket));
  });

  function serve(id: string, socket: WebSocket): void {
    const outlet: Outlet = {
      send: (text) => say(socket, text),
      close(reason) {
        if (reason === 'removed') say(socket, GONE);
        socket.close(1001, reason);
      },
    };
    socket.on('error', () => socket.terminate());
    if (!channels.attach(id, outlet)) {
      say(socket, GONE);
      socket.close(1001);
      return;
    }
    socket.on('message', (data: Buffer) => {
      if (isPing(data.toString('utf8'))) say(socket, PONG);
    });
    socket.on('close', () => channels.detach(id, outlet));
  }

  const heartbeats = setInterval(() => {
    channels.sweep();
    for (const socket of sockets.clients) say(socket, HEARTBEAT);
  }, heartbeatMs);

  return {
    get count() {
      return sockets.clients.size;
    },
    drop() {
      for (const socket of sockets.clients) socket.terminate();
    },
    announceClosing(afterMs) {
      const closing = [...sockets.clients];
      for (const socket of closing) say(socket, CLOSING);
      setTimeout(() => closing.forEach((socket) => socket.close(1001)), afterMs).unref();
    },
    mute() {
      for (const socket of sockets.clients) muted.add(socket);
    },
    stop() {
      clearInterval(heartbeats);
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
    },
  };
}

function isPing(text: string): boolean {
  try {
    const frame: unknown = JSON.parse(text);
    return typeof frame === 'object' && frame !== null && 'message' in frame && frame.message === 'ping';
  } catch {
    return false;
  }
}
