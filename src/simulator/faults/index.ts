/** What can go wrong at the simulated organization: on request, by a plan, or both. */
export { FAULT_KINDS, type FaultKind } from './all-faults';
export { faultRoutes } from './control';
export { createFaultPlan, type PlannedFault, runFaultPlan, runFaultPlansForEver } from './plan';
export { createFaults, type Faults, type FaultStatus } from './running';
