import { createServer } from 'node:http';
import { join } from 'node:path';

/** The part of a request for a container that the tests check. */
export interface AskedContainer {
  readonly Image: string;
  readonly HostConfig: {
    readonly PortBindings: Readonly<Record<string, readonly { readonly HostIp?: string; readonly HostPort: string }[]>>;
  };
}

export interface EngineApi {
  /** For DOCKER_HOST. */
  readonly url: string;
  /** Its requests for containers, oldest first; it creates none. */
  readonly asked: readonly AskedContainer[];
  stop(): Promise<void>;
}

/** The requests of testcontainers before it creates a container, by path prefix. */
const ANSWERS: Readonly<Record<string, unknown>> = {
  '/info': { ServerVersion: '28.0.0', OperatingSystem: 'test', OSType: 'linux' },
  '/containers/json': [],
  '/images/': { Id: 'sha256:0' },
  // Requested if the test itself runs in a container.
  '/networks/bridge': { IPAM: { Config: [{ Gateway: '127.0.0.1' }] } },
};

/** The API of a container engine that has every image and refuses to create a container. */
export async function engineApi(folder: string): Promise<EngineApi> {
  const asked: AskedContainer[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/^\/v[\d.]+/, '').split('?', 1)[0] ?? '';
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (path !== '/containers/create') {
      const known = Object.entries(ANSWERS).find(([start]) => path.startsWith(start))?.[1];
      answer(known === undefined ? 404 : 200, known ?? { message: `not here: ${path}` });
      return;
    }
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => (body += part));
    request.once('end', () => {
      asked.push(JSON.parse(body) as AskedContainer);
      answer(500, { message: 'this engine creates nothing' });
    });
  });
  const socket = join(folder, 'engine.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    url: `unix://${socket}`,
    asked,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
