import {
  bool,
  brokers,
  duration,
  genesysRegion,
  headerSecret,
  integer,
  number,
  oneOf,
  orOff,
  part,
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
  /** As people would write it; undefined: no default. */
  readonly fallback: string | undefined;
  /** No output shows its value. */
  readonly secret: boolean;
  /** `VARIABLE_FILE` may name a file that holds the value. */
  readonly fromFile: boolean;
}

const SECOND_MS = 1_000;
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

/** Every setting of queuefold, in the order of `queuefold config`. */
export const SETTINGS = {
  TLS_CA: fileable(
    pem(),
    'Certificates of private authorities. queuefold accepts them, beside the public ones, from Kafka, the schema registry, ClickHouse and token URLs.',
  ),

  KAFKA_BROKERS: optional(brokers(), 'Addresses of some Kafka brokers. Any one of them leads to the others.'),
  KAFKA_SSL: setting(bool(), 'false', 'Whether queuefold connects to Kafka with TLS.'),
  KAFKA_SSL_CA: fileable(
    pem(),
    'The only authorities whose certificates queuefold accepts from brokers. Without it, queuefold accepts those of TLS_CA and the public ones.',
  ),
  KAFKA_SSL_CERT: fileable(pem(), 'The client certificate for Kafka and the schema registry, if they require one.'),
  KAFKA_SSL_KEY: confidential(secretPem(), 'The private key of KAFKA_SSL_CERT.'),
  KAFKA_SASL_MECHANISM: optional(
    oneOf(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer', 'aws_msk_iam']),
    'How queuefold authenticates at Kafka. Without it the client certificate, if there is one, identifies the user.',
  ),
  KAFKA_SASL_USERNAME: optional(text(), 'The user at Kafka. With oauthbearer it is the client id.'),
  KAFKA_SASL_PASSWORD: confidential(secret(), 'The password at Kafka. With oauthbearer it is the client secret.'),
  KAFKA_SASL_OAUTH_TOKEN_URL: optional(
    url(),
    'The token endpoint of the identity provider, where oauthbearer gets its tokens.',
  ),
  KAFKA_SASL_OAUTH_SCOPE: optional(text(), 'The scope that oauthbearer asks for.'),
  KAFKA_CLIENT_ID: setting(
    text('letters, digits, . _ and -', /^[A-Za-z0-9._-]{1,200}$/),
    'queuefold',
    'The client id that brokers show in logs and quotas.',
  ),
  KAFKA_COMPRESSION: setting(
    oneOf(['none', 'gzip', 'snappy', 'lz4', 'zstd']),
    'none',
    'How queuefold compresses records before it sends them. Compression saves network and disk, and costs CPU. zstd needs Node.js 22.15.',
  ),

  SCHEMA_REGISTRY_URL: optional(url(), 'The URL of the schema registry, which has to speak the API of Confluent.'),
  SCHEMA_REGISTRY_USERNAME: optional(
    text(),
    'The user at the schema registry. With SCHEMA_REGISTRY_OAUTH_TOKEN_URL it is the client id.',
  ),
  SCHEMA_REGISTRY_PASSWORD: confidential(
    secret(),
    'The password at the schema registry. With SCHEMA_REGISTRY_OAUTH_TOKEN_URL it is the client secret.',
  ),
  SCHEMA_REGISTRY_TOKEN: confidential(headerSecret(), 'A bearer token for the schema registry, instead of a user.'),
  SCHEMA_REGISTRY_OAUTH_TOKEN_URL: optional(
    url(),
    'The token endpoint of the identity provider, where queuefold gets bearer tokens for the schema registry.',
  ),
  SCHEMA_REGISTRY_OAUTH_SCOPE: optional(text(), 'The scope that queuefold asks for at that endpoint.'),

  CLICKHOUSE_URL: optional(url(), 'The URL of the HTTP interface of ClickHouse.'),
  CLICKHOUSE_USERNAME: setting(text(), 'default', 'The user at ClickHouse.'),
  CLICKHOUSE_PASSWORD: confidential(secret(), 'The password at ClickHouse.'),
  CLICKHOUSE_SSL_CERT: fileable(
    pem(),
    'The client certificate for ClickHouse. Without a password it also identifies the user.',
  ),
  CLICKHOUSE_SSL_KEY: confidential(secretPem(), 'The private key of CLICKHOUSE_SSL_CERT.'),
  CLICKHOUSE_DATABASE: setting(identifier, 'queuefold', 'The ClickHouse database of the tables.'),
  CLICKHOUSE_CLUSTER: optional(
    cluster,
    'The cluster on which setup creates the tables (ON CLUSTER). Without it, setup creates them on one server.',
  ),
  CLICKHOUSE_STORAGE_POLICY: optional(
    text('the name of a storage policy', /^[\w.-]+$/),
    'The storage policy of the history, for instance one that moves old parts to cheaper disks.',
  ),
  HISTORY_RETENTION: setting(
    duration(HOUR_MS, 3_650 * DAY_MS),
    '90d',
    'How long ClickHouse keeps the history, which takes most of the disk. Names that Genesys no longer lists stay as long.',
  ),

  GENESYS_REGION: optional(genesysRegion(), 'The region of the organization, as Genesys or AWS names it.'),
  GENESYS_CLIENT_ID: optional(
    text(),
    'The id of the OAuth client of the bridge. Its grant type is client credentials.',
  ),
  GENESYS_CLIENT_SECRET: confidential(secret(), 'The secret of the OAuth client.'),
  GENESYS_LOGIN_URL: optional(url(), 'The URL of the login service of Genesys. Without it, GENESYS_REGION decides.'),
  GENESYS_API_URL: optional(url(), 'The URL of the API of Genesys. Without it, GENESYS_REGION decides.'),
  GENESYS_CHANNELS: optional(
    integer(1, 18),
    'How many notification channels this bridge may open. A channel holds 1,000 queues, and all bridges of an OAuth client have 18 together. Without it, each bridge opens up to 18 divided by the number of shards.',
  ),
  NAMES_OF: setting(
    orOff(someOf(['queues', 'users', 'skills'])),
    'queues,skills',
    'Which names the bridge writes beside the ids. Names of users are personal data of employees. off: no names.',
  ),
  SHARD: setting(
    part(1_000),
    '1/1',
    'The part of the queues that this bridge listens to. With three shards, bridges have 1/3, 2/3 and 3/3. Numbers wrap around, so 4/3 is 1/3 again and numbered pods can use their own numbers.',
  ),

  EVENTS_SECRET: confidential(
    secret({ shortest: 16 }),
    'The secret that programs send with POST /events, for example EventBridge. Without it, the bridge does not serve that path.',
  ),

  QUEUES: setting(texts('ids or names of queues, or *'), '*', 'The queues that the bridge listens to. *: all queues.'),
  TOPIC_PREFIX: setting(
    topicPrefix,
    'genesys',
    'The first part of the names of all topics, groups and transactional ids.',
  ),
  PARTITIONS: setting(
    integer(1, 10_000),
    '12',
    'How many partitions setup gives the topics. A partition is work for one thread of a fold and for one sink; more threads and sinks are idle. You cannot change it later for the same TOPIC_PREFIX.',
  ),
  REPLICATION_FACTOR: setting(integer(1, 100), '3', 'How many brokers hold a copy of each partition.'),

  CLOSE_AFTER: setting(
    oneOf(['disconnect', 'acw']),
    'disconnect',
    'When the fold deletes the row of a conversation: disconnect is after the last hang-up, acw is after the after-call work that follows it.',
  ),
  ACW_TIMEOUT: setting(
    duration(SECOND_MS, 7 * DAY_MS),
    '15m',
    'How long the fold waits for the end of after-call work. Then it closes the row.',
  ),
  ENDED_RETENTION: setting(
    duration(SECOND_MS, 7 * DAY_MS),
    '1h',
    'How long the fold remembers an ended conversation. A late event after that may open it again.',
  ),
  VISITS: setting(
    oneOf(['on', 'off']),
    'on',
    'Whether the fold writes the visits to queues and their outcomes. off: the topic and the table of visits stay empty.',
  ),
  PRIVACY_MASK: optional(
    someOf(['ani', 'dnis', 'subject']),
    'Columns that the bridge replaces by an HMAC before it writes to Kafka. ani or dnis masks both, because it is only known later which address belongs to which. Older records in Kafka stay readable.',
  ),
  PRIVACY_KEY: confidential(
    secretKey(),
    'The key of the HMAC of PRIVACY_MASK. With another key the same number gets another mask.',
  ),

  FOLD_THREADS: optional(
    integer(1, 256),
    'How many threads one fold has. Each thread is a member of the group, so threads beyond PARTITIONS are idle. Without it, a fold has one thread for each CPU of the process. queuefold start folds in one thread.',
  ),
  FOLD_STANDBY: setting(
    oneOf(['on', 'off']),
    'off',
    'Whether the fold keeps copies of the states of other folds. If one fails, another has its states already. on: a fold needs twice the memory for states.',
  ),
  BRIDGE_PENDING_BYTES: setting(
    size(MIB, 4096 * MIB),
    '64MiB',
    'How much memory events may take that wait for Kafka, in bytes. From an eighth of it on, the bridge merges snapshots. When it is full, the bridge stops reading from Genesys.',
  ),
  LIMIT_SNAPSHOT_BYTES: setting(
    size(1024, 7 * MIB),
    '4MiB',
    'The largest snapshot and state of a conversation, in bytes of Avro. queuefold sends larger ones to the dead letters. Brokers must accept records of this size.',
  ),
  DLQ_MAX_CONSECUTIVE: setting(
    integer(0, 1_000_000),
    '100',
    'How many unreadable records in a row stop a fold or sink. It also stops if half of the last 1,000 records are unreadable. 0: it never stops.',
  ),

  SINK_FLUSH_MS: setting(
    integer(10, 60_000),
    '1000',
    'How long the sink collects rows before it inserts them, in milliseconds. A smaller value makes more and smaller parts in ClickHouse.',
  ),

  BOARD_PASSWORD: confidential(
    secret({ shortest: 8 }),
    'The password of the board, for any user name. Without it, the board listens on 127.0.0.1 only, unless a proxy authenticates people.',
  ),
  BOARD_SHOW: optional(
    oneOf(['addresses']),
    'Which personal data the board shows. addresses: numbers of callers and subjects of e-mails. Without it, they never leave the process.',
  ),

  HTTP_PORT: setting(
    integer(0, 65_535),
    '9464',
    'The port of metrics and health. 0: a free port, which queuefold prints.',
  ),
  HTTP_HOST: setting(
    host,
    '::',
    'The address of metrics and health. ::, the default, is every address of IPv6 and IPv4. queuefold start has the default 127.0.0.1.',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(
    url(),
    'The OpenTelemetry collector that gets traces (OTLP over HTTP). Without it, queuefold sends none.',
  ),
  OTEL_EXPORTER_OTLP_HEADERS: confidential(
    secret(),
    'The headers that queuefold sends to the collector, as name=value, separated by commas.',
  ),
  TRACE_RATIO: setting(
    number(0, 1),
    '0.01',
    'The fraction of notifications whose way to the table queuefold traces, from 0 to 1. 1: all notifications.',
  ),
  LOG_LEVEL: setting(
    oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    'info',
    'The lowest level of messages that queuefold logs.',
  ),
  DATA_DIR: setting(text('a path'), '.queuefold', 'The folder in which the embedded parts keep their data.'),
} as const satisfies Readonly<Record<string, Setting<unknown>>>;

/**
 * Names of settings that no longer exist, with the remedy. A process that finds one ends, because the setting would
 * have no effect.
 */
export const FORMER_SETTINGS: ReadonlyMap<string, string> = new Map([
  ['SHARDS', 'SHARD says both, for instance SHARD=2/3 for the second of three'],
]);

export type SettingKey = keyof typeof SETTINGS;

export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

export type SettingValue<K extends SettingKey> = (typeof SETTINGS)[K] extends Setting<infer T> ? T : never;
