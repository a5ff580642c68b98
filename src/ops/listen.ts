import { isIPv6, type Server } from 'node:net';

export interface Address {
  readonly host: string;
  /** 0: a free port. */
  readonly port: number;
}

/** The errors of binding `::` where the kernel has no IPv6, or has it switched off. */
const WITHOUT_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL']);

/**
 * Listens at an address. `::` is every address of both families, and every IPv4 address if the system has no IPv6.
 * Rejects with the error of Node.js.
 */
export async function listenAt(server: Server, { host, port }: Address): Promise<void> {
  try {
    await listen(server, { host, port });
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (host !== '::' || !WITHOUT_IPV6.has(code)) throw error;
    await listen(server, { host: '0.0.0.0', port });
  }
}

function listen(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...address, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/**
 * The address at which people and scrapers of this machine find the listener. An address that stands for all is reached
 * over loopback.
 */
export function localUrl({ host, port }: Address): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${isIPv6(reachable) ? `[${reachable}]` : reachable}:${port}`;
}
