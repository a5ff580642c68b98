/** Ports that are free now, chosen as the embedded services choose theirs. */
export { freePorts } from '../../../src/embedded/ports';
