/**
 * The parts that `queuefold start` runs itself on one machine: Kafka and the schema registry (as Java processes or
 * containers) and ClickHouse (in this process). It fetches them, starts them, watches them and stops them.
 */
export { type ClickHouseHttp, serveClickHouseHttp } from './clickhouse/engine-http';
export { bearing } from './clickhouse/token';
export { type EmbeddedClickHouse, openEmbeddedClickHouse } from './clickhouse/clickhouse';
export { loadEngine } from './clickhouse/engine';
export { type EmbeddedKafka, type KafkaOptions, startKafka } from './kafka';
export { acquireDataDir } from './lock';
export {
  curlOptions,
  findRunningClickHouse,
  newToken,
  rememberClickHouse,
  tokenFile,
} from './clickhouse/running-clickhouse';
export { keepPrivate } from './private';
export { type EmbeddedRegistry, type RegistryOptions, startRegistry } from './registry';
export { namingPath } from './remedy';
export { provideKafka, provideRegistry } from './services';
