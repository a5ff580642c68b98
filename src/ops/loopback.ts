import type { IncomingMessage } from 'node:http';

/** Why a request is refused, before its content is read. */
export interface ForeignRequest {
  readonly status: 403;
  readonly message: string;
}

/**
 * The rule of every listener on loopback: web pages must not reach it. A page of another site gets here in three ways:
 * by a name of its own that resolves to this machine (DNS rebinding: a foreign `Host`), by a script or a form (a
 * foreign `Origin`), or by an image, a link or a frame (`Sec-Fetch-Site`). A listener on another interface has no such
 * rule, because its names are the network's (a pod's address, a service's name).
 * @param host the address that the server listens on
 * @returns null: the request is none of these
 */
export function foreignRequest(host: string, { headers }: Pick<IncomingMessage, 'headers'>): ForeignRequest | null {
  if (!isLoopback(host)) return null;
  // A request without any Host (HTTP/1.0, a probe) does not come from a browser.
  const { host: named = 'localhost', origin, 'sec-fetch-site': site } = headers;
  if (!isLoopback(hostNameOf(named))) {
    return foreign('Host', named, 'Use 127.0.0.1 or localhost. If a proxy is in between, let it send such a Host.');
  }
  if (origin !== undefined && origin.toLowerCase() !== `http://${named.toLowerCase()}`) {
    return foreign('Origin', origin, 'queuefold does not serve other web pages.');
  }
  if (site === 'cross-site' || site === 'same-site') {
    return foreign(
      'Sec-Fetch-Site',
      site,
      'queuefold does not serve other web pages. Type the address into the browser.',
    );
  }
  return null;
}

/** Whether only programs of this machine reach the address: 127.0.0.0/8, ::1, localhost and names below it. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return /^127(?:\.\d{1,3}){3}$/.test(name) || name === '::1' || /^(?:.+\.)?localhost$/.test(name);
}

/** The host of `name:port` and `[address]:port`. */
function hostNameOf(host: string): string {
  const [, v6, name] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(host) ?? [];
  return v6 ?? name ?? '';
}

function foreign(header: string, value: string, remedy: string): ForeignRequest {
  const shown = JSON.stringify(value.slice(0, 100));
  return { status: 403, message: `${header} ${shown}: queuefold serves programs of this machine only. ${remedy}` };
}
