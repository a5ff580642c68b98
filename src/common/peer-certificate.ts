import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';

/** Where somebody speaks TLS. */
export interface Peer {
  readonly host: string;
  readonly port: number;
}

/** One certificate of a chain; epoch ms. */
export interface Validity {
  readonly fromMs: number;
  readonly toMs: number;
}

const WITHIN_MS = 3_000;

export function peerOf(url: string): Peer {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443) };
}

/**
 * For how long the certificates are valid that are shown there, the server's own first; empty where none is to be had.
 * They are only looked at, for a message: nothing is sent, and nothing that comes is believed.
 */
export function validitiesOf({ host, port }: Peer): Promise<readonly Validity[]> {
  return new Promise((resolve) => {
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = connect({ host, port, ...name, rejectUnauthorized: false, timeout: WITHIN_MS }, () => {
      resolve(validitiesIn(socket.getPeerCertificate(true)));
      socket.destroy();
    });
    socket.on('timeout', () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('close', () => resolve([]));
  });
}

/** Where none was shown, Node answers an object without anything; a root is its own issuer. */
function validitiesIn(first: Partial<DetailedPeerCertificate>): readonly Validity[] {
  const chain = new Map<object, Validity>();
  let next: Partial<DetailedPeerCertificate> | undefined = first;
  while (next?.valid_from !== undefined && next.valid_to !== undefined && !chain.has(next)) {
    chain.set(next, { fromMs: Date.parse(next.valid_from), toMs: Date.parse(next.valid_to) });
    next = next.issuerCertificate;
  }
  return [...chain.values()];
}
