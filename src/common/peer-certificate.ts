import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';

/** Where a server speaks TLS. */
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
 * How long the certificates that a server shows are valid, the server's own first. Empty: it shows none. The result
 * only goes into a message: nothing is sent, and no answer is trusted.
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

/** Without a certificate, Node.js returns an empty object. A root is its own issuer. */
function validitiesIn(first: Partial<DetailedPeerCertificate>): readonly Validity[] {
  const chain = new Map<object, Validity>();
  let next: Partial<DetailedPeerCertificate> | undefined = first;
  while (next?.valid_from !== undefined && next.valid_to !== undefined && !chain.has(next)) {
    chain.set(next, { fromMs: Date.parse(next.valid_from), toMs: Date.parse(next.valid_to) });
    next = next.issuerCertificate;
  }
  return [...chain.values()];
}
