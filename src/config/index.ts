export { describeConfig, secretValues, type DescribedSetting } from './describe';
export type {
  ClickHouseConfig,
  Config,
  GenesysConfig,
  KafkaConfig,
  KafkaSasl,
  RegistryConfig,
  TlsConfig,
} from './groups';
export {
  requireClickHouse,
  requireGenesys,
  requireGroups,
  requireKafka,
  requireRegistry,
  type RequiredGroups,
} from './require';
export type { Override } from './resolve';
export { createSecret, type Secret } from './secret';
export type { SettingKey } from './settings';
export { isSet, loadConfig, withDefaults, type ConfigSources } from './load';
