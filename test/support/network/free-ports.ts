/** Ports that are free now, chosen in the same way as the embedded services'. */
export { freePorts } from '../../../src/embedded/ports';
