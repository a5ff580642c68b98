/** The settings: one typed schema for environment and file. */
export { describeConfig, type DescribedSetting, secretValues } from './describe';
export { checkCertificates, checkVariables } from './doctor';
export type {
  ClickHouseConfig,
  Config,
  GenesysConfig,
  KafkaConfig,
  KafkaSasl,
  OAuthConfig,
  RegistryConfig,
  TlsConfig,
} from './groups';
export { size } from './kinds';
export { type ConfigSources, isSet, loadConfig, withDefaults } from './load';
export {
  requireClickHouse,
  type RequiredGroups,
  requireGenesys,
  requireGroups,
  requireKafka,
  requireRegistry,
} from './require';
export type { Override } from './resolve';
export { createSecret, type Secret } from './secret';
export type { SettingKey } from './settings';
