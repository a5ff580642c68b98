/**
 * A simulated Genesys Cloud organization. It makes a reproducible stream of conversations, and serves them by the protocol
 * of Genesys (OAuth, REST, notifications), with faults on request. It also knows what the table should be (`/truth`).
 */
export { type Behaviour, type BehaviourCounts, BEHAVIOURS } from './behaviours';
export {
  createFaultPlan,
  FAULT_KINDS,
  type FaultKind,
  type Faults,
  type FaultStatus,
  type PlannedFault,
  runFaultPlan,
} from './faults';
export { type EventStream, type GeneratedEvent, generateEvents, type GeneratorOptions } from './generator';
export type { NotificationFrame } from './render';
export type { Queue } from './roster';
export { type Simulator, type SimulatorOptions, startSimulator } from './simulator';
export type { Truth, TruthRow } from './truth';
export type { TruthVisit } from './visit-truth';
