import type { Server } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface LoopbackServer {
  readonly port: number;
  /** `127.0.0.1:port` */
  readonly address: string;
  /** With `http:`, also if the server speaks TLS. */
  readonly url: string;
  /** Ends the server and its connections. */
  stop(): Promise<void>;
}

/** Lets a server of the test listen on the loopback address. Default: on a free port. */
export async function listenOnLoopback(server: Server | HttpsServer, wanted = 0): Promise<LoopbackServer> {
  await new Promise<void>((resolve) => server.listen(wanted, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const address = `127.0.0.1:${port}`;
  return {
    ...{ port, address, url: `http://${address}` },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
