/** State topic → ClickHouse, and the rebuild of its tables. */
export { rebuild } from './rebuild';
export { type RunningSinkRole, startSinkRole } from './role';
