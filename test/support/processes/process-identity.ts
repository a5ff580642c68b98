/** Identifies a process, and distinguishes it from a later one with the same pid, as the embedded services do. */
export { endsWithin, identify, isRunning, type ProcessIdentity, readIdentity } from '../../../src/embedded/identity';
