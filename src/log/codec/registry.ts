import { Agent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import { Type } from 'avsc';
import type { Logger } from 'pino';
import {
  AwayError,
  explainTls,
  fetchWith,
  messageOf,
  MissingError,
  OperatorError,
  peerOf,
  type TlsProblem,
  type TlsSettings,
  UsageError,
} from '../../common';
import {
  type AskRegistry,
  askRegistry,
  field,
  lookUp,
  type RegistryAddress,
  type RegistryReply,
} from './registry-http';
import type { SchemaSource } from './schema-source';
import { type AvroSchema, typeOf } from './schemas';

export interface RegistryOptions extends RegistryAddress {
  readonly logger: Logger;
  /** How many attempts for a schema at the start until the registry counts as away. Default 10, a second apart. */
  readonly triesAtStart?: number;
  /** The time-out of one request for the schema of an id, ms. Default 10,000. */
  readonly requestMs?: number;
  /** Ends the wait for a registry that is away. */
  readonly signal?: AbortSignal;
}

/** The likely mistake if the registry refuses us. */
export const REGISTRY_CREDENTIALS =
  'SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD (with SCHEMA_REGISTRY_OAUTH_TOKEN_URL those of the client), or SCHEMA_REGISTRY_TOKEN';

const RETRY_MS = 1_000;
const PROBE_MS = 10_000;
/** The client itself waits forever for a registry that accepts a request and does not answer. */
const REQUEST_MS = 10_000;
/** At the start, a registry that is away is an error; later it is an outage to wait out. */
const TRIES_AT_START = 10;

/** Roles look schemas up and cache them; only `setup` registers. */
export function createRegistrySchemas(options: RegistryOptions): SchemaSource {
  const registry = clientOf(options);
  const { triesAtStart = TRIES_AT_START } = options;
  const pause = () => sleep(RETRY_MS, undefined, options.signal === undefined ? {} : { signal: options.signal });
  const ask = askRegistry(options);
  return {
    idOf: async (subject, schema) => {
      for (let tries = 1; ; tries++) {
        try {
          const reply = await lookUp(ask, subject, schema.text);
          const id = field(reply.body, 'id');
          if (reply.status === 200 && typeof id === 'number') {
            await confirmId(options, ask, { id, subject, schema });
            return id;
          }
          if (isMissing(reply)) {
            throw new MissingError(
              `SCHEMA_REGISTRY_URL: ${options.url} lacks this version's schema of subject ${subject}. Run \`queuefold setup\` first.`,
            );
          }
          throw new ReplyError(reply);
        } catch (error) {
          if (error instanceof OperatorError) throw error;
          if (isFinal(error) || tries >= triesAtStart) throw await unreachable(options, error);
          if (tries === 1)
            options.logger.warn(
              { error: messageOf(error) },
              'the schema registry does not answer: queuefold tries again',
            );
          await pause();
        }
      }
    },
    writerOf: async (id) => {
      for (;;) {
        try {
          const schema = await registry.getSchema(id);
          return Type.isType(schema) ? (schema as Type) : null;
        } catch (error) {
          if ((isNotThere(error) || isNoSchema(error)) && (await hasNoneFor(ask, id))) return null;
          // Also refused credentials: a registry that does not show a schema may still have it.
          options.logger.warn(
            { schemaId: id, error: messageOf(error) },
            'the schema registry does not answer: queuefold tries again',
          );
          await pause();
        }
      }
    },
  };
}

/** Every record carries the id. So if it meant another schema, nobody could read what this process writes. */
async function confirmId(
  { url }: RegistryAddress,
  ask: AskRegistry,
  { id, subject, schema }: { readonly id: number; readonly subject: string; readonly schema: AvroSchema },
): Promise<void> {
  const path = `/schemas/ids/${id}`;
  const reply = await ask('GET', path);
  const text = field(reply.body, 'schema');
  if (!isMissing(reply) && (reply.status !== 200 || typeof text !== 'string'))
    throw new ReplyError(reply, `GET ${path}`);
  if (typeof text === 'string' && !isUnreadable(reply) && isSameSchema(text, schema.text)) return;
  throw new AwayError(
    `SCHEMA_REGISTRY_URL: ${url} says that this version's schema of subject ${subject} has id ${id}, but has ` +
      `${isMissing(reply) ? 'no' : 'another'} schema under that id. Do several registries answer at this URL, or is ` +
      'it a copy that is behind?',
  );
}

/** White space and documentation do not count. */
function isSameSchema(a: string, b: string): boolean {
  return typeOf(a).fingerprint().equals(typeOf(b).fingerprint());
}

/**
 * For readers only: checks that the registry answers and knows the subject.
 * @throws AwayError if it does not answer, UsageError if it refuses us, OperatorError if it has no such subject
 */
export async function checkSubject(options: Omit<RegistryOptions, 'logger'>, subject: string): Promise<void> {
  const path = `/subjects/${encodeURIComponent(subject)}/versions/latest`;
  let reply: RegistryReply;
  try {
    reply = await askRegistry(options)('GET', path);
    if (reply.status !== 200 && !isMissing(reply)) throw new ReplyError(reply, `GET ${path}`);
  } catch (error) {
    throw await unreachable(options, error);
  }
  if (reply.status === 200) return;
  throw new OperatorError(
    `SCHEMA_REGISTRY_URL: ${options.url} has no subject ${subject}. Is it the registry of this Kafka, and is TOPIC_PREFIX right?`,
  );
}

export type RegistryChange = 'unchanged' | 'registered';

/**
 * Registers a schema under a subject with FULL_TRANSITIVE compatibility. A schema that is registered already, in any
 * spelling, stays. It sets the level first; otherwise somebody could register a schema that does not fit in between.
 */
export async function registerSchema(
  options: RegistryOptions,
  subject: string,
  schema: AvroSchema,
  mode: 'apply' | 'dry-run',
): Promise<RegistryChange> {
  const ask = askRegistry(options);
  try {
    const registered = await lookUp(ask, subject, schema.text);
    if (registered.status === 200) return 'unchanged';
    if (!isMissing(registered)) throw new ReplyError(registered);
    if (mode === 'dry-run') return 'registered';
    const level = await ask('PUT', `/config/${encodeURIComponent(subject)}`, { compatibility: 'FULL_TRANSITIVE' });
    if (isReadOnly(level)) throw readOnly(options, subject, schema);
    if (level.status !== 200) throw new ReplyError(level, `PUT /config/${subject}`);
    const path = `/subjects/${encodeURIComponent(subject)}/versions`;
    const reply = await ask('POST', path, { schema: schema.text, schemaType: 'AVRO' });
    if (reply.status === 200) return 'registered';
    if (isReadOnly(reply)) throw readOnly(options, subject, schema);
    if (reply.status !== 409) throw new ReplyError(reply, `POST ${path}`);
    throw new OperatorError(
      `subject ${subject}: the registry refuses this version's schema as incompatible (FULL_TRANSITIVE): ${String(field(reply.body, 'message'))}. Use another TOPIC_PREFIX, or a version of queuefold that fits.`,
    );
  } catch (error) {
    throw await unreachable(options, error);
  }
}

/**
 * Whether the registry itself says that it does not have something. Its errors have a code. A proxy answers 404 too,
 * with a page of its own, while the registry behind it is away.
 */
function isMissing({ status, body }: RegistryReply): boolean {
  return status === 404 && typeof field(body, 'error_code') === 'number';
}

/**
 * Whether the registry itself says that it does not have the id, or shows a schema that nobody here can read. Asks again,
 * because the client does not pass on what was answered. False also if there is no answer.
 */
async function hasNoneFor(ask: AskRegistry, id: number): Promise<boolean> {
  const reply = await ask('GET', `/schemas/ids/${id}`).catch(() => null);
  return reply !== null && (isMissing(reply) || isUnreadable(reply));
}

/** No Avro; Avro that refers to schemas which the client did not get; or Avro that avsc refuses, but others take. */
function isUnreadable({ status, body }: RegistryReply): boolean {
  const [text, kind = 'AVRO', references] = ['schema', 'schemaType', 'references'].map((name) => field(body, name));
  if (status !== 200 || typeof text !== 'string') return false;
  if (kind !== 'AVRO' || (Array.isArray(references) && references.length > 0)) return true;
  try {
    typeOf(text);
    return false;
  } catch {
    return true;
  }
}

/** Confluent's code of an operation that the mode does not permit. */
const NOT_PERMITTED = 42_205;

function isReadOnly({ status, body }: RegistryReply): boolean {
  return status === 405 || field(body, 'error_code') === NOT_PERMITTED;
}

function readOnly({ url }: RegistryAddress, subject: string, { name }: AvroSchema): OperatorError {
  return new OperatorError(
    `SCHEMA_REGISTRY_URL: ${url} is read-only (mode READONLY), and subject ${subject} lacks this version's schema. ` +
      `Ask its operator to register schemas/avro/${name}.avsc, in any formatting, or to set the mode READWRITE.`,
  );
}

/** A reply that does not answer the request. */
class ReplyError extends Error {
  readonly status: number;
  constructor({ status, body }: RegistryReply, question = 'a look-up') {
    const said = field(body, 'message');
    super(`HTTP ${status} to ${question}${typeof said === 'string' ? `: ${said}` : ''}`);
    this.status = status;
  }
}

type ClientMiddleware = NonNullable<ConstructorParameters<typeof SchemaRegistry>[0]['middlewares']>[number];

function clientOf({ url, authorization, tls, requestMs = REQUEST_MS }: RegistryOptions): SchemaRegistry {
  const authorize: ClientMiddleware = () => ({
    async prepareRequest(next) {
      const request = (await next()).enhance({ timeout: requestMs });
      const credentials = await authorization?.();
      return credentials === undefined || credentials === null
        ? request
        : request.enhance({ headers: { authorization: credentials } });
    },
  });
  return new SchemaRegistry({
    host: url.replace(/\/$/, ''),
    clientId: 'queuefold',
    middlewares: [authorize],
    ...(tls === undefined ? {} : { agent: new Agent({ ca: tls.ca, cert: tls.cert, key: tls.key }) }),
  });
}

function statusOf(error: unknown): number | undefined {
  return typeof error === 'object' && error !== null && 'status' in error && typeof error.status === 'number'
    ? error.status
    : undefined;
}

/** Some calls of the client turn a 404, and nothing else, into an error of their own without a status. */
function isNotThere(error: unknown): boolean {
  return statusOf(error) === 404 || (error instanceof Error && error.name === 'ConfluentSchemaRegistryError');
}

/** The client cannot read the answer as a schema. The answer may be that of a proxy. */
function isNoSchema(error: unknown): boolean {
  return error instanceof Error && error.name === 'ConfluentSchemaRegistryArgumentError';
}

/** The client reports 400 if nobody answers. A 404 that is not the registry's own is one of a proxy in front of it. */
const MAY_PASS: ReadonlySet<number> = new Set([400, 404, 408, 429]);

/** Another attempt would not help: wrong credentials, or a schema that is not Avro. */
function isFinal(error: unknown): boolean {
  const status = statusOf(error);
  return status !== undefined && status >= 400 && status < 500 && !MAY_PASS.has(status);
}

async function unreachable(options: Omit<RegistryOptions, 'logger'>, error: unknown): Promise<Error> {
  if (error instanceof OperatorError) return error;
  const { url } = options;
  const status = statusOf(error);
  if (status === 401 || status === 403) {
    return new UsageError(
      `SCHEMA_REGISTRY_URL: ${url} refuses queuefold (HTTP ${status}). Check ${REGISTRY_CREDENTIALS}.`,
    );
  }
  const tls = url.startsWith('https:') ? await tlsProblem(options) : null;
  if (tls !== null) {
    const Problem = tls.isConfiguration ? UsageError : AwayError;
    return new Problem(`SCHEMA_REGISTRY_URL: cannot use ${url}: ${tls.detail}. ${tls.remedy}`);
  }
  const Problem = isFinal(error) ? OperatorError : AwayError;
  return new Problem(
    `SCHEMA_REGISTRY_URL: cannot use ${url} (${messageOf(error)}). Is the registry up, and is the path right (Apicurio: /apis/ccompat/v7)?`,
  );
}

/** The client turns every network error into a text with the status 400, so one more request finds the cause. */
async function tlsProblem(options: RegistryAddress): Promise<TlsProblem | null> {
  try {
    await fetchWith(options.tls ?? null)(options.url, { signal: AbortSignal.timeout(PROBE_MS) });
    return null;
  } catch (error) {
    return explainTls(error, registryTls(options));
  }
}

export function registryTls({ url, tls }: Pick<RegistryOptions, 'url' | 'tls'>): TlsSettings {
  return {
    ...{ address: 'SCHEMA_REGISTRY_URL', ca: 'TLS_CA', pair: 'KAFKA_SSL' },
    hasCertificate: tls?.cert !== undefined,
    peer: peerOf(url),
  };
}
