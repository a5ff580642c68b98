/** Kafka, schema registry and ClickHouse for one machine. */
export { serveClickHouseHttp } from './clickhouse-http';
export { bearing } from './clickhouse-token';
export { openEmbeddedClickHouse } from './clickhouse';
export { loadEngine } from './clickhouse-engine';
export { acquireDataDir } from './lock';
export { curlOptions, findRunningClickHouse, newToken, rememberClickHouse, tokenFile } from './running-clickhouse';
export { keepPrivate } from './private';
export { namingPath } from './remedy';
export { provideKafka, provideRegistry } from './services';
