import { type DeadLetterLimits, deadLetterLimits, type NameKind } from '../common';
import type { ResolvedSettings } from './resolve';
import type { LiveText, Secret } from './secret';
import type { SettingValue } from './settings';

/** The configuration in force, by what it is about. Deeply frozen. */
export interface Config {
  readonly kafka: KafkaConfig;
  readonly registry: RegistryConfig;
  readonly clickhouse: ClickHouseConfig;
  readonly genesys: GenesysConfig;
  /** Secret undefined: no `POST /events`. */
  readonly events: { readonly secret: Secret | undefined };
  readonly topics: {
    readonly prefix: string;
    readonly partitions: number;
    readonly replicationFactor: number;
  };
  readonly fold: {
    readonly closeAfter: 'disconnect' | 'acw';
    readonly acwTimeoutMs: number;
    readonly endedRetentionMs: number;
    readonly visits: 'on' | 'off';
  };
  readonly bridge: { readonly pendingBytes: number };
  readonly limits: { readonly snapshotBytes: number };
  readonly deadLetters: DeadLetterLimits;
  /** Undefined: nothing is masked. */
  readonly privacy: { readonly mask: readonly ('ani' | 'dnis' | 'subject')[]; readonly key: Secret } | undefined;
  readonly sink: {
    readonly flushMs: number;
    readonly cleanupGraceMs: number;
  };
  readonly http: { readonly host: string; readonly port: number };
  /** Endpoint undefined: nothing is traced. */
  readonly tracing: {
    readonly endpoint: string | undefined;
    readonly headers: Secret | undefined;
    readonly ratio: number;
  };
  readonly logLevel: SettingValue<'LOG_LEVEL'>;
  readonly dataDir: string;
  /** Every setting with its origin. */
  readonly settings: ResolvedSettings;
}

export interface KafkaConfig {
  readonly brokers: readonly string[] | undefined;
  readonly clientId: string;
  /** Undefined: no TLS. */
  readonly ssl: TlsConfig | undefined;
  readonly sasl: KafkaSasl | undefined;
  readonly compression: SettingValue<'KAFKA_COMPRESSION'>;
}

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
  | { readonly mechanism: 'aws_msk_iam'; readonly region: string };

export interface RegistryConfig {
  readonly url: string | undefined;
  readonly username: string | undefined;
  readonly password: Secret | undefined;
  /** A bearer token. */
  readonly token: Secret | undefined;
  /** Where bearer tokens are given. */
  readonly oauth: OAuthConfig | undefined;
  readonly tls: TlsConfig;
}

export interface ClickHouseConfig {
  readonly url: string | undefined;
  readonly username: string;
  readonly password: Secret | undefined;
  readonly tls: TlsConfig;
  readonly database: string;
  readonly cluster: string | undefined;
  /** Undefined: as it is. */
  readonly storagePolicy: string | undefined;
  readonly historyRetentionMs: number;
}

export interface GenesysConfig {
  readonly region: string | undefined;
  readonly clientId: string | undefined;
  readonly clientSecret: Secret | undefined;
  readonly loginUrl: string | undefined;
  readonly apiUrl: string | undefined;
  /** Ids or names; `['*']`: all. */
  readonly queues: readonly string[];
  /** None: names are not asked for. */
  readonly namesOf: readonly NameKind[];
  readonly shard: { readonly index: number; readonly count: number };
  readonly channels: number;
}

const NAME_KIND = { queues: 'queue', users: 'user', skills: 'skill' } as const satisfies Record<string, NameKind>;

