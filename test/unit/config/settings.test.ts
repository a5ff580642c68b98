import { rootCertificates } from 'node:tls';
import { describe, expect, test } from '@jest/globals';
import { UsageError } from '../../../src/common';
import { type Config, loadConfig, readFlag, integer } from '../../../src/config';
import { SETTING_KEYS, SETTINGS, type SettingKey } from '../../../src/config/settings';
import { createAuthority } from '../../support/network/certificates';

const fromEnv = (env: Readonly<Record<string, string>>) => loadConfig({ env });

function problemOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  }
  throw new Error('it was accepted');
}
const problemIn = (env: Readonly<Record<string, string>>) => problemOf(() => fromEnv(env));

describe('the settings', () => {
  test('are so few that a reader can go through them', () => {
    expect(SETTING_KEYS.length).toBeLessThanOrEqual(62);
  });

  test.each(SETTING_KEYS)('%s says in sentences what it does', (key) => {
    expect(SETTINGS[key].help).toMatch(/^(?:[A-Z*]|oauthbearer).*\.$/);
  });

  const PLACES: readonly (readonly [SettingKey, string, (config: Config) => unknown, unknown])[] = [
    ['KAFKA_COMPRESSION', 'LZ4', ({ kafka }) => kafka.compression, 'lz4'],
    ['CLICKHOUSE_CLUSTER', '{cluster}', ({ clickhouse }) => clickhouse.cluster, '{cluster}'],
    ['CLICKHOUSE_STORAGE_POLICY', 'tiered', ({ clickhouse }) => clickhouse.storagePolicy, 'tiered'],
    ['HISTORY_RETENTION', '30d', ({ clickhouse }) => clickhouse.historyRetentionMs, 30 * 86_400_000],
    ['GENESYS_CHANNELS', '3', ({ genesys }) => genesys.channels, 3],
    ['VISITS', 'off', ({ fold }) => fold.visits, 'off'],
    ['BRIDGE_PENDING_BYTES', '128MiB', ({ bridge }) => bridge.pendingBytes, 134_217_728],
    ['SINK_FLUSH_MS', '50', ({ sink }) => sink.flushMs, 50],
    ['HTTP_HOST', '127.0.0.1', ({ http }) => http.host, '127.0.0.1'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://c:4318/', ({ tracing }) => tracing.endpoint, 'http://c:4318'],
    ['LOG_LEVEL', 'warn', ({ logLevel }) => logLevel, 'warn'],
    ['DATA_DIR', '/data', ({ dataDir }) => dataDir, '/data'],
  ];
  test.each(PLACES)('%s has its place', (key, given, of, value) => {
    expect(of(fromEnv({ [key]: given }))).toEqual(value);
  });

  test.each([
    ['KAFKA_COMPRESSION', 'brotli', 'allowed: none, gzip, snappy, lz4, zstd'],
    ['VISITS', 'maybe', 'VISITS: "maybe" is not one of them (environment VISITS); allowed: on, off'],
    ['ACW_TIMEOUT', '8d', '"8d" is too large'],
    ['BRIDGE_PENDING_BYTES', '64', '"64" is too small'],
    ['GENESYS_CHANNELS', '19', 'a whole number from 1 to 18'],
    ['CLICKHOUSE_CLUSTER', 'a b', 'the name of a cluster, or a macro'],
  ])('%s=%s is refused with what is allowed', (key, given, problem) => {
    expect(problemIn({ [key]: given })).toContain(problem);
  });

  test('the headers of the collector are nothing without it', () => {
    expect(problemIn({ OTEL_EXPORTER_OTLP_HEADERS: 'a=b' })).toContain('needs OTEL_EXPORTER_OTLP_ENDPOINT');
  });
});

describe('the registry', () => {
  const URL = { SCHEMA_REGISTRY_URL: 'https://r' };
  const USER = { SCHEMA_REGISTRY_USERNAME: 'me', SCHEMA_REGISTRY_PASSWORD: 'hidden' };
  const OAUTH = { SCHEMA_REGISTRY_OAUTH_TOKEN_URL: 'https://idp/token', SCHEMA_REGISTRY_OAUTH_SCOPE: 'registry' };

  test('is asked with a user, as the client of an identity provider, or with a token', () => {
    const withUser = fromEnv({ ...URL, ...USER }).registry;
    expect([withUser.username, withUser.password?.reveal(), withUser.oauth]).toEqual(['me', 'hidden', undefined]);
    const { oauth } = fromEnv({ ...URL, ...USER, ...OAUTH }).registry;
    expect(oauth).toMatchObject({ tokenUrl: 'https://idp/token', clientId: 'me', scope: 'registry' });
    expect(oauth?.clientSecret.reveal()).toBe('hidden');
    expect(fromEnv({ ...URL, SCHEMA_REGISTRY_TOKEN: 'bearer' }).registry.token?.reveal()).toBe('bearer');
  });

  test.each(['eyJhbGci\nOiJub25l', 'eyJhbGci\0OiJub25l', 'eyJhbGci…OiJub25l', '  \n '])(
    'gets no token that HTTP cannot carry, and nobody is shown it (%j)',
    (token) => {
      const problem = problemIn({ ...URL, SCHEMA_REGISTRY_TOKEN: token });
      expect(problem).toMatch(
        /^SCHEMA_REGISTRY_TOKEN: (empty|a line end or .*) \(environment SCHEMA_REGISTRY_TOKEN\);/,
      );
      expect(problem).toContain('allowed: a text without line ends');
      expect(problem).not.toContain('eyJ');
    },
  );

  test('is asked in one of these ways, and wholly', () => {
    expect(problemIn({ ...USER, SCHEMA_REGISTRY_TOKEN: 'x' })).toBe(
      'SCHEMA_REGISTRY_TOKEN: set together with SCHEMA_REGISTRY_USERNAME; allowed: one way to authenticate at the registry',
    );
    expect(problemIn(OAUTH)).toContain('needs SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD');
    expect(problemIn({ SCHEMA_REGISTRY_OAUTH_SCOPE: 'x' })).toContain('needs SCHEMA_REGISTRY_OAUTH_TOKEN_URL');
    expect(problemIn({ SCHEMA_REGISTRY_PASSWORD: 'x' })).toContain('needs SCHEMA_REGISTRY_USERNAME');
  });
});

describe('authorities', () => {
  test('of TLS_CA are trusted beside the public ones by everything; those of KAFKA_SSL_CA alone by Kafka', async () => {
    const [ours, kafkas] = await Promise.all([createAuthority(), createAuthority()]);
    const env = {
      ...{ TLS_CA: ours.cert, KAFKA_SSL: 'true' },
      ...{ SCHEMA_REGISTRY_URL: 'https://r', SCHEMA_REGISTRY_OAUTH_TOKEN_URL: 'https://idp/token' },
      ...{ SCHEMA_REGISTRY_USERNAME: 'me', SCHEMA_REGISTRY_PASSWORD: 'hidden' },
    };
    const { kafka, registry, clickhouse } = fromEnv(env);
    for (const ca of [kafka.ssl?.ca, registry.tls.ca, registry.oauth?.ca, clickhouse.tls.ca]) {
      expect(ca?.current()).toContain(ours.cert.trim());
      expect(ca?.current()).toContain(rootCertificates[0]);
    }
    expect(fromEnv({ ...env, KAFKA_SSL_CA: kafkas.cert }).kafka.ssl?.ca?.current()).toBe(kafkas.cert);
    expect(fromEnv({}).clickhouse.tls.ca).toBeUndefined();
  });

  test('the registry gets the client certificate of Kafka, also where Kafka has no TLS', async () => {
    const { cert, key } = await (await createAuthority()).issue({ name: 'queuefold' });
    const pair = { KAFKA_SSL_CERT: cert, KAFKA_SSL_KEY: key };
    const { kafka, registry } = fromEnv({ ...pair, SCHEMA_REGISTRY_URL: 'https://r' });
    expect([kafka.ssl, registry.tls.cert?.current(), registry.tls.key?.reveal()]).toEqual([undefined, cert, key]);
    expect(problemIn(pair)).toBe('KAFKA_SSL_CERT: needs KAFKA_SSL=true, or SCHEMA_REGISTRY_URL to begin with https:');
  });
});

describe('Amazon MSK', () => {
  const MSK = { KAFKA_SSL: 'true', KAFKA_SASL_MECHANISM: 'AWS_MSK_IAM' };

  test.each([
    ['b-1.demo.a1b2c3.c4.kafka.eu-west-1.amazonaws.com:9098', 'eu-west-1'],
    ['boot-x1y2.c1.kafka-serverless.us-gov-west-1.amazonaws.com:9098', 'us-gov-west-1'],
    ['b-1.demo.a1.c2.kafka.cn-north-1.amazonaws.com.cn:9098', 'cn-north-1'],
    ['kafka.example:9098', undefined],
  ])('the name of the broker %s tells its region', (broker, region) => {
    const { sasl } = fromEnv({ ...MSK, KAFKA_BROKERS: `elsewhere:9098,${broker}` }).kafka;
    expect(sasl).toEqual({ mechanism: 'aws_msk_iam', region });
  });

  test('needs TLS', () => {
    expect(problemIn({ ...MSK, KAFKA_SSL: 'false' })).toContain('aws_msk_iam needs KAFKA_SSL=true');
  });
});

test('a flag is checked as a setting is, and named as it was written', () => {
  expect(readFlag('--rate', integer(1, 5), '3')).toBe(3);
  expect(problemOf(() => readFlag('--rate', integer(1, 5), 'fast'))).toBe(
    '--rate: "fast" is not a whole number; allowed: a whole number from 1 to 5',
  );
});
