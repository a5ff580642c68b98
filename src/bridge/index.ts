/** Genesys or EventBridge → events topic. */
export type { IntakeCounts } from './intake';
export { followLiveRows, type LiveRows } from './live-rows';
export { type BridgeParts, startBridgeRole } from './role';
