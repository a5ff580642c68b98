import { fetchWith, type TlsMaterial } from '../../common';

/** How to reach and to speak to a registry with Confluent's API. */
export interface RegistryAddress {
  /** `SCHEMA_REGISTRY_URL`, e.g. `http://127.0.0.1:8081` or Apicurio's `…/apis/ccompat/v7` */
  readonly url: string;
  /** What stands in `Authorization` now; null: nothing. Absent: nothing, ever. */
  readonly authorization?: () => Promise<string | null>;
  /** For `https://…`; absent: the authorities of Node, no client certificate. */
  readonly tls?: TlsMaterial;
}

export interface RegistryReply {
  readonly status: number;
  /** JSON; null where it is none. */
  readonly body: unknown;
}

export type AskRegistry = (method: 'GET' | 'POST' | 'PUT', path: string, body?: object) => Promise<RegistryReply>;

const REQUEST_MS = 10_000;

/** Every status is an answer; only who gets none is rejected, with what `fetch` says. */
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
    });
    return { status: response.status, body: parse(await response.text()) };
  };
}

/**
 * The registered schema that is this one, or null. Whoever registered it may have written it in another way (white space,
 * the order of attributes): a registry that compares texts is asked to normalise both.
 */
export async function lookUp(ask: AskRegistry, subject: string, text: string): Promise<RegistryReply> {
  const path = `/subjects/${encodeURIComponent(subject)}`;
  const body = { schema: text, schemaType: 'AVRO' };
  const asWritten = await ask('POST', path, body);
  return asWritten.status === 404 ? ask('POST', `${path}?normalize=true`, body) : asWritten;
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
