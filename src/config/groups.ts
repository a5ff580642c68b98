import tls from 'node:tls';
import { deadLetterLimits, type NameKind } from '../common';
import type { ResolvedSettings } from './resolve';
import type { LiveText, Secret } from './secret';

type Groups = ReturnType<typeof groupsOf>;

/** The configuration in force, grouped by subject. Deeply frozen. */
export type Config = { readonly [G in keyof Groups]: Readonly<Groups[G]> };
export type KafkaConfig = Config['kafka'];
export type RegistryConfig = Config['registry'];
export type ClickHouseConfig = Config['clickhouse'];
export type GenesysConfig = Config['genesys'];

/** Undefined: the authorities of Node.js, and no client certificate. */
export interface TlsConfig {
  readonly ca: LiveText | undefined;
  readonly cert: LiveText | undefined;
  readonly key: Secret | undefined;
}

/** Client credentials. */
export interface OAuthConfig {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly scope: string | undefined;
  readonly ca: LiveText | undefined;
}

export type KafkaSasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      readonly password: Secret;
    }
  | (OAuthConfig & { readonly mechanism: 'oauthbearer' })
  /** Region undefined: the brokers’ names do not contain it. */
  | { readonly mechanism: 'aws_msk_iam'; readonly region: string | undefined };

const NAME_KIND = { queues: 'queue', users: 'user', skills: 'skill' } as const satisfies Record<string, NameKind>;

/** @param settings parsed without problems */
export function groupSettings(settings: ResolvedSettings): Config {
  return deepFreeze(groupsOf(settings));
}

/** The place of each setting; the type `Config` follows from it. */
function groupsOf(settings: ResolvedSettings) {
  return {
    kafka: {
      brokers: settings.KAFKA_BROKERS.value,
      clientId: settings.KAFKA_CLIENT_ID.value,
      /** Undefined: no TLS. */
      ssl: kafkaTls(settings),
      sasl: saslConfig(settings),
      compression: settings.KAFKA_COMPRESSION.value,
    },
    registry: {
      url: settings.SCHEMA_REGISTRY_URL.value,
      username: settings.SCHEMA_REGISTRY_USERNAME.value,
      password: settings.SCHEMA_REGISTRY_PASSWORD.value,
      /** A bearer token. */
      token: settings.SCHEMA_REGISTRY_TOKEN.value,
      /** The server that issues bearer tokens. */
      oauth: oauthConfig(settings, 'SCHEMA_REGISTRY'),
      tls: tlsConfig(settings, 'KAFKA'),
    },
    clickhouse: {
      url: settings.CLICKHOUSE_URL.value,
      username: settings.CLICKHOUSE_USERNAME.value,
      password: settings.CLICKHOUSE_PASSWORD.value,
      tls: tlsConfig(settings, 'CLICKHOUSE'),
      database: settings.CLICKHOUSE_DATABASE.value,
      cluster: settings.CLICKHOUSE_CLUSTER.value,
      /** Undefined: the policy stays as it is. */
      storagePolicy: settings.CLICKHOUSE_STORAGE_POLICY.value,
      historyRetentionMs: settings.HISTORY_RETENTION.value,
    },
    genesys: {
      region: settings.GENESYS_REGION.value,
      clientId: settings.GENESYS_CLIENT_ID.value,
      clientSecret: settings.GENESYS_CLIENT_SECRET.value,
      loginUrl: settings.GENESYS_LOGIN_URL.value,
      apiUrl: settings.GENESYS_API_URL.value,
      /** Ids or names; `['*']`: all queues. */
      queues: settings.QUEUES.value,
      /** Empty: the bridge asks for no names. */
      namesOf: (settings.NAMES_OF.value ?? []).map((kinds) => NAME_KIND[kinds]) as readonly NameKind[],
      shard: settings.SHARD.value,
      // Genesys gives an OAuth client 20 channels. Two stay free to replace others.
      channels: settings.GENESYS_CHANNELS.value ?? Math.max(1, Math.floor(18 / settings.SHARD.value.count)),
    },
    /** Secret undefined: the bridge does not offer `POST /events`. */
    events: { secret: settings.EVENTS_SECRET.value },
    topics: {
      prefix: settings.TOPIC_PREFIX.value,
      partitions: settings.PARTITIONS.value,
      replicationFactor: settings.REPLICATION_FACTOR.value,
    },
    fold: {
      closeAfter: settings.CLOSE_AFTER.value,
      acwTimeoutMs: settings.ACW_TIMEOUT.value,
      endedRetentionMs: settings.ENDED_RETENTION.value,
      visits: settings.VISITS.value,
      /** Undefined: as many threads as CPUs. */
      threads: settings.FOLD_THREADS.value,
      standby: settings.FOLD_STANDBY.value,
    },
    bridge: { pendingBytes: settings.BRIDGE_PENDING_BYTES.value },
    limits: { snapshotBytes: settings.LIMIT_SNAPSHOT_BYTES.value },
    deadLetters: deadLetterLimits(settings.DLQ_MAX_CONSECUTIVE.value),
    /** Undefined: no column is masked. */
    privacy: privacyConfig(settings),
    sink: { flushMs: settings.SINK_FLUSH_MS.value },
    board: { password: settings.BOARD_PASSWORD.value, show: settings.BOARD_SHOW.value },
    http: { host: settings.HTTP_HOST.value, port: settings.HTTP_PORT.value },
    /** Endpoint undefined: no tracing. */
    tracing: {
      endpoint: settings.OTEL_EXPORTER_OTLP_ENDPOINT.value,
      headers: settings.OTEL_EXPORTER_OTLP_HEADERS.value,
      ratio: settings.TRACE_RATIO.value,
    },
    logLevel: settings.LOG_LEVEL.value,
    dataDir: settings.DATA_DIR.value,
    /** Every setting with its origin. */
    settings,
  };
}

