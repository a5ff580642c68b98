/**
 * The client of Genesys Cloud: login, REST requests within the limits of Genesys, notification channels, and the
 * reconciliation that asks for what the bridge missed. The bridge and `record` get snapshots from it.
 */
export type { Phase } from './reconciliation/activity';
export type { LiveRow } from './reconciliation/comparison';
export type { Frame } from './channels/connection';
export { checkGenesys, type GenesysCheckOptions } from './doctor';
export { GenesysError } from './errors';
export { type FeedOptions, type FeedState, type GenesysFeed, startGenesysFeed, type WatchedQueue } from './feed';
export type { NameLists, NamesWanted } from './queues/name-lists';
export type { Credentials } from './rest/oauth';
export type { GenesysQueue } from './queues/queues';
export { DEFAULT_RECONCILIATION, type ReconciliationTimings } from './reconciliation/reconciliation-options';
export type { GenesysUrls } from './rest/rest';
export type { Shard } from './shards';
export { DEFAULT_TIMINGS, type Timings } from './timings';
