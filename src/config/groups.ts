import tls from 'node:tls';
import { deadLetterLimits, type NameKind } from '../common';
import type { ResolvedSettings } from './resolve';
import type { LiveText, Secret } from './secret';

type Groups = ReturnType<typeof groupsOf>;

/** The configuration in force, by what it is about. Deeply frozen. */
export type Config = { readonly [G in keyof Groups]: Readonly<Groups[G]> };
export type KafkaConfig = Config['kafka'];
export type RegistryConfig = Config['registry'];
export type ClickHouseConfig = Config['clickhouse'];
export type GenesysConfig = Config['genesys'];

/** Undefined: the authorities of Node, no client certificate. */
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
  /** Region undefined: the brokers’ names do not tell it. */
  | { readonly mechanism: 'aws_msk_iam'; readonly region: string | undefined };

const NAME_KIND = { queues: 'queue', users: 'user', skills: 'skill' } as const satisfies Record<string, NameKind>;

/** @param settings parsed without a problem */
export function groupSettings(settings: ResolvedSettings): Config {
  return deepFreeze(groupsOf(settings));
}

/** The place of each setting: what is written here is all that `Config` is. */
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
      /** Where bearer tokens are given. */
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
      /** Undefined: as it is. */
      storagePolicy: settings.CLICKHOUSE_STORAGE_POLICY.value,
      historyRetentionMs: settings.HISTORY_RETENTION.value,
    },
    genesys: {
      region: settings.GENESYS_REGION.value,
      clientId: settings.GENESYS_CLIENT_ID.value,
      clientSecret: settings.GENESYS_CLIENT_SECRET.value,
      loginUrl: settings.GENESYS_LOGIN_URL.value,
      apiUrl: settings.GENESYS_API_URL.value,
      /** Ids or names; `['*']`: all. */
      queues: settings.QUEUES.value,
      /** None: names are not asked for. */
      namesOf: (settings.NAMES_OF.value ?? []).map((kinds) => NAME_KIND[kinds]) as readonly NameKind[],
      shard: settings.SHARD.value,
      // Genesys gives an OAuth client 20, of which two are left to replace others.
      channels: settings.GENESYS_CHANNELS.value ?? Math.max(1, Math.floor(18 / settings.SHARD.value.count)),
    },
    /** Secret undefined: no `POST /events`. */
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
      /** Undefined: as many as there are CPUs. */
      threads: settings.FOLD_THREADS.value,
    },
    bridge: { pendingBytes: settings.BRIDGE_PENDING_BYTES.value },
    limits: { snapshotBytes: settings.LIMIT_SNAPSHOT_BYTES.value },
    deadLetters: deadLetterLimits(settings.DLQ_MAX_CONSECUTIVE.value),
    /** Undefined: nothing is masked. */
    privacy: privacyConfig(settings),
    sink: { flushMs: settings.SINK_FLUSH_MS.value },
    board: { password: settings.BOARD_PASSWORD.value, show: settings.BOARD_SHOW.value },
    http: { host: settings.HTTP_HOST.value, port: settings.HTTP_PORT.value },
    /** Endpoint undefined: nothing is traced. */
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

/** @param pair whose certificate and key */
function tlsConfig(settings: ResolvedSettings, pair: 'KAFKA' | 'CLICKHOUSE'): TlsConfig {
  return {
    ca: trusted(settings),
    cert: settings[`${pair}_SSL_CERT`].value,
    key: settings[`${pair}_SSL_KEY`].value,
  };
}

/** Those of Node, as far as it tells them, and ours; undefined: those of Node alone. */
function trusted({ TLS_CA: { value } }: ResolvedSettings): LiveText | undefined {
  return value && { current: () => [value.current(), ...publicAuthorities()].join('\n') };
}

interface Authorities {
  readonly rootCertificates: readonly string[];
  /** From Node.js 22.15 on. */
  readonly getCACertificates?: (type: 'default') => readonly string[];
}

/** Node.js 20 does not tell those of NODE_EXTRA_CA_CERTS. */
function publicAuthorities(): readonly string[] {
  const { getCACertificates, rootCertificates } = tls as Authorities;
  return getCACertificates?.('default') ?? rootCertificates;
}

/** What a mechanism needs is there: rules.ts. */
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
