/** The live board: a web page on the tables, with server-sent events and, where there is ClickHouse, the past. */
export { checkAccess } from './access';
export { type BoardRoleOptions, type RunningBoardRole, startBoardRole } from './role';
