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
  needs('KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD');
  needs('KAFKA_SASL_USERNAME', 'KAFKA_SASL_MECHANISM');
  needs('KAFKA_SASL_PASSWORD', 'KAFKA_SASL_MECHANISM');
  needs('KAFKA_SSL_CERT', 'KAFKA_SSL_KEY');
  needs('KAFKA_SSL_KEY', 'KAFKA_SSL_CERT');
  needs('SCHEMA_REGISTRY_PASSWORD', 'SCHEMA_REGISTRY_USERNAME');
  needs('GENESYS_CLIENT_ID', 'GENESYS_CLIENT_SECRET');
  needs('GENESYS_CLIENT_SECRET', 'GENESYS_CLIENT_ID');
  needs('GENESYS_LOGIN_URL', 'GENESYS_API_URL');
  needs('GENESYS_API_URL', 'GENESYS_LOGIN_URL');
  for (const key of ['KAFKA_SSL_CA', 'KAFKA_SSL_CERT'] as const) {
    if (isSet(key) && settings.KAFKA_SSL.value === false) problems.push(`${key}: needs KAFKA_SSL=true`);
  }
  const { SHARD: shard, SHARDS: shards } = settings;
  if (shard.value !== undefined && shards.value !== undefined && shard.value >= shards.value) {
    problems.push(`SHARD: ${shard.value}; allowed with SHARDS=${shards.value}: 0 to ${shards.value - 1}`);
  }
  if (isSet('SHARD_ORDINAL') && isChosen(shard.origin) && shard.origin.kind !== 'derived') {
    problems.push('SHARD: set together with SHARD_ORDINAL, from which it follows; allowed: one of the two');
  }
  const queues = settings.QUEUES.value;
  if (queues?.includes('*') && queues.length > 1) {
    problems.push('QUEUES: * stands beside others; allowed: either * alone or ids and names');
  }
  return problems;
}
