/** Kafka, schema registry and ClickHouse for one machine. */
export { serveClickHouseHttp } from './clickhouse-http';
export { openEmbeddedClickHouse } from './clickhouse';
export { acquireDataDir } from './lock';
export { findRunningClickHouse, rememberClickHouse } from './running-clickhouse';
export { provideKafka, provideRegistry } from './services';
