/**
 * The settings: one typed schema for environment variables and the config file. It reads, checks and describes them, and
 * names the setting, its value and what is allowed if one is wrong.
 */
export { describeConfig, type DescribedSetting, secretValues } from './describe';
export { checkCertificates, checkVariables, misspeltVariables } from './environment-checks';
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
export { readFlag } from './flag';
export { integer, number, size, url } from './kinds';
export { type ConfigSources, isSet, loadConfig, withDefaults } from './load';
export { type RequiredGroups, requireGenesys, requireGroups } from './require';
export { createSecret, type Secret } from './secret';
export { SETTING_KEYS, type SettingKey, SETTINGS } from './settings';
