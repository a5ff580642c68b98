/**
 * The client of Genesys Cloud: login, REST requests within the limits of Genesys, notification channels, and the
 * reconciliation that asks for what the bridge missed. The bridge and `record` get snapshots from it.
 */
export type { Phase } from './activity';
export type { LiveRow } from './comparison';
export type { Frame } from './connection';
export { checkGenesys, type GenesysCheckOptions } from './doctor';
export { GenesysError } from './errors';
export { type FeedOptions, type FeedState, type GenesysFeed, startGenesysFeed, type WatchedQueue } from './feed';
export type { NameLists, NamesWanted } from './name-lists';
export type { Credentials } from './oauth';
export type { GenesysQueue } from './queues';
export { DEFAULT_RECONCILIATION, type ReconciliationTimings } from './reconciliation-options';
export type { GenesysUrls } from './rest';
export type { Shard } from './shards';
export { DEFAULT_TIMINGS, type Timings } from './timings';
