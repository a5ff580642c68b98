import { DEFAULT_LIMITS, type Limits } from './limits';
import type { QueueConversation } from './row';
import type { ConversationState } from './state';
import type { QueueVisit } from './visit';

export interface FoldSettings {
  readonly closeAfter: 'disconnect' | 'acw';
  readonly acwTimeoutMs: number;
  readonly endedRetentionMs: number;
  /** Whether the fold writes visits. */
  readonly visits: 'on' | 'off';
  readonly limits: Limits;
  /** The size of a state as the changelog writes it, in bytes. */
  readonly sizeOf: (state: ConversationState) => number;
  /** Whether the log takes the record. If it does not, the record's event is `too-large`. */
  readonly fits: (record: StateRecord | VisitRecord) => boolean;
}

/** The part that an operator decides; the rest follows from the log. */
export type FoldChoices = Omit<FoldSettings, 'sizeOf' | 'fits'>;

export const DEFAULT_FOLD_SETTINGS: FoldSettings = {
  closeAfter: 'disconnect',
  acwTimeoutMs: 15 * 60_000,
  endedRetentionMs: 60 * 60_000,
  visits: 'on',
  limits: DEFAULT_LIMITS,
  sizeOf: () => 0,
  fits: () => true,
};

/** A record of the state topic; `row` null is a tombstone. */
export interface StateRecord {
  readonly conversationId: string;
  readonly row: QueueConversation | null;
  /** Epoch ms: the receive time of its event, or the deadline that closed it. */
  readonly timestamp: number;
  /** The tombstone of an erased conversation: a reader that keeps older records of it deletes them. */
  readonly erased?: boolean;
}

/** A record of the topic of visits. */
export interface VisitRecord {
  readonly visit: QueueVisit;
  /** Epoch ms: the receive time of its event. */
  readonly timestamp: number;
}

export interface Folded {
  /** Null: unknown. The same object as before when nothing changed. */
  readonly state: ConversationState | null;
  /** In this order. */
  readonly records: readonly StateRecord[];
  /** The records of the visits topic, to write after `records`, in this order. Absent: none. */
  readonly visits?: readonly VisitRecord[];
  /** The participants whose visits get a tombstone, with the event's time. Absent: none. */
  readonly erasedVisits?: readonly string[];
  /** All visits of the conversation now, for the caller to pass with its next event. Absent: not known. */
  readonly shown?: readonly QueueVisit[];
  readonly outcome: FoldOutcome;
}

/** `too-large`: the event goes to the dead letters and nothing else changes. */
export type FoldOutcome = 'folded' | 'duplicate' | 'after-the-end' | 'unknown-gone' | 'too-large';
