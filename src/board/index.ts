/**
 * The live board: a web page that shows the queues now and, if there is ClickHouse, in the past. The server keeps the
 * tables in memory (`queuefold/client` reads them from Kafka) and sends changes to pages as server-sent events.
 */
export { checkAccess } from './access';
export { type BoardRoleOptions, type RunningBoardRole, startBoardRole } from './role';
