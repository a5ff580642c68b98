/**
 * The bridge: it writes events to the events topic. They come from Genesys's notifications and REST answers, from
 * `POST /events` (EventBridge and others) or from files. It sends each record until Kafka has acknowledged it.
 */
export type { IntakeCounts } from './intake';
export { followLiveRows, type LiveRows } from './live-rows';
export { type BridgeParts, startBridgeRole } from './role';
