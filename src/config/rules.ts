import { createPrivateKey, X509Certificate } from 'node:crypto';
import zlib from 'node:zlib';
import { isChosen } from './origin';
import type { ParsedSettings } from './resolve';
import type { SettingKey } from './settings';

/** What settings ask of one another. Every problem, in words; a setting that is wrong itself counts as set. */
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
  const mechanism = settings.KAFKA_SASL_MECHANISM.value;
  if (mechanism === 'oauthbearer') needs('KAFKA_SASL_MECHANISM', ...OAUTH);
  else if (mechanism === 'aws_msk_iam') needs('KAFKA_SASL_MECHANISM', 'KAFKA_SASL_AWS_REGION');
  else needs('KAFKA_SASL_MECHANISM', ...PASSWORD);
  if (mechanism === 'aws_msk_iam' && settings.KAFKA_SSL.value === false) {
    problems.push('KAFKA_SASL_MECHANISM: aws_msk_iam needs KAFKA_SSL=true');
  }
  for (const key of [...PASSWORD, ...OAUTH, 'KAFKA_SASL_AWS_REGION'] as const) needs(key, 'KAFKA_SASL_MECHANISM');
  const [tokenUrl, ...client] = REGISTRY_OAUTH;
  needs(tokenUrl, ...client);
  for (const key of [...client, 'SCHEMA_REGISTRY_OAUTH_SCOPE', 'SCHEMA_REGISTRY_OAUTH_SSL_CA'] as const)
    needs(key, tokenUrl);
  const ways = (['SCHEMA_REGISTRY_USERNAME', 'SCHEMA_REGISTRY_TOKEN', tokenUrl] as const).filter(isSet);
  if (ways.length > 1)
    problems.push(`${ways.join(', ')}: set together; allowed: one way to authenticate at the registry`);
  needs('KAFKA_SASL_OAUTH_SCOPE', 'KAFKA_SASL_OAUTH_TOKEN_URL');
  needs('KAFKA_SASL_OAUTH_SSL_CA', 'KAFKA_SASL_OAUTH_TOKEN_URL');
  for (const group of TLS_GROUPS) {
    needs(`${group}_SSL_CERT`, `${group}_SSL_KEY`);
    needs(`${group}_SSL_KEY`, `${group}_SSL_CERT`);
    problems.push(...tlsProblems(settings, group, isSet));
  }
  if (settings.KAFKA_COMPRESSION.value === 'zstd' && !('zstdCompressSync' in zlib)) {
    problems.push(
      `KAFKA_COMPRESSION: zstd needs Node.js 22.15, this is ${process.version}; allowed here: lz4, snappy, gzip`,
    );
  }
  const queues = settings.QUEUES.value;
  if (queues?.includes('*') && queues.length > 1) {
    problems.push('QUEUES: * stands beside others; allowed: either * alone or ids and names');
  }
  return problems;
}

const PASSWORD = ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const;
const OAUTH = ['KAFKA_SASL_OAUTH_TOKEN_URL', 'KAFKA_SASL_OAUTH_CLIENT_ID', 'KAFKA_SASL_OAUTH_CLIENT_SECRET'] as const;
const REGISTRY_OAUTH = [
  'SCHEMA_REGISTRY_OAUTH_TOKEN_URL',
  'SCHEMA_REGISTRY_OAUTH_CLIENT_ID',
  'SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET',
] as const;
const TLS_GROUPS = ['KAFKA', 'SCHEMA_REGISTRY', 'CLICKHOUSE'] as const;

/** Certificates without TLS, and a key of another certificate. */
function tlsProblems(
  settings: ParsedSettings,
  group: (typeof TLS_GROUPS)[number],
  isSet: (key: SettingKey) => boolean,
): readonly string[] {
  const problems: string[] = [];
  const url = group === 'KAFKA' ? undefined : settings[`${group}_URL`].value;
  const isPlain = group === 'KAFKA' ? settings.KAFKA_SSL.value === false : url?.startsWith('http:') === true;
  const wanted = group === 'KAFKA' ? 'KAFKA_SSL=true' : `${group}_URL to begin with https:`;
  for (const key of [`${group}_SSL_CA`, `${group}_SSL_CERT`] as const) {
    if (isPlain && isSet(key)) problems.push(`${key}: needs ${wanted}`);
  }
  const cert = settings[`${group}_SSL_CERT`].value?.current();
  const key = settings[`${group}_SSL_KEY`].value?.reveal();
  if (cert !== undefined && key !== undefined && !new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    problems.push(`${group}_SSL_KEY: not the key of the certificate in ${group}_SSL_CERT; allowed: its own key`);
  }
  return problems;
}
