import type { Socket } from 'node:net';
import { requireInternal } from '../internals';

interface Connection {
  socket?: Socket;
  isConnected(): boolean;
  connect(): Promise<true>;
  disconnect(): Promise<true>;
  sendAuthRequest(protocol: object): Promise<unknown>;
  readonly requestTimeout: number;
  /** The bytes of an answer that is not complete. */
  chunks: readonly Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  /** Of a SASL exchange under way. */
  authHandlers: { onError(): void } | null;
}

/** The size before each answer, as int32. */
const SIZE_BYTES = 4;

/**
 * R16: an object of `network/connection` outlives its sockets, and mixes them up.
 *
 * - Two requests that find it closed open a socket each. It forgets the first one, which stays open. When the broker
 *   closes that one, the connection drops the requests of the other and closes it, too.
 * - The same happens if an older socket ends after the connection has a new one.
 * - If a socket breaks within an answer, the connection puts the rest of that answer before the first bytes of the next
 *   socket. From then on it understands no answer.
 * - If a socket breaks within a SASL exchange, or the broker falls silent, the exchange never ends, and with it every
 *   later request.
 *
 * Repair: connect once at a time; begin with no bytes; never listen to an older socket; end the exchange, at the latest
 * when a request would time out.
 */
export function repairReconnects(): void {
  const { prototype } = requireInternal('network/connection') as { prototype: Connection };
  const { connect, disconnect, sendAuthRequest } = prototype;
  const connecting = new WeakMap<Connection, Promise<true>>();
  prototype.connect = function () {
    if (this.isConnected()) return Promise.resolve(true);
    const known = connecting.get(this);
    if (known !== undefined) return known;
    silence(this.socket);
    Object.assign(this, { chunks: [], bytesBuffered: 0, bytesNeeded: SIZE_BYTES } satisfies Partial<Connection>);
    const attempt = connect.call(this).finally(() => connecting.delete(this));
    connecting.set(this, attempt);
    return attempt;
  };
  prototype.disconnect = function () {
    this.authHandlers?.onError();
    return disconnect.call(this);
  };
  prototype.sendAuthRequest = function (protocol) {
    const silent = setTimeout(() => void this.disconnect(), this.requestTimeout);
    return sendAuthRequest.call(this, protocol).finally(() => clearTimeout(silent));
  };
}

/** Closes a socket that its connection no longer uses, and hears nothing more from it. */
function silence(socket: Socket | undefined): void {
  if (socket === undefined) return;
  for (const event of ['data', 'end', 'error', 'timeout']) socket.removeAllListeners(event);
  socket.on('error', () => undefined).destroy();
}
