import {
  check,
  explainTls,
  failed,
  type Finding,
  type Findings,
  messageOf,
  ok,
  OperatorError,
  skipped,
  warning,
} from '../../common';
import { REGISTRY_CREDENTIALS, registryTls } from './registry';
import {
  askRegistry,
  field,
  lookUp,
  type AskRegistry,
  type RegistryAddress,
  type RegistryReply,
} from './registry-http';
import type { AvroSchema } from './schemas';

export interface RegistryCheckOptions {
  readonly registry: RegistryAddress;
  readonly subjects: readonly { readonly subject: string; readonly schema: AvroSchema }[];
}

const WANTED_LEVEL = 'FULL_TRANSITIVE';
const TRY_AGAIN = 'Try again.';

/** Checks that the schema registry answers, and whether it accepts this version's schemas. Registers nothing. */
export async function checkRegistry({ registry, subjects }: RegistryCheckOptions): Promise<Findings> {
  const ask = askRegistry(registry);
  const [reached = failed('registry', 'not asked', null)] = await check({ name: 'registry', remedy: TRY_AGAIN }, () =>
    checkReachable(registry, ask),
  );
  const names = subjects.map(({ subject }) => `registry subject ${subject}`);
  if (reached.outcome === 'failed')
    return [reached, ...names.map((name) => skipped(name, 'the registry does not answer'))];
  const found = await Promise.all(
    subjects.map(({ subject, schema }) =>
      check({ name: `registry subject ${subject}`, remedy: TRY_AGAIN }, () => checkSubject(ask, subject, schema)),
    ),
  );
  return [reached, ...found.flat()];
}

async function checkReachable(registry: RegistryCheckOptions['registry'], ask: AskRegistry): Promise<Finding> {
  const { url } = registry;
  const name = 'registry';
  let reply: RegistryReply;
  try {
    reply = await ask('GET', '/subjects');
  } catch (error) {
    if (error instanceof OperatorError) return failed(name, error.message, null);
    const tls = await explainTls(error, registryTls(registry));
    const detail = `SCHEMA_REGISTRY_URL: cannot reach ${url} (${tls?.detail ?? reasonOf(error)})`;
    return failed(name, detail, tls?.remedy ?? 'Is the registry up, and may this machine reach it?');
  }
  if (reply.status === 401 || reply.status === 403) {
    const detail = `${url} refuses queuefold (HTTP ${reply.status})`;
    return failed(name, detail, `Check ${REGISTRY_CREDENTIALS}.`);
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
      'The roles only read. `queuefold setup` needs READWRITE, unless all schemas are registered already.',
    );
  }
  return ok(name, `answers at ${url}`);
}

async function checkSubject(ask: AskRegistry, subject: string, schema: AvroSchema): Promise<Finding> {
  const name = `registry subject ${subject}`;
  const path = `/subjects/${encodeURIComponent(subject)}`;
  const body = { schema: schema.text, schemaType: 'AVRO' };
  const registered = await lookUp(ask, subject, schema.text);
  if (registered.status === 200) return withLevel(ask, name, subject, field(registered.body, 'id'));
  if (registered.status !== 404)
    return failed(
      name,
      `HTTP ${registered.status} to POST ${path}`,
      'Does the registry permit this user to read subjects?',
    );
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
    'has schemas but lacks that of this version, which is compatible with the latest',
    'Run `queuefold setup`.',
  );
}

async function withLevel(ask: AskRegistry, name: string, subject: string, id: unknown): Promise<Finding> {
  const registered = `this version’s schema is registered${typeof id === 'number' ? `, id ${id}` : ''}`;
  const own = await ask('GET', `/config/${encodeURIComponent(subject)}`);
  const level = own.status === 200 ? own : await ask('GET', '/config');
  const said = field(level.body, 'compatibilityLevel') ?? field(level.body, 'compatibility');
  if (said === WANTED_LEVEL) return ok(name, `${registered}, ${WANTED_LEVEL}`);
  return warning(
    name,
    `${registered}, but its compatibility is ${typeof said === 'string' ? said : 'unknown'}`,
    `Set it to ${WANTED_LEVEL}. Otherwise somebody could register a schema that running roles cannot read.`,
  );
}

/** The error of fetch says nothing; its cause does. */
function reasonOf(error: unknown): string {
  const cause = field(error, 'cause') ?? error;
  const said = field(cause, 'code') ?? field(cause, 'message');
  return typeof said === 'string' ? said : messageOf(cause);
}
