import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
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

const metadata = (message: string): string => JSON.stringify({ topicName: 'channel.metadata', eventBody: { message } });
const HEARTBEAT = metadata('WebSocket Heartbeat');
const PONG = metadata('pong');
const CLOSING = JSON.stringify({ topicName: 'v2.system.socket_closing', eventBody: {} });
const GONE = JSON.stringify({ result: '404' });
const ALL: Choice = () => true;

/**
 * The streaming service: `/channels/{id}`, heartbeats, pings, one socket for each channel. Each action on sockets
 * answers how many it affected.
 */
export class Sockets {
  readonly #channels: Channels;
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024, perMessageDeflate: false });
  readonly #muted = new WeakSet<WebSocket>();
  readonly #heartbeats: NodeJS.Timeout;
  #beating = true;
  #refusal: { readonly status: number; readonly onRefusal: () => void } | null = null;

  constructor({ server, host, channels, heartbeatMs }: SocketsOptions) {
    this.#channels = channels;
    server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
      const foreign = foreignRequest(host, request);
      if (foreign === null) this.#upgrade(request, stream, head);
      else endWith(stream, foreign.status);
    });
    this.#heartbeats = setInterval(() => {
      channels.sweep();
      if (this.#beating) for (const socket of this.#server.clients) this.#say(socket, HEARTBEAT);
    }, heartbeatMs);
  }

  get count(): number {
    return this.#server.clients.size;
  }

  /** Like a lost network: no closing handshake. */
  drop(which: Choice = ALL): number {
    return this.#each(which, (socket) => socket.terminate());
  }

  /** `v2.system.socket_closing`: clients have about a minute to reconnect, then the sockets are closed. */
  announceClosing(afterMs: number, which: Choice = ALL): number {
    return this.#each(which, (socket) => {
      this.#say(socket, CLOSING);
      setTimeout(() => socket.close(1001), afterMs).unref();
    });
  }

  /**
   * Half-open: the sockets that are open now stay open, but the server neither sends frames on them nor reads from
   * them.
   */
  mute(which: Choice = ALL): number {
    return this.#each(which, (socket) => {
      this.#muted.add(socket);
      socket.pause();
    });
  }

  /** Everything except heartbeats continues; pings are answered. */
  stopHeartbeats(): void {
    this.#beating = false;
  }

  startHeartbeats(): void {
    this.#beating = true;
  }

  /** Refuses new sockets with this status, and calls `onRefusal` for each; null: no longer. */
  refuse(status: number | null, onRefusal: () => void = () => undefined): void {
    this.#refusal = status === null ? null : { status, onRefusal };
  }

  stop(): void {
    clearInterval(this.#heartbeats);
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const id = /^\/channels\/([^/?]+)/.exec(request.url ?? '')?.[1];
    if (id === undefined || this.#refusal !== null) {
      this.#refusal?.onRefusal();
      endWith(stream, this.#refusal?.status ?? 404);
      return;
    }
    this.#server.handleUpgrade(request, stream, head, (socket) => this.#serve(id, socket));
  }

  #serve(id: string, socket: WebSocket): void {
    const outlet: Outlet = {
      send: (text) => this.#say(socket, text),
      close: (reason) => {
        if (reason === 'removed') this.#say(socket, GONE);
        // Nobody reads at the other end of a half-open socket.
        if (this.#muted.has(socket)) socket.terminate();
        else socket.close(1001, reason);
      },
    };
    socket.on('error', () => socket.terminate());
    if (!this.#channels.attach(id, outlet)) {
      this.#say(socket, GONE);
      socket.close(1001);
      return;
    }
    socket.on('message', (data: Buffer) => {
      if (isPing(data.toString('utf8'))) this.#say(socket, PONG);
    });
    socket.on('close', () => this.#channels.detach(id, outlet));
  }

  #say(socket: WebSocket, text: string): boolean {
    if (socket.readyState !== WebSocket.OPEN || this.#muted.has(socket)) return false;
    socket.send(text);
    return true;
  }

  #each(which: Choice, action: (socket: WebSocket) => void): number {
    const chosen = [...this.#server.clients].filter(
      (socket) => socket.readyState === WebSocket.OPEN && !this.#muted.has(socket) && which(),
    );
    chosen.forEach(action);
    return chosen.length;
  }
}

function endWith(stream: Duplex, status: number): void {
  stream.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function isPing(text: string): boolean {
  try {
    const frame: unknown = JSON.parse(text);
    return typeof frame === 'object' && frame !== null && 'message' in frame && frame.message === 'ping';
  } catch {
    return false;
  }
}
