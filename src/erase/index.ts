/** Conversations out of topics and tables, for good. */
export { erase, type Erasable, type EraseResult, type EraseTarget, findErasable } from './erase';
