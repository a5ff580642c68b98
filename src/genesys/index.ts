/** Genesys Cloud: what the bridge needs of it. */
export type { Frame } from './connection';
export { checkGenesys } from './doctor';
export type { GenesysCheckOptions } from './doctor';
export { GenesysError } from './errors';
export { startGenesysFeed } from './feed';
export type { FeedOptions, FeedState, GenesysFeed, WatchedQueue } from './feed';
export type { NameLists, NamesWanted } from './names';
export type { Credentials } from './oauth';
export type { GenesysQueue } from './queues';
export type { Phase } from './activity';
export type { LiveRow } from './comparison';
export type { ReconciliationTimings } from './reconciler';
export { urlsOfRegion } from './regions';
export type { GenesysUrls } from './regions';
export type { Timings } from './timings';
export type { Shard } from './shards';
