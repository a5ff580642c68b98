import { BlockList, isIP, isIPv6 } from 'node:net';
import { UsageError } from './errors';

/**
 * The proxies of the environment, as curl reads them: `https_proxy` or `HTTPS_PROXY` for https and wss, `http_proxy` or
 * `HTTP_PROXY` for http and ws. Lower case comes first, and an empty variable counts as unset. `NO_PROXY` excepts
 * hosts.
 */
export interface Proxies {
  /** Null: no proxy on the way to this URL. */
  to(url: string | URL): Proxy | null;
}

export interface Proxy {
  /** The variable's name, e.g. `HTTPS_PROXY`. */
  readonly variable: string;
  readonly url: URL;
  /** Without user and password. */
  readonly shown: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const VARIABLES = { secure: 'HTTPS_PROXY', plain: 'HTTP_PROXY', none: 'NO_PROXY' } as const;
export const PROXY_VARIABLES: readonly string[] = Object.values(VARIABLES).flatMap((name) => [
  name,
  name.toLowerCase(),
]);

/** @throws UsageError for a variable whose value is not the address of a proxy; the message shows no credentials */
export function readProxies(env: Environment): Proxies {
  const secure = readProxy(env, VARIABLES.secure);
  const plain = readProxy(env, VARIABLES.plain);
  const excepted = exceptionsOf(find(env, VARIABLES.none)?.value ?? '');
  return {
    to(url) {
      const { protocol, hostname, port } = new URL(url);
      const isSecure = protocol === 'https:' || protocol === 'wss:';
      const proxy = isSecure ? secure : plain;
      if (proxy === null) return null;
      return excepted(bare(hostname.toLowerCase()), port === '' ? (isSecure ? 443 : 80) : Number(port)) ? null : proxy;
    },
  };
}

/** The passwords of proxies in every form in which they could be printed, to remove them from output. */
export function proxySecrets(env: Environment): readonly string[] {
  return [VARIABLES.secure, VARIABLES.plain].flatMap((name) => {
    const value = find(env, name)?.value ?? '';
    const credentials = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(.+)@/is.exec(value)?.[1];
    if (credentials === undefined) return [];
    const password = credentials.slice(credentials.indexOf(':') + 1);
    const forms = [credentials, password, decoded(password)];
    return [...new Set([...forms, Buffer.from(decoded(credentials)).toString('base64')])];
  });
}

/** `Basic …`; null: the address has no user. */
export function proxyAuthorization({ url }: Proxy): string | null {
  if (url.username === '' && url.password === '') return null;
  return `Basic ${Buffer.from(`${decoded(url.username)}:${decoded(url.password)}`).toString('base64')}`;
}

function readProxy(env: Environment, name: string): Proxy | null {
  const found = find(env, name);
  if (found === null) return null;
  const { variable, value } = found;
  const url = parse(value);
  // Text behind the host is a mistake, mostly a character of the password that is not percent-encoded.
  if (url === null || !/^https?:$/.test(url.protocol) || `${url.pathname}${url.search}${url.hash}` !== '/') {
    throw new UsageError(
      `${variable}: ${JSON.stringify(withoutCredentials(value))} is not the address of a proxy (environment ${variable}); ` +
        'allowed: http://host:port or https://host:port, with user:password@ before the host if the proxy asks for ' +
        'them, special characters percent-encoded',
    );
  }
  return { variable, url, shown: `${url.protocol}//${url.host}` };
}

function find(env: Environment, name: string): { readonly variable: string; readonly value: string } | null {
  for (const variable of [name.toLowerCase(), name]) {
    const value = env[variable]?.trim() ?? '';
    if (value !== '') return { variable, value };
  }
  return null;
}

/** As for curl, an address without a scheme is that of an http proxy. */
function parse(value: string): URL | null {
  const text = value.includes('://') ? value : `http://${value}`;
  return URL.canParse(text) ? new URL(text) : null;
}

function withoutCredentials(value: string): string {
  const at = value.lastIndexOf('@');
  const shown = at === -1 ? value : `…${value.slice(at)}`;
  return shown.length > 80 ? `${shown.slice(0, 80)}…` : shown;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const bare = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');

/** Hosts with everything below them, `host:port`, addresses, networks (`10.0.0.0/8`), `*` for all. */
function exceptionsOf(text: string): (host: string, port: number) => boolean {
  const entries = text
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '');
  const networks = new BlockList();
  for (const entry of entries) addNetwork(networks, entry);
  const names = entries.map(nameAndPort);
  return (host, port) => {
    const family = isIP(host);
    if (family !== 0 && networks.check(host, family === 6 ? 'ipv6' : 'ipv4')) return true;
    return names.some(
      ({ name, only }) =>
        name === '*' || ((only === null || only === port) && (host === name || host.endsWith(`.${name}`))),
    );
  };
}

function nameAndPort(entry: string): { readonly name: string; readonly only: number | null } {
  const [, host = entry, port] = isIPv6(entry) ? [] : (/^(.*?)(?::(\d+))?$/.exec(entry) ?? []);
  return { name: bare(host).replace(/^\*?\./, ''), only: port === undefined ? null : Number(port) };
}

function addNetwork(networks: BlockList, entry: string): void {
  const [, address = '', bits = ''] = /^(.+)\/(\d+)$/.exec(entry) ?? [];
  const family = isIP(address);
  if (family === 0 || Number(bits) > (family === 6 ? 128 : 32)) return;
  networks.addSubnet(address, Number(bits), family === 6 ? 'ipv6' : 'ipv4');
}
