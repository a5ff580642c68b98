import { inspect } from 'node:util';
import { messageOf, OperatorError, type TlsMaterial, UsageError } from '../common';
import { createMskTokenProvider, type KafkaConnection, type RegistryOptions as RegistryAddress } from '../log';
import { createLogging, type Logger } from '../ops';
import type { ClientLogger, ClientOptions, RegistryOptions, SaslOptions, TlsOptions } from './types';

/**
 * Translates a program's options into those of the lower modules. It checks them, because programs in JavaScript have no
 * types.
 */

export type RegistryAccess = Omit<RegistryAddress, 'logger' | 'triesAtStart' | 'signal'>;

const DEFAULT_PREFIX = 'genesys';
const DEFAULT_CLIENT_ID = 'queuefold-client';

/** @throws UsageError that names the option, the value and the remedy */
export function readConnection(options: ClientOptions, logger: Logger): KafkaConnection {
  const { clientId = DEFAULT_CLIENT_ID, tls, sasl } = options;
  return {
    brokers: brokersOf(options.brokers),
    clientId: textOf('clientId', clientId, 'a name, such as queuefold-client'),
    logger,
    ...(tls === undefined ? {} : { ssl: tls === true ? NO_MATERIAL : tlsOf('tls', tls) }),
    ...(sasl === undefined ? {} : { sasl: saslOf(sasl) }),
  };
}

