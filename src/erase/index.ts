/**
 * Erasure: it finds the conversations with an id or an address and removes them for good, from topics and tables
 * (docs/explanation/erasure.md).
 */
export { erase, type Erasable, type EraseResult, type EraseTarget, findErasable } from './erase';
