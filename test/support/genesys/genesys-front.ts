import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { listenOnLoopback } from '../network/loopback-server';

export interface FrontAnswer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Stands in for an organization's API and login: it gives `alter`'s answer, else the organization's. */
export async function startGenesysFront(
  apiUrl: string,
  alter: (method: string, path: string) => FrontAnswer | null,
  headers: () => Readonly<Record<string, string>> = () => ({}),
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    const { method = 'GET', url = '/' } = request;
    void (async () => {
      const body = await text(request);
      const altered = alter(method, url);
      if (altered !== null) {
        response.writeHead(altered.status, { ...headers(), ...altered.headers });
        response.end(typeof altered.body === 'string' ? altered.body : JSON.stringify(altered.body ?? {}));
        return;
      }
      const answer = await fetch(`${apiUrl}${url}`, {
        method,
        headers: {
          authorization: request.headers.authorization ?? '',
          'content-type': request.headers['content-type'] ?? 'application/json',
        },
        ...(body === '' ? {} : { body }),
      });
      const limits = [...answer.headers].filter(([name]) => name.startsWith('inin-'));
      response.writeHead(answer.status, { ...Object.fromEntries(limits), ...headers() });
      response.end(await answer.text());
    })().catch(() => response.destroy());
  });
  const { url, stop } = await listenOnLoopback(server);
  return { url, stop };
}
