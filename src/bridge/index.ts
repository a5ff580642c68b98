/** Genesys or EventBridge → events topic. */
export type { IntakeCounts } from './intake';
export { type BridgeParts, startBridgeRole } from './role';