function kafkaTls(settings: ResolvedSettings): TlsConfig | undefined {
  if (!settings.KAFKA_SSL.value) return undefined;
  const { ca, ...pair } = tlsConfig(settings, 'KAFKA');
  return { ca: settings.KAFKA_SSL_CA.value ?? ca, ...pair };
}

/** @param pair the group whose certificate and key to use */
function tlsConfig(settings: ResolvedSettings, pair: 'KAFKA' | 'CLICKHOUSE'): TlsConfig {
  return {
    ca: trusted(settings),
    cert: settings[`${pair}_SSL_CERT`].value,
    key: settings[`${pair}_SSL_KEY`].value,
  };
}

/** The authorities of Node.js, as far as it lists them, and ours; undefined: only those of Node.js. */
function trusted({ TLS_CA: { value } }: ResolvedSettings): LiveText | undefined {
  return value && { current: () => [value.current(), ...publicAuthorities()].join('\n') };
}

interface Authorities {
  readonly rootCertificates: readonly string[];
  /** From Node.js 22.15 on. */
  readonly getCACertificates?: (type: 'default') => readonly string[];
}

/** Node.js 20 does not list those of NODE_EXTRA_CA_CERTS. */
function publicAuthorities(): readonly string[] {
  const { getCACertificates, rootCertificates } = tls as Authorities;
  return getCACertificates?.('default') ?? rootCertificates;
}

/** rules.ts has checked that each mechanism has its settings. */
function saslConfig(settings: ResolvedSettings): KafkaSasl | undefined {
  const mechanism = settings.KAFKA_SASL_MECHANISM.value;
  if (mechanism === undefined) return undefined;
  if (mechanism === 'aws_msk_iam') return { mechanism, region: regionOf(settings.KAFKA_BROKERS.value) };
  if (mechanism === 'oauthbearer') {
    const oauth = oauthConfig(settings, 'KAFKA_SASL');
    return oauth === undefined ? undefined : { mechanism, ...oauth };
  }
  const username = settings.KAFKA_SASL_USERNAME.value;
  const password = settings.KAFKA_SASL_PASSWORD.value;
  return username === undefined || password === undefined ? undefined : { mechanism, username, password };
}

/** Amazon names its brokers `b-1.cluster.a1b2c3.c4.kafka.eu-west-1.amazonaws.com:9098`. */
function regionOf(brokers: readonly string[] = []): string | undefined {
  return brokers.map((broker) => /\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?:\d+$/.exec(broker)?.[1]).find(Boolean);
}

function oauthConfig(settings: ResolvedSettings, group: 'KAFKA_SASL' | 'SCHEMA_REGISTRY'): OAuthConfig | undefined {
  const tokenUrl = settings[`${group}_OAUTH_TOKEN_URL`].value;
  const clientId = settings[`${group}_USERNAME`].value;
  const clientSecret = settings[`${group}_PASSWORD`].value;
  if (tokenUrl === undefined || clientId === undefined || clientSecret === undefined) return undefined;
  return { tokenUrl, clientId, clientSecret, scope: settings[`${group}_OAUTH_SCOPE`].value, ca: trusted(settings) };
}

function privacyConfig(settings: ResolvedSettings) {
  const mask = settings.PRIVACY_MASK.value;
  const key = settings.PRIVACY_KEY.value;
  return mask !== undefined && key !== undefined ? { mask, key } : undefined;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
