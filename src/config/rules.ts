import { createPrivateKey, X509Certificate } from 'node:crypto';
import zlib from 'node:zlib';
import { isChosen } from './origin';
import type { ParsedSettings } from './resolve';
import type { SettingKey } from './settings';

/** Rules between settings. Returns every problem in words. A setting with a problem of its own counts as set. */
export function crossProblems(settings: ParsedSettings): readonly string[] {
  const isSet = (key: SettingKey) => settings[key].value !== undefined || isChosen(settings[key].origin);
  const problems: string[] = [];
  const needs = (key: SettingKey, ...others: readonly SettingKey[]) => {
    const missing = others.filter((other) => !isSet(other));
    if (isSet(key) && missing.length > 0) {
      problems.push(`${key}: needs ${missing.join(' and ')}, which ${missing.length === 1 ? 'is' : 'are'} not set`);
    }
  };
  needs('PRIVACY_MASK', 'PRIVACY_KEY');
  needs('SCHEMA_REGISTRY_PASSWORD', 'SCHEMA_REGISTRY_USERNAME');
  needs('GENESYS_CLIENT_ID', 'GENESYS_CLIENT_SECRET');
  needs('GENESYS_CLIENT_SECRET', 'GENESYS_CLIENT_ID');
  needs('GENESYS_LOGIN_URL', 'GENESYS_API_URL');
  needs('GENESYS_API_URL', 'GENESYS_LOGIN_URL');
  needs('OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_ENDPOINT');
  problems.push(...saslProblems(settings, needs), ...registryProblems(needs, isSet));
  for (const group of ['KAFKA', 'CLICKHOUSE'] as const) {
    needs(`${group}_SSL_CERT`, `${group}_SSL_KEY`);
    needs(`${group}_SSL_KEY`, `${group}_SSL_CERT`);
    problems.push(...pairProblems(settings, group));
  }
  problems.push(...plainProblems(settings, isSet));
  if (settings.KAFKA_COMPRESSION.value === 'zstd' && !('zstdCompressSync' in zlib)) {
    problems.push(
      `KAFKA_COMPRESSION: zstd needs Node.js 22.15, but this is ${process.version}; allowed here: lz4, snappy, gzip`,
    );
  }
  const queues = settings.QUEUES.value;
  if (queues?.includes('*') && queues.length > 1) {
    problems.push('QUEUES: * is set with other values; allowed: either * alone or ids and names');
  }
  return problems;
}

type Needs = (key: SettingKey, ...others: readonly SettingKey[]) => void;
type IsSet = (key: SettingKey) => boolean;

function saslProblems(settings: ParsedSettings, needs: Needs): readonly string[] {
  const user = ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const;
  const mechanism = settings.KAFKA_SASL_MECHANISM.value;
  if (mechanism === 'oauthbearer') needs('KAFKA_SASL_MECHANISM', 'KAFKA_SASL_OAUTH_TOKEN_URL', ...user);
  else if (mechanism !== 'aws_msk_iam') needs('KAFKA_SASL_MECHANISM', ...user);
  for (const key of [...user, 'KAFKA_SASL_OAUTH_TOKEN_URL'] as const) needs(key, 'KAFKA_SASL_MECHANISM');
  needs('KAFKA_SASL_OAUTH_SCOPE', 'KAFKA_SASL_OAUTH_TOKEN_URL');
  return mechanism === 'aws_msk_iam' && settings.KAFKA_SSL.value === false
    ? ['KAFKA_SASL_MECHANISM: aws_msk_iam needs KAFKA_SSL=true']
    : [];
}

function registryProblems(needs: Needs, isSet: IsSet): readonly string[] {
  needs('SCHEMA_REGISTRY_OAUTH_TOKEN_URL', 'SCHEMA_REGISTRY_USERNAME', 'SCHEMA_REGISTRY_PASSWORD');
  needs('SCHEMA_REGISTRY_OAUTH_SCOPE', 'SCHEMA_REGISTRY_OAUTH_TOKEN_URL');
  const others = (['SCHEMA_REGISTRY_USERNAME', 'SCHEMA_REGISTRY_OAUTH_TOKEN_URL'] as const).filter(isSet);
  return isSet('SCHEMA_REGISTRY_TOKEN') && others.length > 0
    ? [
        `SCHEMA_REGISTRY_TOKEN: set together with ${others.join(' and ')}; allowed: one way to authenticate at the registry`,
      ]
    : [];
}

/** The key belongs to another certificate. */
function pairProblems(settings: ParsedSettings, group: 'KAFKA' | 'CLICKHOUSE'): readonly string[] {
  const cert = settings[`${group}_SSL_CERT`].value?.current();
  const key = settings[`${group}_SSL_KEY`].value?.reveal();
  if (cert === undefined || key === undefined) return [];
  if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return [];
  return [`${group}_SSL_KEY: not the key of the certificate in ${group}_SSL_CERT; allowed: its own key`];
}

/** Certificates are set, but TLS is not. */
function plainProblems(settings: ParsedSettings, isSet: IsSet): readonly string[] {
  const isPlain = (
    key: 'SCHEMA_REGISTRY_URL' | 'CLICKHOUSE_URL' | `${'KAFKA_SASL' | 'SCHEMA_REGISTRY'}_OAUTH_TOKEN_URL`,
  ) => settings[key].value?.startsWith('http:');
  const kafka = settings.KAFKA_SSL.value === false;
  const registry = isPlain('SCHEMA_REGISTRY_URL');
  const urls = [
    'SCHEMA_REGISTRY_URL',
    'CLICKHOUSE_URL',
    'KAFKA_SASL_OAUTH_TOKEN_URL',
    'SCHEMA_REGISTRY_OAUTH_TOKEN_URL',
  ] as const;
  const all = urls.map(isPlain).filter((each) => each !== undefined);
  const useless: readonly (readonly [SettingKey, boolean, wanted: string])[] = [
    ['KAFKA_SSL_CA', kafka, 'KAFKA_SSL=true'],
    ['KAFKA_SSL_CERT', kafka && registry !== false, 'KAFKA_SSL=true, or SCHEMA_REGISTRY_URL to begin with https:'],
    ['CLICKHOUSE_SSL_CERT', isPlain('CLICKHOUSE_URL') === true, 'CLICKHOUSE_URL to begin with https:'],
    ['TLS_CA', kafka && all.length > 0 && all.every(Boolean), 'KAFKA_SSL=true, or a URL that begins with https:'],
  ];
  return useless.flatMap(([key, isUseless, wanted]) => (isUseless && isSet(key) ? [`${key}: needs ${wanted}`] : []));
}
