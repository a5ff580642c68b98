import type { SASLOptions } from 'kafkajs';
import { type TlsMaterial, UsageError } from '../common';
import {
  type Config,
  type KafkaSasl,
  type OAuthConfig,
  type RegistryConfig,
  requireGroups,
  type TlsConfig,
} from '../config';
import {
  createKafkaAdmin,
  createKafkaLog,
  createMskTokenProvider,
  createRegistrySchemas,
  createTokenProvider,
  type KafkaAdmin,
  type KafkaConnection,
  type KafkaLogOptions,
  type Log,
  type RegistryOptions,
  type SchemaSource,
  topicNames,
  type TopicNames,
} from '../log';
import type { Logger, Metrics } from '../ops';

export interface Connected {
  readonly log: Log;
  readonly schemas: SchemaSource;
  readonly topics: TopicNames;
}

/**
 * Kafka and the registry of the settings. Nothing connects before somebody needs it.
 * @param registryTries how often to ask the registry at the start; a caller that repeats by itself asks once
 */
export function connectKafka(config: Config, logger: Logger, metrics: Metrics, registryTries?: number): Connected {
  const { kafka, registry } = requireGroups(config, ['kafka', 'registry']);
  const tries = registryTries === undefined ? {} : { triesAtStart: registryTries };
  return {
    log: createKafkaLog({ ...kafkaConnection(config, kafka.brokers, logger), metrics }),
    schemas: createRegistrySchemas({ ...registryOptions(config, registry.url, logger), ...tries }),
    topics: topicNames(config.topics.prefix),
  };
}

export function kafkaConnection({ kafka }: Config, brokers: readonly string[], logger: Logger): KafkaLogOptions {
  const { ssl, sasl, clientId, compression } = kafka;
  return {
    brokers,
    clientId,
    logger,
    ...(ssl === undefined ? {} : { ssl: tlsMaterial(ssl) }),
    ...(sasl === undefined ? {} : { sasl: saslOptions(sasl) }),
    ...(compression === 'none' ? {} : { compression }),
  };
}

/** kafkajs reads its options for each connection, so it gets the present content of the files. */
export function tlsMaterial({ ca, cert, key }: TlsConfig): TlsMaterial {
  return {
    get ca() {
      return ca?.current();
    },
    get cert() {
      return cert?.current();
    },
    get key() {
      return key?.reveal();
    },
  };
}

function saslOptions(sasl: KafkaSasl): SASLOptions {
  if (sasl.mechanism === 'aws_msk_iam') {
    return { mechanism: 'oauthbearer', oauthBearerProvider: createMskTokenProvider(regionOf(sasl)) };
  }
  if (sasl.mechanism === 'oauthbearer') {
    return { mechanism: 'oauthbearer', oauthBearerProvider: tokensOf(sasl, 'KAFKA_SASL') };
  }
  return {
    mechanism: sasl.mechanism,
    username: sasl.username,
    get password() {
      return sasl.password.reveal();
    },
  };
}

/**
 * If the brokers' names do not contain the region (a private link with names of its own), it comes from where AWS's own
 * tools find it.
 */
function regionOf({ region }: { readonly region: string | undefined }): string {
  const found = region ?? (process.env['AWS_REGION'] || process.env['AWS_DEFAULT_REGION']);
  if (found !== undefined && found !== '') return found;
  throw new UsageError(
    'KAFKA_SASL_MECHANISM: aws_msk_iam needs the region of the cluster, and the names in KAFKA_BROKERS do not contain it. Set AWS_REGION.',
  );
}

function tokensOf(
  { tokenUrl, clientId, clientSecret, scope, ca }: OAuthConfig,
  settings: 'KAFKA_SASL' | 'SCHEMA_REGISTRY',
): ReturnType<typeof createTokenProvider> {
  const secret = clientSecret.reveal;
  return createTokenProvider({
    settings,
    url: tokenUrl,
    clientId,
    clientSecret: secret,
    scope,
    ca: () => ca?.current(),
  });
}

export async function withKafkaAdmin<T>(
  connection: KafkaConnection,
  work: (admin: KafkaAdmin) => Promise<T>,
): Promise<T> {
  const admin = await createKafkaAdmin(connection);
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
}

export function registryOptions({ registry }: Config, url: string, logger: Logger): RegistryOptions {
  return {
    url,
    logger,
    authorization: registryAuthorization(registry),
    ...(url.startsWith('https:') ? { tls: tlsMaterial(registry.tls) } : {}),
  };
}

/** The value of `Authorization`, from the present files and tokens; null: none. */
function registryAuthorization({ username, password, token, oauth }: RegistryConfig): () => Promise<string | null> {
  if (oauth !== undefined) {
    const tokens = tokensOf(oauth, 'SCHEMA_REGISTRY');
    return async () => `Bearer ${(await tokens()).value}`;
  }
  if (token !== undefined) return () => Promise.resolve(`Bearer ${token.reveal()}`);
  if (username === undefined) return () => Promise.resolve(null);
  return () => Promise.resolve(`Basic ${Buffer.from(`${username}:${password?.reveal() ?? ''}`).toString('base64')}`);
}
