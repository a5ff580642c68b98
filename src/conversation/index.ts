/**
 * The domain: what a conversation is, and how its events become a row and visits. It reads an event (wire shapes),
 * normalizes it, merges it into the state and projects the state to a row. All of it is pure: no clock, no I/O, no
 * Kafka.
 */
export { coalesce } from './coalesce';
export { type Columns, QUEUE_CONVERSATION, QUEUE_VISIT, type RowOf } from './columns';
export { hasRealTimes, notReceivedAfter } from './event-times';
export type { CommunicationSnapshot, ConversationEvent, EventSource, GoneEvent, SnapshotEvent } from './event';
export { withFingerprint } from './fingerprint';
export { fold } from './fold';
export {
  DEFAULT_FOLD_SETTINGS,
  type FoldChoices,
  type FoldOutcome,
  type FoldSettings,
  type StateRecord,
  type VisitRecord,
} from './folded';
export { type ListedColumn, unlistedColumns } from './known-values';
export { DEFAULT_INPUT_LIMITS, DEFAULT_LIMITS, type InputLimits, isDeeperThan, type Limits } from './limits';
export { parseLine } from './wire/line';
export { countRows, isAlerting, isTalking, type LiveCounts, LiveCounter, NO_LIVE } from './live-counts';
export { normaliseConversation } from './wire/normalise';
export { invalid, type Invalid, type InvalidReason, type Outcome, type SkipReason } from './wire/outcome';
export { type Applied, createPartitionFold, type OnDone } from './partition';
export { maskEvent, matchAddress, type PrivacyMask } from './privacy';
export { stateOfRow } from './reclaim';
export { createRecentEvents } from './recent-events';
export { printableRow, type QueueConversation, STATE_COLUMNS, TABLE_COLUMNS, TIME_COLUMNS } from './row';
export { withoutPersonalData } from './wire/scrub';
export type { CommunicationVersion, ConversationState, EndedConversation, OpenConversation, StateHead } from './state';
export { createPackedStates, type PackedStates } from './states';
export { wireConversation } from './wire/to-wire';
export { compareIds, isObject, time } from './values';
export { printableVisit, type QueueVisit, type Visit, VISIT_COLUMNS, VISIT_TIMES, type VisitOutcome } from './visit';
export { createWantedReader } from './wire/wanted-json';
export { isGoneRecording, readWire } from './wire/wire';
export { WIRE_KEYS } from './wire/wire-keys';
