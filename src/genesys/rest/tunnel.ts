import { request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { Socket } from 'node:net';
import { messageOf, type Proxy, proxyAuthorization, UsageError } from '../../common';
import { ProxyError } from '../errors';

const PROXY_AUTHENTICATION_REQUIRED = 407;

/**
 * Opens a connection to `host:port` through a proxy (CONNECT), for any protocol. Requests and sockets use the same
 * code, so their errors about a proxy have the same words.
 * @throws UsageError when the proxy refuses the credentials, ProxyError for anything else
 */
export function openTunnel(proxy: Proxy, authority: string, timeoutMs: number): Promise<Socket> {
  const { url, variable, shown } = proxy;
  const authorization = proxyAuthorization(proxy);
  const request = url.protocol === 'https:' ? secureRequest : plainRequest;
  const connecting = request(url.origin, {
    method: 'CONNECT',
    path: authority,
    agent: false,
    headers: { host: authority, ...(authorization === null ? {} : { 'proxy-authorization': authorization }) },
  });
  const limit = setTimeout(() => connecting.destroy(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
  return new Promise<Socket>((resolve, reject) => {
    connecting.once('connect', ({ statusCode = 0 }, socket: Socket, head) => {
      if (statusCode >= 200 && statusCode <= 299) {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
        return;
      }
      socket.on('error', () => undefined).destroy();
      if (statusCode !== PROXY_AUTHENTICATION_REQUIRED) {
        const what = `${variable}: ${shown} answers HTTP ${statusCode} to CONNECT ${authority}`;
        reject(new ProxyError(`${what}. Does it allow that host, and can it reach it? ${remedy(proxy)}`));
        return;
      }
      const wanted = authorization === null ? 'asks for a user and a password' : 'refuses its user and password';
      reject(
        new UsageError(
          `${variable}: ${shown} ${wanted} (HTTP 407). Write them as user:password@ before its host, percent-encoded; ` +
            'queuefold supports Basic authentication only.',
        ),
      );
    });
    connecting.once('error', (error) => {
      const what = `${variable}: cannot reach ${shown} (${reasonOf(error)}) on the way to ${authority}`;
      reject(new ProxyError(`${what}. Is the proxy up? ${remedy(proxy)}`));
    });
    connecting.end();
  }).finally(() => clearTimeout(limit));
}

/** `host:port` of a URL, as CONNECT takes it. */
export function authorityOf(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${hostname}:${port !== '' ? port : protocol === 'https:' || protocol === 'wss:' ? 443 : 80}`;
}

const remedy = ({ variable }: Proxy): string =>
  `Correct ${variable}, or name the host in NO_PROXY if no proxy is needed for it.`;

function reasonOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
  return code ?? messageOf(error);
}
