import {
  check,
  explainTls,
  failed,
  fetchWith,
  type Finding,
  type Findings,
  messageOf,
  ok,
  skipped,
  warning,
} from '../../common';
import { registryTls, type RegistryOptions } from './registry';
import type { AvroSchema } from './schemas';

export interface RegistryCheckOptions {
  readonly registry: Omit<RegistryOptions, 'logger'>;
  readonly subjects: readonly { readonly subject: string; readonly schema: AvroSchema }[];
}

const WANTED_LEVEL = 'FULL_TRANSITIVE';
const REQUEST_MS = 10_000;
const TRY_AGAIN = 'Try again.';

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

type Ask = (method: 'GET' | 'POST', path: string, body?: object) => Promise<Reply>;

/** The schema registry: that it answers, and what it makes of this version's schemas. Registers nothing. */
export async function checkRegistry({ registry, subjects }: RegistryCheckOptions): Promise<Findings> {
  const ask = askerOf(registry);
  const [reached = failed('registry', 'not asked', null)] = await check({ name: 'registry', remedy: TRY_AGAIN }, () =>
    checkReachable(registry, ask),
  );
  const names = subjects.map(({ subject }) => `registry subject ${subject}`);
  if (reached.outcome === 'failed')
    return [reached, ...names.map((name) => skipped(name, 'the registry is not reached'))];
  const found = await Promise.all(
    subjects.map(({ subject, schema }) =>
      check({ name: `registry subject ${subject}`, remedy: TRY_AGAIN }, () => checkSubject(ask, subject, schema)),
    ),
  );
  return [reached, ...found.flat()];
}

function askerOf({ url, username, password, tls }: RegistryCheckOptions['registry']): Ask {
  const fetch = fetchWith(tls ?? null);
  const credentials = Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64');
  return async (method, path, body) => {
    const response = await fetch(`${url.replace(/\/$/, '')}${path}`, {
      method,
      headers: {
        accept: 'application/json',
        'content-type': 'application/vnd.schemaregistry.v1+json',
        ...(username === undefined ? {} : { authorization: `Basic ${credentials}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const text = await response.text();
    return { status: response.status, body: parse(text) };
  };
}

async function checkReachable(registry: RegistryCheckOptions['registry'], ask: Ask): Promise<Finding> {
  const { url } = registry;
  const name = 'registry';
  let reply: Reply;
  try {
    reply = await ask('GET', '/subjects');
  } catch (error) {
    const tls = await explainTls(error, registryTls(registry));
    const detail = `SCHEMA_REGISTRY_URL: cannot reach ${url} (${tls?.detail ?? reasonOf(error)})`;
    return failed(name, detail, tls?.remedy ?? 'Is the registry up, and may this machine reach it?');
  }
  if (reply.status === 401 || reply.status === 403) {
    const detail = `${url} refuses us (HTTP ${reply.status})`;
    return failed(name, detail, 'Check SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD.');
  }
  if (reply.status !== 200 || !Array.isArray(reply.body)) {
    const detail = `${url} answers HTTP ${reply.status} to GET /subjects, not a list`;
    return failed(name, detail, 'Is SCHEMA_REGISTRY_URL the Confluent API (Apicurio: /apis/ccompat/v7)?');
  }
  const mode = field((await ask('GET', '/mode')).body, 'mode');
  if (typeof mode === 'string' && mode !== 'READWRITE') {
    return warning(
      name,
      `answers at ${url}, in mode ${mode}`,
      'The roles can read; `queuefold setup` needs READWRITE.',
    );
  }
  return ok(name, `answers at ${url}`);
}

async function checkSubject(ask: Ask, subject: string, schema: AvroSchema): Promise<Finding> {
  const name = `registry subject ${subject}`;
  const path = `/subjects/${encodeURIComponent(subject)}`;
  const body = { schema: schema.text, schemaType: 'AVRO' };
  const registered = await ask('POST', path, body);
  if (registered.status === 200) return withLevel(ask, name, subject, field(registered.body, 'id'));
  if (registered.status !== 404)
    return failed(name, `HTTP ${registered.status} to POST ${path}`, 'May this user read subjects?');
  const versions = await ask('GET', `${path}/versions`);
  if (versions.status === 404) return failed(name, 'has no schema yet', 'Run `queuefold setup`.');
  const fits = await ask('POST', `/compatibility${path}/versions/latest`, body);
  if (field(fits.body, 'is_compatible') === false) {
    return failed(
      name,
      'this version’s schema is not compatible with the registered ones',
      'Use another TOPIC_PREFIX, or a version of queuefold that fits.',
    );
  }
  return failed(
    name,
    'has schemas, but not this version’s, which is compatible with the latest',
    'Run `queuefold setup`.',
  );
}

async function withLevel(ask: Ask, name: string, subject: string, id: unknown): Promise<Finding> {
  const registered = `this version’s schema is registered${typeof id === 'number' ? `, id ${id}` : ''}`;
  const own = await ask('GET', `/config/${encodeURIComponent(subject)}`);
  const level = own.status === 200 ? own : await ask('GET', '/config');
  const said = field(level.body, 'compatibilityLevel') ?? field(level.body, 'compatibility');
  if (said === WANTED_LEVEL) return ok(name, `${registered}, ${WANTED_LEVEL}`);
  return warning(
    name,
    `${registered}, but its compatibility is ${typeof said === 'string' ? said : 'not told'}`,
    `Set ${WANTED_LEVEL}: else a schema could be registered that running roles cannot read.`,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What fetch fails with says nothing; its cause does. */
function reasonOf(error: unknown): string {
  const cause = field(error, 'cause') ?? error;
  const said = field(cause, 'code') ?? field(cause, 'message');
  return typeof said === 'string' ? said : messageOf(cause);
}

function field(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? (of as Readonly<Record<string, unknown>>)[name] : undefined;
}
