/** A simulated Genesys Cloud organisation: as a pure stream of events, and as a server that speaks the protocol. */
export { BEHAVIOURS } from './behaviours';
export type { Behaviour, BehaviourCounts } from './behaviours';
export { FAULT_KINDS } from './faults';
export type { FaultKind } from './faults';
export { createFaultPlan, runFaultPlan } from './faults/plan';
export type { PlannedFault } from './faults/plan';
export type { Faults, FaultStatus } from './faults/running';
export { generateEvents } from './generator';
export type { EventStream, GeneratedEvent, GeneratorOptions } from './generator';
export type { NotificationFrame } from './render';
export type { Queue } from './roster';
export { startSimulator } from './server/simulator';
export type { Simulator, SimulatorOptions } from './server/simulator';
export type { Truth, TruthRow } from './truth';
