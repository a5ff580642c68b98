/**
 * The sink: it brings the state topic, the visits and the names into ClickHouse, at least once; versions of rows make the
 * tables exact. `rebuild` fills new tables the same way and compares them with the topic.
 */
export { rebuild } from './rebuild';
export { type RunningSinkRole, startSinkRole } from './role';
