import { AwayError, fetchWith, type TlsMaterial, UsageError } from '../../common';

/** How to reach a registry with Confluent's API. */
export interface RegistryAddress {
  /** `SCHEMA_REGISTRY_URL`, e.g. `http://127.0.0.1:8081` or Apicurio's `…/apis/ccompat/v7` */
  readonly url: string;
  /** The value of `Authorization` now; null: none. Absent: never one. */
  readonly authorization?: () => Promise<string | null>;
  /** For `https://…`; absent: the authorities of Node.js, and no client certificate. */
  readonly tls?: TlsMaterial;
}

export interface RegistryReply {
  readonly status: number;
  /** JSON; null if the body is none. */
  readonly body: unknown;
}

export type AskRegistry = (method: 'GET' | 'POST' | 'PUT', path: string, body?: object) => Promise<RegistryReply>;

const REQUEST_MS = 10_000;
/** The statuses of redirects that do not pass. */
const PERMANENT: ReadonlySet<number> = new Set([301, 308]);

/**
 * Every status is an answer, except for a redirect: a POST would become a GET, and the client for the schemas of ids
 * follows none. It rejects without an answer, with the error of `fetch`.
 * @throws UsageError if the registry redirects for good, AwayError if it does so for now
 */
export function askRegistry({ url, authorization, tls }: RegistryAddress): AskRegistry {
  const fetch = fetchWith(tls ?? null);
  return async (method, path, body) => {
    const credentials = await authorization?.();
    const response = await fetch(`${url.replace(/\/$/, '')}${path}`, {
      method,
      headers: {
        accept: 'application/json',
        'content-type': 'application/vnd.schemaregistry.v1+json',
        ...(credentials === undefined || credentials === null ? {} : { authorization: credentials }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_MS),
      redirect: 'manual',
    });
    const target = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && target !== null) {
      const Problem = PERMANENT.has(response.status) ? UsageError : AwayError;
      throw new Problem(
        `SCHEMA_REGISTRY_URL: ${url} redirects to ${addressOf(target, url)}, which queuefold does not follow. ` +
          'Set SCHEMA_REGISTRY_URL to the URL behind the redirect.',
      );
    }
    return { status: response.status, body: parse(await response.text()) };
  };
}

/**
 * The registered schema that equals this one, or null. Somebody may have registered it with other white space or
 * another order of attributes, so a registry that compares texts must normalize both.
 */
export async function lookUp(ask: AskRegistry, subject: string, text: string): Promise<RegistryReply> {
  const path = `/subjects/${encodeURIComponent(subject)}`;
  const body = { schema: text, schemaType: 'AVRO' };
  const asWritten = await ask('POST', path, body);
  return asWritten.status === 404 ? ask('POST', `${path}?normalize=true`, body) : asWritten;
}

/** Without what may be secret in it. */
function addressOf(target: string, base: string): string {
  if (!URL.canParse(target, base)) return 'another place';
  const { origin, pathname } = new URL(target, base);
  return `${origin}${pathname}`;
}

export function field(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? (of as Readonly<Record<string, unknown>>)[name] : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
