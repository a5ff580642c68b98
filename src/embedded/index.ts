/** Kafka, schema registry and ClickHouse for one machine. */
export { type ClickHouseHttp, serveClickHouseHttp } from './clickhouse-http';
export { bearing } from './clickhouse-token';
export { type EmbeddedClickHouse, openEmbeddedClickHouse } from './clickhouse';
export { loadEngine } from './clickhouse-engine';
export { type EmbeddedKafka, type KafkaOptions, startKafka } from './kafka';
export { acquireDataDir } from './lock';
export { curlOptions, findRunningClickHouse, newToken, rememberClickHouse, tokenFile } from './running-clickhouse';
export { keepPrivate } from './private';
export { type EmbeddedRegistry, type RegistryOptions, startRegistry } from './registry';
export { namingPath } from './remedy';
export { provideKafka, provideRegistry } from './services';
