/**
 * The sink: it writes rows, visits and names from their topics to ClickHouse, at least once. Versions of rows make the
 * tables exact. `rebuild` fills new tables the same way and compares them with the topic.
 */
export { rebuild } from './rebuild';
export { type RunningSinkRole, startSinkRole } from './role';
