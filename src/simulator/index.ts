/** A simulated Genesys Cloud organisation: as a pure stream of events, and as a server that speaks the protocol. */
export { type Behaviour, type BehaviourCounts, BEHAVIOURS } from './behaviours';
export { FAULT_KINDS, type FaultKind } from './faults';
export { createFaultPlan, type PlannedFault, runFaultPlan } from './faults/plan';
export type { Faults, FaultStatus } from './faults/running';
export { type EventStream, type GeneratedEvent, generateEvents, type GeneratorOptions } from './generator';
export type { NotificationFrame } from './render';
export type { Queue } from './roster';
export { type Simulator, type SimulatorOptions, startSimulator } from './server/simulator';
export type { Truth, TruthRow } from './truth';
export type { TruthVisit } from './visit-truth';