/** @throws UsageError */
export function readRegistry(options: ClientOptions): RegistryAccess {
  const given: unknown = options.registry;
  const registry: Partial<RegistryOptions> =
    typeof given === 'object' && given !== null ? given : { url: given as string };
  const url = textOf('registry', registry.url, 'its URL, such as http://localhost:8081');
  if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url))
    throw wrong('registry', url, 'Write its URL, such as http://localhost:8081.');
  const { username, password = '', token, tls } = registry;
  const credentials =
    token !== undefined
      ? `Bearer ${token}`
      : username === undefined
        ? null
        : `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  return {
    url,
    authorization: () => Promise.resolve(credentials),
    ...(tls === undefined ? {} : { tls: tlsOf('registry.tls', tls) }),
  };
}

/** @throws UsageError */
export function readPrefix({ prefix = DEFAULT_PREFIX }: ClientOptions): string {
  if (!/^[A-Za-z0-9._-]{1,200}$/.test(textOf('prefix', prefix, 'the TOPIC_PREFIX of the pipeline, such as genesys')))
    throw wrong('prefix', prefix, 'A topic’s name has letters, digits, dots, hyphens and underscores only.');
  return prefix;
}

/** @throws UsageError */
export function readSince(since: unknown): () => number {
  const read = (): number => {
    const at: unknown = typeof since === 'function' ? (since as () => unknown)() : since;
    if (at instanceof Date && !Number.isNaN(at.getTime())) return at.getTime();
    throw wrong('since', at, 'Write a Date, or a function that returns one.');
  };
  read();
  return read;
}

/** Passes log lines of the lower modules to the program's logger, as fields and a sentence, with secrets masked. */
export function loggerFor({ logger, sasl, registry }: ClientOptions): Logger {
  const secrets = [
    sasl !== undefined && 'password' in sasl ? sasl.password : '',
    typeof registry === 'object' ? (registry.password ?? '') : '',
    typeof registry === 'object' ? (registry.token ?? '') : '',
  ].filter((secret) => secret !== '');
  const write = (line: string): void => pass(logger, line);
  return createLogging({ level: logger === undefined ? 'silent' : 'info', format: 'json', secrets, write }).logger;
}

function pass(logger: ClientLogger | undefined, line: string): void {
  const { level, msg = '', ...fields } = JSON.parse(line) as { level: string; msg?: string };
  if (level === 'info') logger?.info(fields, msg);
  else if (level === 'warn') logger?.warn(fields, msg);
  else logger?.error(fields, msg);
}

/**
 * Messages of the lower modules name settings of the command line; this table gives the options instead. Longer names
 * come first.
 */
const OPTION_NAMES: readonly (readonly [RegExp, string | ((name: string, part: string) => string)])[] = [
  [/set KAFKA_SSL=false/g, 'leave out the option tls'],
  [/ \(with SCHEMA_REGISTRY_OAUTH_TOKEN_URL those of the client\)/g, ''],
  [/SCHEMA_REGISTRY_(USERNAME|PASSWORD|TOKEN)/g, (_, part) => `registry.${part.toLowerCase()}`],
  [/KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and the KAFKA_SASL_OAUTH_… settings/g, 'sasl.token'],
  [/the KAFKA_SASL_… and KAFKA_SSL_… settings/g, 'the options sasl and tls'],
  [/KAFKA_SASL_(MECHANISM|USERNAME|PASSWORD)/g, (_, part) => `sasl.${part.toLowerCase()}`],
  [/SCHEMA_REGISTRY_URL/g, 'registry'],
  [/KAFKA_BROKERS/g, 'brokers'],
  [/TOPIC_PREFIX/g, 'prefix'],
  [
    /Run `queuefold setup` to create the topics\.$/,
    'Does the option prefix match TOPIC_PREFIX of the pipeline? Run `queuefold setup` to create the topics.',
  ],
];
/** On the command line Kafka and the registry share a client certificate; here each has its own options. */
const TLS_NAMES = /(?:KAFKA_SSL|TLS)_(CA|CERT|KEY)(?:_FILE)?/g;

/** The same kind of error, in the words of the options. */
export function inOptions(error: unknown): Error {
  const message = messageOf(error);
  const tls = message.startsWith('SCHEMA_REGISTRY_URL') ? 'registry.tls' : 'tls';
  const text = OPTION_NAMES.reduce(
    (said, [name, option]) => (typeof option === 'string' ? said.replace(name, option) : said.replace(name, option)),
    message.replace(TLS_NAMES, (_, part: string) => `${tls}.${part.toLowerCase()}`),
  );
  if (error instanceof UsageError) return new UsageError(text, { cause: error });
  return error instanceof OperatorError ? new OperatorError(text, { cause: error }) : new Error(text, { cause: error });
}

const NO_MATERIAL: TlsMaterial = { ca: undefined, cert: undefined, key: undefined };

function tlsOf(option: string, given: TlsOptions): TlsMaterial {
  if (typeof (given as unknown) !== 'object') throw wrong(option, given, 'Write true, or { ca, cert, key }.');
  const { ca, cert, key } = given;
  for (const [name, text] of Object.entries({ ca, cert, key })) {
    if (text !== undefined && !text.includes('-----BEGIN '))
      throw new UsageError(`${option}.${name}: no PEM text. Write the content of the file, not its name.`);
  }
  if ((cert === undefined) !== (key === undefined))
    throw new UsageError(`${option}: only one of cert and key is there. A client certificate needs both.`);
  return { ca, cert, key };
}

function saslOf(sasl: SaslOptions): NonNullable<KafkaConnection['sasl']> {
  switch (sasl.mechanism) {
    case 'plain':
    case 'scram-sha-256':
    case 'scram-sha-512':
      return {
        mechanism: sasl.mechanism,
        username: textOf('sasl.username', sasl.username, 'the user’s name'),
        password: secretOf('sasl.password', sasl.password),
      };
    case 'oauthbearer': {
      const { token } = sasl;
      if (typeof (token as unknown) !== 'function')
        throw new UsageError(`sasl.token: ${typeof token}. Write an async function that returns the token.`);
      return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await token() }) };
    }
    case 'aws_msk_iam': {
      const region = textOf('sasl.region', sasl.region, 'the AWS region, such as eu-west-1');
      return { mechanism: 'oauthbearer', oauthBearerProvider: createMskTokenProvider(region) };
    }
    default:
      throw wrong(
        'sasl.mechanism',
        (sasl as { mechanism?: unknown }).mechanism,
        'It is plain, scram-sha-256, scram-sha-512, oauthbearer or aws_msk_iam.',
      );
  }
}

function brokersOf(brokers: unknown): readonly string[] {
  const remedy = "Write a list of host:port, such as ['localhost:9092'].";
  if (!Array.isArray(brokers) || brokers.length === 0) throw wrong('brokers', brokers, remedy);
  for (const [index, broker] of brokers.entries()) {
    if (typeof broker !== 'string' || !/^(\[[0-9A-Fa-f:.]+\]|[^\s:/,]+):\d{1,5}$/.test(broker))
      throw wrong(`brokers[${index}]`, broker, 'Write host:port, such as localhost:9092.');
  }
  return brokers as readonly string[];
}

function textOf(option: string, value: unknown, what: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw wrong(option, value, `Write ${what}.`);
}

function secretOf(option: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new UsageError(`${option}: ${value === '' ? 'empty' : 'missing'}. Write the password.`);
}

function wrong(option: string, value: unknown, remedy: string): UsageError {
  const shown = typeof value === 'string' ? `"${value}"` : value === undefined ? 'missing' : printable(value);
  return new UsageError(`${option}: ${shown}. ${remedy}`);
}

function printable(value: unknown): string {
  return typeof value === 'function' ? 'a function' : inspect(value, { depth: 1, breakLength: Infinity });
}
