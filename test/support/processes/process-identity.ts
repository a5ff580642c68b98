/** A process, told apart from a later one with the same pid, as the embedded services tell theirs. */
export { endsWithin, identify, isRunning, type ProcessIdentity, readIdentity } from '../../../src/embedded/identity';
