import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A connection to a server that a test can shut and slow down, as happens in networks. */
export interface Gate {
  readonly port: number;
  /** Ends connections and refuses new ones. */
  shut(): Promise<void>;
  open(): Promise<void>;
  /** Delays everything that clients send, ms. */
  delay(ms: number): void;
  stop(): Promise<void>;
}

export async function startGate(targetPort: number): Promise<Gate> {
  const sockets = new Set<Socket>();
  let delayMs = 0;
  const server = createServer((client) => {
    const target = connect(targetPort, '127.0.0.1');
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        target.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (delayMs === 0) target.write(chunk);
      else setTimeout(() => target.write(chunk), delayMs);
    });
    target.on('data', (chunk) => client.write(chunk));
  });
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const shut = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    port,
    shut,
    open: () => listen(port),
    delay: (ms) => {
      delayMs = ms;
    },
    stop: shut,
  };
}
