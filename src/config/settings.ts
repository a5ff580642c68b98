import {
  bool,
  brokers,
  duration,
  genesysRegion,
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
  /** As people would write it; undefined: none. */
  readonly fallback: string | undefined;
  /** Never shown. */
  readonly secret: boolean;
  /** `VARIABLE_FILE` names a file that holds the value. */
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

/** Every setting of queuefold, in the order in which `queuefold config` shows them. */
export const SETTINGS = {
  TLS_CA: fileable(
    pem(),
    'Certificates of private authorities. Kafka, the schema registry, ClickHouse and token URLs may have certificates of these and of the public authorities.',
  ),

  KAFKA_BROKERS: optional(brokers(), 'Addresses of some Kafka brokers. Any one of them leads to the others.'),
  KAFKA_SSL: setting(bool(), 'false', 'Whether connections to Kafka use TLS.'),
  KAFKA_SSL_CA: fileable(
    pem(),
    'The only authorities whose certificates queuefold accepts from brokers. Without it, those of TLS_CA and the public ones.',
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
    'Where oauthbearer gets its tokens: the token endpoint of the identity provider.',
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
    'How queuefold compresses records before it sends them. It saves network and disk, and costs CPU. zstd needs Node.js 22.15.',
  ),

  SCHEMA_REGISTRY_URL: optional(url(), 'The schema registry. It speaks the API of Confluent.'),
  SCHEMA_REGISTRY_USERNAME: optional(
    text(),
    'The user at the schema registry. With SCHEMA_REGISTRY_OAUTH_TOKEN_URL it is the client id.',
  ),
  SCHEMA_REGISTRY_PASSWORD: confidential(
    secret(),
    'The password at the schema registry. With SCHEMA_REGISTRY_OAUTH_TOKEN_URL it is the client secret.',
  ),
  SCHEMA_REGISTRY_TOKEN: confidential(secret(), 'A bearer token for the schema registry, instead of a user.'),
  SCHEMA_REGISTRY_OAUTH_TOKEN_URL: optional(
    url(),
    'Where queuefold gets bearer tokens for the schema registry: the token endpoint of the identity provider.',
  ),
  SCHEMA_REGISTRY_OAUTH_SCOPE: optional(text(), 'The scope that queuefold asks for at that endpoint.'),

  CLICKHOUSE_URL: optional(url(), 'The HTTP interface of ClickHouse.'),
  CLICKHOUSE_USERNAME: setting(text(), 'default', 'The user at ClickHouse.'),
  CLICKHOUSE_PASSWORD: confidential(secret(), 'The password at ClickHouse.'),
  CLICKHOUSE_SSL_CERT: fileable(
    pem(),
    'The client certificate for ClickHouse. Without a password it also says who the user is.',
  ),
  CLICKHOUSE_SSL_KEY: confidential(secretPem(), 'The private key of CLICKHOUSE_SSL_CERT.'),
  CLICKHOUSE_DATABASE: setting(identifier, 'queuefold', 'The database of the tables.'),
  CLICKHOUSE_CLUSTER: optional(
    cluster,
    'The cluster on which setup creates the tables (ON CLUSTER). Without it they are on one server.',
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
  GENESYS_CLIENT_ID: optional(text(), 'The OAuth client of the bridge. It has the grant type client credentials.'),
  GENESYS_CLIENT_SECRET: confidential(secret(), 'The secret of the OAuth client.'),
  GENESYS_LOGIN_URL: optional(url(), 'The login service. Without it GENESYS_REGION says where it is.'),
  GENESYS_API_URL: optional(url(), 'The API. Without it GENESYS_REGION says where it is.'),
  GENESYS_CHANNELS: optional(
    integer(1, 18),
    'How many notification channels this bridge may have, for 1,000 queues each. All bridges of an OAuth client share 18; without this setting it is 18 divided by the number of shards.',
  ),
  NAMES_OF: setting(
    orOff(someOf(['queues', 'users', 'skills'])),
    'queues,skills',
    'Which names the bridge keeps beside the ids. Names of users are personal data of employees. off: none.',
  ),
  SHARD: setting(
    part(1_000),
    '1/1',
    'The part of the queues that this bridge listens to. With three shards, bridges have 1/3, 2/3 and 3/3. Numbers go round, so 4/3 is 1/3 again: numbered pods can use their numbers.',
  ),

  EVENTS_SECRET: confidential(
    secret({ shortest: 16 }),
    'The secret of those who send to POST /events, such as EventBridge. Without it the bridge has no such path.',
  ),

  QUEUES: setting(texts('ids or names of queues, or *'), '*', 'The queues that the bridge listens to. *: all.'),
  TOPIC_PREFIX: setting(
    topicPrefix,
    'genesys',
    'The first part of the names of all topics, groups and transactional ids.',
  ),
  PARTITIONS: setting(
    integer(1, 10_000),
    '12',
    'How many partitions setup gives the topics. It is the most folds and sinks that can work at once, and never changes for a prefix.',
  ),
  REPLICATION_FACTOR: setting(integer(1, 100), '3', 'How many brokers have a copy of each partition.'),

  CLOSE_AFTER: setting(
    oneOf(['disconnect', 'acw']),
    'disconnect',
    'When the row of a conversation is deleted: after the last hang-up, or after the after-call work that follows it.',
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
    'Whether the fold writes what became of each visit to a queue. off: the topic and the table of visits stay empty.',
  ),
  PRIVACY_MASK: optional(
    someOf(['ani', 'dnis', 'subject']),
    'Columns that the bridge replaces by an HMAC before Kafka. What reached Kafka before stays readable.',
  ),
  PRIVACY_KEY: confidential(secretKey(), 'The key of that HMAC. With another key the same number has another mask.'),

  FOLD_THREADS: optional(
    integer(1, 256),
    'In how many threads one fold works. Each is a member of the group, so more than PARTITIONS are idle. Without it there are as many as the process has CPUs. start folds in one.',
  ),
  BRIDGE_PENDING_BYTES: setting(
    size(MIB, 4096 * MIB),
    '64MiB',
    'Memory for events that wait for Kafka, in bytes. From an eighth of it on the bridge merges snapshots; when it is full the bridge stops reading.',
  ),
  LIMIT_SNAPSHOT_BYTES: setting(
    size(1024, 7 * MIB),
    '4MiB',
    'The largest snapshot and state of a conversation, in bytes of Avro. Larger ones go to the dead letters. Brokers must take records of this size.',
  ),
  DLQ_MAX_CONSECUTIVE: setting(
    integer(0, 1_000_000),
    '100',
    'How many unreadable records in a row stop a fold or sink. Half of the last 1,000 stop it too. 0: nothing does.',
  ),

  SINK_FLUSH_MS: setting(
    integer(10, 60_000),
    '1000',
    'How many milliseconds rows wait at most before the sink inserts them. Less makes more and smaller parts in ClickHouse.',
  ),

  BOARD_PASSWORD: confidential(
    secret({ shortest: 8 }),
    'The password of the board, for any user name. Without one the board listens on 127.0.0.1 only, unless a proxy authenticates people.',
  ),
  BOARD_SHOW: optional(
    oneOf(['addresses']),
    'With addresses, the board shows the numbers of callers and the subjects of e-mails, which are personal data. Unset: they never leave the process.',
  ),

  HTTP_PORT: setting(integer(0, 65_535), '9464', 'The port of metrics and health. 0: a free one, which is printed.'),
  HTTP_HOST: setting(
    host,
    '::',
    'The address of metrics and health. :: is all of IPv6 and IPv4. The default of start is 127.0.0.1.',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(
    url(),
    'The OpenTelemetry collector that gets traces (OTLP over HTTP). Without it there are none.',
  ),
  OTEL_EXPORTER_OTLP_HEADERS: confidential(secret(), 'Headers for the collector, as name=value, separated by commas.'),
  TRACE_RATIO: setting(
    number(0, 1),
    '0.01',
    'The fraction of notifications that get a trace on their way to the table. 1: all.',
  ),
  LOG_LEVEL: setting(
    oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    'info',
    'The lowest level that queuefold logs.',
  ),
  DATA_DIR: setting(text('a path'), '.queuefold', 'The folder in which the embedded parts keep their data.'),
} as const satisfies Readonly<Record<string, Setting<unknown>>>;

/** Names of settings that no longer exist, and what to do. A process that has one ends: what it asks for would not happen. */
export const FORMER_SETTINGS: Readonly<Record<string, string>> = {
  SHARDS: 'SHARD says both, for instance SHARD=2/3 for the second of three',
};

export type SettingKey = keyof typeof SETTINGS;

export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

export type SettingValue<K extends SettingKey> = (typeof SETTINGS)[K] extends Setting<infer T> ? T : never;
