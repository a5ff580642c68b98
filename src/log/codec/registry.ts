import { Agent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { Type } from 'avsc';
import type { Logger } from 'pino';
import {
  AwayError,
  explainTls,
  fetchWith,
  messageOf,
  OperatorError,
  peerOf,
  type TlsMaterial,
  type TlsProblem,
  type TlsSettings,
  UsageError,
} from '../../common';
import type { SchemaSource } from './schema-source';
import type { AvroSchema } from './schemas';

export interface RegistryOptions {
  /** `SCHEMA_REGISTRY_URL`, e.g. `http://127.0.0.1:8081` or Apicurio's `…/apis/ccompat/v7` */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** For `https://…`; absent: the authorities of Node, no client certificate. */
  readonly tls?: TlsMaterial;
  readonly logger: Logger;
  /** How often it is asked for a schema at the start before it counts as away. Default 10, a second apart. */
  readonly triesAtStart?: number;
}

const RETRY_MS = 1_000;
const PROBE_MS = 10_000;
/** A registry that is away at the start is told of; later it is an outage to wait out. */
const TRIES_AT_START = 10;
/** One question at the start: the client itself would wait for ever for somebody who takes a connection and says nothing. */
const ANSWER_WITHIN_MS = 15_000;

/** Roles look up and cache; only `setup` registers. */
export function createRegistrySchemas(options: RegistryOptions): SchemaSource {
  const registry = clientOf(options);
  const { triesAtStart = TRIES_AT_START } = options;
  return {
    idOf: async (subject, schema) => {
      for (let tries = 1; ; tries++) {
        try {
          const asked = registry.getRegistryIdBySchema(subject, { type: SchemaType.AVRO, schema: schema.text });
          return await inTime(asked, ANSWER_WITHIN_MS);
        } catch (error) {
          if (isNotThere(error)) {
            throw new OperatorError(
              `SCHEMA_REGISTRY_URL: ${options.url} does not know this version's schema of subject ${subject}. Run \`queuefold setup\` first.`,
            );
          }
          if (isFinal(error) || tries >= triesAtStart) throw await unreachable(options, error);
          if (tries === 1) options.logger.warn({ error: messageOf(error) }, 'schema registry away, trying again');
          await sleep(RETRY_MS);
        }
      }
    },
    writerOf: async (id) => {
      for (;;) {
        try {
          const schema = await registry.getSchema(id);
          return Type.isType(schema) ? (schema as Type) : null;
        } catch (error) {
          if (isNotThere(error)) return null;
          // Also refused credentials: what the registry does not show is not what it does not have.
          options.logger.warn({ schemaId: id, error: messageOf(error) }, 'schema registry away, trying again');
          await sleep(RETRY_MS);
        }
      }
    },
  };
}

export type RegistryChange = 'unchanged' | 'registered';

/**
 * Registers a schema under a subject with FULL_TRANSITIVE compatibility. The level is set first: the registry client
 * sets it only after the first registration, and throws where another one is set.
 */
export async function registerSchema(
  options: RegistryOptions,
  subject: string,
  schema: AvroSchema,
  mode: 'apply' | 'dry-run',
): Promise<RegistryChange> {
  const registry = clientOf(options);
  const confluent = { type: SchemaType.AVRO, schema: schema.text } as const;
  try {
    await registry.getRegistryIdBySchema(subject, confluent);
    return 'unchanged';
  } catch (error) {
    if (!isNotThere(error)) throw await unreachable(options, error);
  }
  if (mode === 'dry-run') return 'registered';
  try {
    await setCompatibility(options, subject);
    await registry.register(confluent, { subject, compatibility: COMPATIBILITY.FULL_TRANSITIVE });
    return 'registered';
  } catch (error) {
    if (statusOf(error) !== 409) throw await unreachable(options, error);
    throw new OperatorError(
      `subject ${subject}: the registry refuses this version's schema as incompatible (FULL_TRANSITIVE): ${messageOf(error)}. Use another TOPIC_PREFIX, or a version of queuefold that fits.`,
    );
  }
}

async function setCompatibility(options: RegistryOptions, subject: string): Promise<void> {
  const headers: Record<string, string> = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
  if (options.username !== undefined) {
    const credentials = Buffer.from(`${options.username}:${options.password ?? ''}`).toString('base64');
    headers['authorization'] = `Basic ${credentials}`;
  }
  const response = await fetchWith(options.tls ?? null)(
    `${options.url.replace(/\/$/, '')}/config/${encodeURIComponent(subject)}`,
    {
      method: 'PUT',
      headers,
      body: JSON.stringify({ compatibility: 'FULL_TRANSITIVE' }),
      signal: AbortSignal.timeout(10_000),
    },
  );
  if (!response.ok) {
    throw new OperatorError(
      `SCHEMA_REGISTRY_URL: ${options.url} answered ${response.status} to PUT /config/${subject}`,
    );
  }
}

function clientOf({ url, username, password, tls }: RegistryOptions): SchemaRegistry {
  return new SchemaRegistry({
    host: url.replace(/\/$/, ''),
    clientId: 'queuefold',
    ...(username === undefined ? {} : { auth: { username, password: password ?? '' } }),
    ...(tls === undefined ? {} : { agent: new Agent({ ca: tls.ca, cert: tls.cert, key: tls.key }) }),
  });
}

function statusOf(error: unknown): number | undefined {
  return typeof error === 'object' && error !== null && 'status' in error && typeof error.status === 'number'
    ? error.status
    : undefined;
}

/** Some of the client's calls turn a 404, and nothing else, into an error of its own without a status. */
function isNotThere(error: unknown): boolean {
  return statusOf(error) === 404 || (error instanceof Error && error.name === 'ConfluentSchemaRegistryError');
}

/** Trying again does not help: wrong credentials, a schema that is no Avro. (The client says 400 when nobody answers.) */
function isFinal(error: unknown): boolean {
  const status = statusOf(error);
  return status !== undefined && status > 400 && status < 500 && status !== 408 && status !== 429;
}

async function unreachable(options: RegistryOptions, error: unknown): Promise<Error> {
  if (error instanceof OperatorError) return error;
  const { url } = options;
  const status = statusOf(error);
  if (status === 401 || status === 403) {
    return new UsageError(
      `SCHEMA_REGISTRY_URL: ${url} refuses us (HTTP ${status}). Check SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD.`,
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

/** @throws Error when it has neither resolved nor rejected by then */
async function inTime<T>(work: Promise<T>, withinMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${withinMs} ms`)), withinMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The client makes of every network error a text, with the status 400: what it was is asked for once more. */
async function tlsProblem(options: RegistryOptions): Promise<TlsProblem | null> {
  try {
    await fetchWith(options.tls ?? null)(options.url, { signal: AbortSignal.timeout(PROBE_MS) });
    return null;
  } catch (error) {
    return explainTls(error, registryTls(options));
  }
}

export function registryTls({ url, tls }: Pick<RegistryOptions, 'url' | 'tls'>): TlsSettings {
  return {
    ...{ address: 'SCHEMA_REGISTRY_URL', prefix: 'SCHEMA_REGISTRY' },
    hasCertificate: tls?.cert !== undefined,
    peer: peerOf(url),
  };
}
