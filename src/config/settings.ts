import {
  bool,
  brokers,
  duration,
  genesysRegion,
  integer,
  number,
  oneOf,
  orOff,
  pem,
  secret,
  secretKey,
  secretPem,
  size,
  someOf,
  text,
  texts,
  url,
  type Kind,
} from './kinds';

export interface Setting<T> extends Kind<T> {
  readonly help: string;
  /** As people would write it; undefined: none. */
  readonly fallback: string | undefined;
  /** Never shown. */
  readonly secret: boolean;
  /** `VARIABLE_FILE` names a file that holds the value. */
  readonly fromFile: boolean;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MIB = 1024 * 1024;

function setting<T>(kind: Kind<T>, fallback: string, help: string): Setting<T> {
  return { ...kind, help, fallback, secret: false, fromFile: false };
}

function optional<T>(kind: Kind<T>, help: string): Setting<T | undefined> {
  return { ...kind, help, fallback: undefined, secret: false, fromFile: false };
}

function fileable<T>(kind: Kind<T>, help: string): Setting<T | undefined> {
  return { ...optional(kind, help), fromFile: true };
}

function confidential<T>(kind: Kind<T>, help: string): Setting<T | undefined> {
  return { ...fileable(kind, help), secret: true };
}

const topicPrefix = text('letters, digits, . _ and -, at most 180', /^[A-Za-z0-9][A-Za-z0-9._-]{0,179}$/);
const identifier = text('letters, digits and _, not starting with a digit', /^[A-Za-z_][A-Za-z0-9_]{0,127}$/);
const cluster = text('the name of a cluster, or a macro such as {cluster}', /^(\{\w+\}|[A-Za-z0-9_.-]+)$/);
const host = text('a host name or IP address', /^[A-Za-z0-9._:-]+$/);

/** Every setting of queuefold, in the order in which `queuefold config` shows them. */
export const SETTINGS = {
  KAFKA_BROKERS: optional(brokers(), 'Kafka bootstrap brokers'),
  KAFKA_SSL: setting(bool(), 'false', 'TLS to Kafka'),
  KAFKA_SSL_CA: fileable(pem(), 'certificates of the authorities that signed the brokers’ ones'),
  KAFKA_SSL_CERT: fileable(pem(), 'client certificate'),
  KAFKA_SSL_KEY: confidential(secretPem(), 'key of the client certificate'),
  KAFKA_SASL_MECHANISM: optional(
    oneOf(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer', 'aws_msk_iam']),
    'authentication at Kafka',
  ),
  KAFKA_SASL_USERNAME: optional(text(), 'user at Kafka'),
  KAFKA_SASL_PASSWORD: confidential(secret(), 'password at Kafka'),
  KAFKA_SASL_OAUTH_TOKEN_URL: optional(url(), 'oauthbearer: where tokens are given (client credentials)'),
  KAFKA_SASL_OAUTH_CLIENT_ID: optional(text(), 'oauthbearer: client id'),
  KAFKA_SASL_OAUTH_CLIENT_SECRET: confidential(secret(), 'oauthbearer: client secret'),
  KAFKA_SASL_OAUTH_SCOPE: optional(text(), 'oauthbearer: scope that is asked for'),
  KAFKA_SASL_OAUTH_SSL_CA: fileable(pem(), 'oauthbearer: authorities that signed the token URL’s certificate'),
  KAFKA_SASL_AWS_REGION: optional(text('such as eu-west-1', /^[a-z0-9-]{5,30}$/), 'aws_msk_iam: region of the cluster'),
  KAFKA_CLIENT_ID: setting(text('letters, digits, . _ and -', /^[A-Za-z0-9._-]{1,200}$/), 'queuefold', 'client id'),
  KAFKA_COMPRESSION: setting(
    oneOf(['none', 'gzip', 'snappy', 'lz4', 'zstd']),
    'none',
    'how records are compressed before Kafka; zstd needs Node.js ≥ 22.15',
  ),

  SCHEMA_REGISTRY_URL: optional(url(), 'schema registry (Confluent API)'),
  SCHEMA_REGISTRY_USERNAME: optional(text(), 'user at the schema registry'),
  SCHEMA_REGISTRY_PASSWORD: confidential(secret(), 'password at the schema registry'),
  SCHEMA_REGISTRY_TOKEN: confidential(secret(), 'bearer token for the schema registry'),
  SCHEMA_REGISTRY_OAUTH_TOKEN_URL: optional(url(), 'where tokens for the registry are given (client credentials)'),
  SCHEMA_REGISTRY_OAUTH_CLIENT_ID: optional(text(), 'client id there'),
  SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET: confidential(secret(), 'client secret there'),
  SCHEMA_REGISTRY_OAUTH_SCOPE: optional(text(), 'scope that is asked for there'),
  SCHEMA_REGISTRY_OAUTH_SSL_CA: fileable(pem(), 'authorities that signed that URL’s certificate'),
  SCHEMA_REGISTRY_SSL_CA: fileable(pem(), 'authorities that signed the registry’s certificate'),
  SCHEMA_REGISTRY_SSL_CERT: fileable(pem(), 'client certificate for the registry'),
  SCHEMA_REGISTRY_SSL_KEY: confidential(secretPem(), 'key of that certificate'),

  CLICKHOUSE_URL: optional(url(), 'ClickHouse, HTTP interface'),
  CLICKHOUSE_USERNAME: setting(text(), 'default', 'user at ClickHouse'),
  CLICKHOUSE_PASSWORD: confidential(secret(), 'password at ClickHouse'),
  CLICKHOUSE_SSL_CA: fileable(pem(), 'authorities that signed ClickHouse’s certificate'),
  CLICKHOUSE_SSL_CERT: fileable(pem(), 'client certificate for ClickHouse'),
  CLICKHOUSE_SSL_KEY: confidential(secretPem(), 'key of that certificate'),
  CLICKHOUSE_DATABASE: setting(identifier, 'queuefold', 'database of the tables'),
  CLICKHOUSE_CLUSTER: optional(cluster, 'cluster on which the tables are created (ON CLUSTER)'),
  CLICKHOUSE_STORAGE_POLICY: optional(text('the name of a storage policy', /^[\w.-]+$/), 'where the history is stored'),
  HISTORY_RETENTION: setting(duration(HOUR_MS, 3_650 * DAY_MS), '90d', 'how long the history is kept'),

  GENESYS_REGION: optional(genesysRegion(), 'region of the organization'),
  GENESYS_CLIENT_ID: optional(text(), 'OAuth client (client credentials)'),
  GENESYS_CLIENT_SECRET: confidential(secret(), 'secret of the OAuth client'),
  GENESYS_LOGIN_URL: optional(url(), 'login service; from the region'),
  GENESYS_API_URL: optional(url(), 'API; from the region'),
  GENESYS_CHANNELS: optional(integer(1, 18), 'notification channels of this bridge; 18 shared out among SHARDS'),
  NAMES_OF: setting(
    orOff(someOf(['queues', 'users', 'skills'])),
    'queues,skills',
    'names that are kept beside the ids; users’ are personal data; off: none',
  ),
  SHARDS: setting(integer(1, 1_000), '1', 'into how many shares the queues are divided'),
  SHARD: setting(integer(0, 99_999), '0', 'number of this bridge among all; its share is the remainder by SHARDS'),

  EVENTS_SECRET: confidential(secret({ shortest: 16 }), 'opens POST /events of the bridge, for EventBridge'),

  QUEUES: setting(texts('ids or names of queues, or *'), '*', 'queues to watch'),
  TOPIC_PREFIX: setting(topicPrefix, 'genesys', 'beginning of the topics’ names'),
  PARTITIONS: setting(integer(1, 10_000), '12', 'partitions of events, state and changelog'),
  REPLICATION_FACTOR: setting(integer(1, 100), '3', 'copies of each partition'),

  CLOSE_AFTER: setting(oneOf(['disconnect', 'acw']), 'disconnect', 'when a row is closed'),
  ACW_TIMEOUT: setting(duration(SECOND_MS, 7 * DAY_MS), '15m', 'longest wait for after-call work'),
  ENDED_RETENTION: setting(duration(SECOND_MS, 7 * DAY_MS), '1h', 'how long an ended conversation is remembered'),
  VISITS: setting(oneOf(['on', 'off']), 'on', 'whether the fold writes what became of each visit to a queue'),
  PRIVACY_MASK: optional(someOf(['ani', 'dnis', 'subject']), 'columns replaced by an HMAC before Kafka'),
  PRIVACY_KEY: confidential(secretKey(), 'key of that HMAC'),

  BRIDGE_PENDING_BYTES: setting(
    size(MIB, 4096 * MIB),
    '64MiB',
    'memory for what waits for Kafka: from an eighth on snapshots are merged, at all of it the bridge stops reading',
  ),
  LIMIT_SNAPSHOT_BYTES: setting(size(1024, 7 * MIB), '4MiB', 'largest snapshot and state, as Avro'),
  DLQ_MAX_CONSECUTIVE: setting(
    integer(0, 1_000_000),
    '100',
    'unreadable records in a row that stop a task, as does half of the last 1,000; 0: nothing stops it',
  ),

  SINK_FLUSH_MS: setting(integer(10, 60_000), '1000', 'longest wait before rows are inserted'),
  SINK_CLEANUP_GRACE: setting(
    duration(10 * MINUTE_MS, 7 * DAY_MS),
    '1h',
    'how long they stay; a sink that stores nothing for half of it ends',
  ),

  HTTP_PORT: setting(integer(0, 65_535), '9464', 'port of metrics and health; 0: a free one, printed'),
  HTTP_HOST: setting(host, '::', 'address of metrics and health; ::, all of IPv6 and IPv4 (start: 127.0.0.1)'),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(url(), 'OpenTelemetry collector (OTLP over HTTP), for traces; without it none'),
  OTEL_EXPORTER_OTLP_HEADERS: confidential(secret(), 'headers for the collector: name=value,…'),
  TRACE_RATIO: setting(number(0, 1), '0.01', 'share of the notifications whose way to the table is traced'),
  LOG_LEVEL: setting(
    oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    'info',
    'least important log lines that are written',
  ),
  DATA_DIR: setting(text('a path'), '.queuefold', 'where the embedded parts keep their data'),
} as const satisfies Readonly<Record<string, Setting<unknown>>>;

export type SettingKey = keyof typeof SETTINGS;

export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

export type SettingValue<K extends SettingKey> = (typeof SETTINGS)[K] extends Setting<infer T> ? T : never;
