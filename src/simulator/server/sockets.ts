import type { IncomingMessage, Server } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { foreignRequest } from '../../ops';
import type { Channels, Outlet } from './channels';

export interface SocketsOptions {
  readonly server: Server;
  /** The address that it listens on. */
  readonly host: string;
  readonly channels: Channels;
  readonly heartbeatMs: number;
}

/** Chooses some of the open sockets. */
type Choice = () => boolean;

/** Each action answers how many sockets it affected. */
export interface Sockets {
  readonly count: number;
  /** Like a lost network: no closing handshake. */
  drop(which?: Choice): number;
  /** `v2.system.socket_closing`: clients have about a minute to reconnect, then the sockets are closed. */
  announceClosing(afterMs: number, which?: Choice): number;
  /**
   * Half-open: the sockets that are open now stay open, but the server neither sends frames on them nor reads from
   * them.
   */
  mute(which?: Choice): number;
  /** Everything except heartbeats continues; pings are answered. */
  stopHeartbeats(): void;
  startHeartbeats(): void;
  /** Refuses new sockets with this status, and calls `onRefusal` for each; null: no longer. */
  refuse(status: number | null, onRefusal?: () => void): void;
  stop(): void;
}

const metadata = (message: string): string => JSON.stringify({ topicName: 'channel.metadata', eventBody: { message } });
const HEARTBEAT = metadata('WebSocket Heartbeat');
const PONG = metadata('pong');
const CLOSING = JSON.stringify({ topicName: 'v2.system.socket_closing', eventBody: {} });
const GONE = JSON.stringify({ result: '404' });
const ALL: Choice = () => true;

/** The streaming service: `/channels/{id}`, heartbeats, pings, one socket for each channel. */
export function serveSockets({ server, host, channels, heartbeatMs }: SocketsOptions): Sockets {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024, perMessageDeflate: false });
  const muted = new WeakSet<WebSocket>();
  let beating = true;
  let refusal: { readonly status: number; readonly onRefusal: () => void } | null = null;

  function say(socket: WebSocket, text: string): boolean {
    if (socket.readyState !== WebSocket.OPEN || muted.has(socket)) return false;
    socket.send(text);
    return true;
  }

  server.on('upgrade', (request: IncomingMessage, stream, head) => {
    const foreign = foreignRequest(host, request);
    if (foreign !== null) {
      stream.end(`HTTP/1.1 ${foreign.status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const id = /^\/channels\/([^/?]+)/.exec(request.url ?? '')?.[1];
    if (id === undefined || refusal !== null) {
      refusal?.onRefusal();
      stream.end(`HTTP/1.1 ${refusal?.status ?? 404} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, stream, head, (socket) => serve(id, socket));
  });

  function serve(id: string, socket: WebSocket): void {
    const outlet: Outlet = {
      send: (text) => say(socket, text),
      close(reason) {
        if (reason === 'removed') say(socket, GONE);
        // Nobody reads at the other end of a half-open socket.
        if (muted.has(socket)) socket.terminate();
        else socket.close(1001, reason);
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
    if (beating) for (const socket of sockets.clients) say(socket, HEARTBEAT);
  }, heartbeatMs);

  const chosen = (which: Choice): readonly WebSocket[] =>
    [...sockets.clients].filter((socket) => socket.readyState === WebSocket.OPEN && !muted.has(socket) && which());

  function forEach(which: Choice, action: (socket: WebSocket) => void): number {
    const some = chosen(which);
    some.forEach(action);
    return some.length;
  }

  return {
    get count() {
      return sockets.clients.size;
    },
    drop: (which = ALL) => forEach(which, (socket) => socket.terminate()),
    announceClosing: (afterMs, which = ALL) =>
      forEach(which, (socket) => {
        say(socket, CLOSING);
        setTimeout(() => socket.close(1001), afterMs).unref();
      }),
    mute: (which = ALL) =>
      forEach(which, (socket) => {
        muted.add(socket);
        socket.pause();
      }),
    stopHeartbeats: () => void (beating = false),
    startHeartbeats: () => void (beating = true),
    refuse(status, onRefusal = () => undefined) {
      refusal = status === null ? null : { status, onRefusal };
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
