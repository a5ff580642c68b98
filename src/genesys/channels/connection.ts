import { isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { WebSocket, type RawData } from 'ws';
import { createAge, createDeferred, messageOf, type Proxies, readProxies } from '../../common';
import { GenesysError } from '../errors';
import { authorityOf, openTunnel } from '../rest/tunnel';
import type { Timings } from '../timings';
import { controlFrame, type ControlFrame } from './control-frames';

/** A frame of the websocket, unchanged. */
export interface Frame {
  readonly bytes: Buffer;
  /** Epoch milliseconds, stamped once. */
  readonly receivedAt: number;
}

export type EndReason = 'closed' | 'silent' | 'gone' | 'error' | 'stopped';

export interface ConnectionEnd {
  readonly reason: EndReason;
  /** For people: the close code, the error's message. */
  readonly detail: string;
}

/** One open socket of one channel. */
export interface Connection {
  /** Never rejects. */
  readonly ended: Promise<ConnectionEnd>;
  /** Genesys has announced that it will close the socket within about a minute. */
  readonly closing: Promise<'closing'>;
  /** Stops reading. Frames of Genesys wait in the network, and silence then means nothing. */
  pause(): void;
  resume(): void;
  close(): void;
}

export interface ConnectionOptions {
  readonly connectUri: string;
  readonly timings: Timings;
  /** Ends the connection at once, open or not. */
  readonly signal: AbortSignal;
  readonly maxFrameBytes: number;
  /** Gets every frame that the channel does not handle itself. */
  readonly onFrame: (frame: Frame) => void;
  /** Gets the kind of every frame. */
  readonly onAny: (kind: ControlFrame, receivedAt: number) => void;
  /** Default: those of the environment. */
  readonly proxies?: Proxies;
}

/** From the close frame to its answer. */
const CLOSE_TIMEOUT_MS = 2_000;

const PING = JSON.stringify({ message: 'ping' });

/**
 * Resolves with the open socket. Rejects with GenesysError if it does not open in time, and with the errors of
 * `openTunnel` if there is a proxy.
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const { connectUri, timings, maxFrameBytes, signal, proxies = readProxies(process.env) } = options;
  const proxy = proxies.to(connectUri);
  const tunnel = proxy && (await openTunnel(proxy, authorityOf(connectUri), timings.openTimeoutMs));
  if (signal.aborted) {
    tunnel?.destroy();
    throw notOpened(connectUri, 'asked to stop');
  }
  const socket = new WebSocket(connectUri, {
    ...(tunnel && { createConnection: () => speakThrough(tunnel, connectUri) }),
    handshakeTimeout: timings.openTimeoutMs,
    maxPayload: maxFrameBytes,
    perMessageDeflate: false,
    // Bytes that are not UTF-8 become U+FFFD (specification, section 2), so they do not end the connection.
    skipUTF8Validation: true,
  });
  const terminate = (): void => socket.terminate();
  signal.addEventListener('abort', terminate);
  socket.once('close', () => signal.removeEventListener('abort', terminate));
  return new Promise((resolve, reject) => {
    let failure = 'closed before it was open';
    socket.on('error', (error) => {
      failure = messageOf(error);
    });
    socket.once('close', () => reject(notOpened(connectUri, failure)));
    socket.once('open', () => resolve(follow(socket, options)));
  });
}

/** For a `wss:` address it opens TLS within the tunnel, with Genesys's name and certificate. */
function speakThrough(tunnel: Socket, connectUri: string): Socket {
  const { protocol, hostname } = new URL(connectUri);
  if (protocol !== 'wss:') return tunnel;
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return connectTls({ socket: tunnel, host, servername: isIP(host) === 0 ? host : '', ALPNProtocols: ['http/1.1'] });
}

function follow(socket: WebSocket, { timings, signal, onFrame, onAny }: ConnectionOptions): Connection {
  let silence = createAge();
  let pinged = false;
  let lastError: string | null = null;
  let verdict: ConnectionEnd | null = null;
  const ended = createDeferred<ConnectionEnd>();
  const closing = createDeferred<'closing'>();

  function hear(): number {
    pinged = false;
    silence = createAge();
    return Date.now();
  }

  function end(reason: EndReason, detail: string): void {
    verdict ??= { reason, detail };
    socket.terminate();
  }

  socket.on('message', (data) => {
    const receivedAt = hear();
    const bytes = bytesOf(data);
    const kind = controlFrame(bytes);
    onAny(kind, receivedAt);
    if (kind === null) onFrame({ bytes, receivedAt });
    if (kind === 'closing') closing.resolve('closing');
    if (kind === 'gone') end('gone', 'Genesys no longer has the channel');
  });
  socket.on('error', (error) => {
    lastError = messageOf(error);
  });
  socket.on('close', (code) => {
    clearInterval(watchdog);
    if (signal.aborted) verdict ??= { reason: 'stopped', detail: 'closed by us' };
    verdict ??=
      lastError === null ? { reason: 'closed', detail: `close code ${code}` } : { reason: 'error', detail: lastError };
    ended.resolve(verdict);
  });

  const watchdog = setInterval(() => {
    if (socket.isPaused) return;
    const silentMs = Math.round(silence());
    if (silentMs >= timings.deadAfterMs) {
      end('silent', `no frame for ${silentMs} ms`);
    } else if (silentMs >= timings.pingAfterMs && !pinged) {
      pinged = true;
      socket.send(PING);
    }
  }, watchEvery(timings));

  return {
    ended: ended.promise,
    closing: closing.promise,
    pause: () => socket.pause(),
    resume() {
      hear();
      socket.resume();
    },
    close() {
      verdict ??= { reason: 'stopped', detail: 'closed by us' };
      socket.close(1000);
      // The peer may not answer the close frame, or a pause may keep the bridge from reading the answer. The socket
      // ends all the same.
      setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref();
    },
  };
}

const watchEvery = ({ pingAfterMs, deadAfterMs }: Timings): number =>
  Math.max(5, Math.min(1_000, (deadAfterMs - pingAfterMs) / 4));

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? Buffer.from(data) : data;
}

function notOpened(connectUri: string, reason: string): GenesysError {
  const facts = { status: null, code: null, correlationId: null, retryAfterMs: null };
  return new GenesysError(`websocket to ${new URL(connectUri).host}: ${reason}`, facts);
}