/** @param settings parsed without a problem */
export function groupSettings(settings: ResolvedSettings): Config {
  const { SCHEMA_REGISTRY_URL, CLICKHOUSE_URL, GENESYS_REGION } = settings;
  const config: Config = {
    kafka: kafkaConfig(settings),
    registry: {
      url: SCHEMA_REGISTRY_URL.value,
      username: settings.SCHEMA_REGISTRY_USERNAME.value,
      password: settings.SCHEMA_REGISTRY_PASSWORD.value,
      token: settings.SCHEMA_REGISTRY_TOKEN.value,
      oauth: oauthConfig(settings, 'SCHEMA_REGISTRY_OAUTH'),
      tls: tlsConfig(settings, 'SCHEMA_REGISTRY'),
    },
    clickhouse: {
      url: CLICKHOUSE_URL.value,
      username: settings.CLICKHOUSE_USERNAME.value,
      password: settings.CLICKHOUSE_PASSWORD.value,
      tls: tlsConfig(settings, 'CLICKHOUSE'),
      database: settings.CLICKHOUSE_DATABASE.value,
      cluster: settings.CLICKHOUSE_CLUSTER.value,
      storagePolicy: settings.CLICKHOUSE_STORAGE_POLICY.value,
      historyRetentionMs: settings.HISTORY_RETENTION.value,
    },
    genesys: {
      region: GENESYS_REGION.value,
      clientId: settings.GENESYS_CLIENT_ID.value,
      clientSecret: settings.GENESYS_CLIENT_SECRET.value,
      loginUrl: settings.GENESYS_LOGIN_URL.value,
      apiUrl: settings.GENESYS_API_URL.value,
      queues: settings.QUEUES.value,
      namesOf: (settings.NAMES_OF.value ?? []).map((kinds) => NAME_KIND[kinds]),
      // Pods of one StatefulSet count on from share to share: they are each share's bridges in turn.
      shard: { index: settings.SHARD.value % settings.SHARDS.value, count: settings.SHARDS.value },
      // Genesys gives an OAuth client 20, of which two are left to replace others.
      channels: settings.GENESYS_CHANNELS.value ?? Math.max(1, Math.floor(18 / settings.SHARDS.value)),
    },
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
    },
    bridge: { pendingBytes: settings.BRIDGE_PENDING_BYTES.value },
    limits: { snapshotBytes: settings.LIMIT_SNAPSHOT_BYTES.value },
    deadLetters: deadLetterLimits(settings.DLQ_MAX_CONSECUTIVE.value),
    privacy: privacyConfig(settings),
    sink: {
      flushMs: settings.SINK_FLUSH_MS.value,
      cleanupGraceMs: settings.SINK_CLEANUP_GRACE.value,
    },
    http: { host: settings.HTTP_HOST.value, port: settings.HTTP_PORT.value },
    tracing: {
      endpoint: settings.OTEL_EXPORTER_OTLP_ENDPOINT.value,
      headers: settings.OTEL_EXPORTER_OTLP_HEADERS.value,
      ratio: settings.TRACE_RATIO.value,
    },
    logLevel: settings.LOG_LEVEL.value,
    dataDir: settings.DATA_DIR.value,
    settings,
  };
  return deepFreeze(config);
}

function kafkaConfig(settings: ResolvedSettings): KafkaConfig {
  return {
    brokers: settings.KAFKA_BROKERS.value,
    clientId: settings.KAFKA_CLIENT_ID.value,
    ssl: settings.KAFKA_SSL.value ? tlsConfig(settings, 'KAFKA') : undefined,
    sasl: saslConfig(settings),
    compression: settings.KAFKA_COMPRESSION.value,
  };
}

function tlsConfig(settings: ResolvedSettings, group: 'KAFKA' | 'SCHEMA_REGISTRY' | 'CLICKHOUSE'): TlsConfig {
  return {
    ca: settings[`${group}_SSL_CA`].value,
    cert: settings[`${group}_SSL_CERT`].value,
    key: settings[`${group}_SSL_KEY`].value,
  };
}

/** What a mechanism needs is there: rules.ts. */
function saslConfig(settings: ResolvedSettings): KafkaSasl | undefined {
  const mechanism = settings.KAFKA_SASL_MECHANISM.value;
  if (mechanism === undefined) return undefined;
  if (mechanism === 'aws_msk_iam') {
    const region = settings.KAFKA_SASL_AWS_REGION.value;
    return region === undefined ? undefined : { mechanism, region };
  }
  if (mechanism === 'oauthbearer') {
    const oauth = oauthConfig(settings, 'KAFKA_SASL_OAUTH');
    return oauth === undefined ? undefined : { mechanism, ...oauth };
  }
  const username = settings.KAFKA_SASL_USERNAME.value;
  const password = settings.KAFKA_SASL_PASSWORD.value;
  return username === undefined || password === undefined ? undefined : { mechanism, username, password };
}

function oauthConfig(
  settings: ResolvedSettings,
  group: 'KAFKA_SASL_OAUTH' | 'SCHEMA_REGISTRY_OAUTH',
): OAuthConfig | undefined {
  const tokenUrl = settings[`${group}_TOKEN_URL`].value;
  const clientId = settings[`${group}_CLIENT_ID`].value;
  const clientSecret = settings[`${group}_CLIENT_SECRET`].value;
  if (tokenUrl === undefined || clientId === undefined || clientSecret === undefined) return undefined;
  const scope = settings[`${group}_SCOPE`].value;
  return { tokenUrl, clientId, clientSecret, scope, ca: settings[`${group}_SSL_CA`].value };
}

function privacyConfig(settings: ResolvedSettings): Config['privacy'] {
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
