import type { IncomingHttpHeaders } from 'node:http';
import { UsageError } from '../common';
import { isLoopback, secretCheck } from '../ops';

/** Who may see the board. */
export interface Access {
  /** The password of basic authentication; any user name will do. */
  readonly password: string | undefined;
  /** A header that a proxy sets once it has authenticated somebody, and that it removes from other requests. */
  readonly proxyHeader: string | undefined;
}

/** @throws UsageError if everybody on the network could see the board */
export function checkAccess(host: string, { password, proxyHeader }: Access): void {
  if (isLoopback(host) || password !== undefined || proxyHeader !== undefined) return;
  throw new UsageError(
    `--host: the board does not listen on ${host} without a password, because everybody on that network could read it. ` +
      'Set BOARD_PASSWORD_FILE (or BOARD_PASSWORD), name the header of a proxy that authenticates with --proxy-header, ' +
      'or listen on 127.0.0.1.',
  );
}

/** Whether the board may answer the request. */
export function admits({ password, proxyHeader }: Access, headers: IncomingHttpHeaders): boolean {
  if (password === undefined && proxyHeader === undefined) return true;
  if (proxyHeader !== undefined && (headers[proxyHeader.toLowerCase()] ?? '').length > 0) return true;
  return password !== undefined && secretCheck(password)(passwordOf(headers.authorization));
}

function passwordOf(authorization = ''): string {
  const [, encoded] = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization) ?? [];
  const text = Buffer.from(encoded ?? '', 'base64').toString();
  return text.includes(':') ? text.slice(text.indexOf(':') + 1) : '';
}
