import type { ConversationEvent } from './event';

/** What becomes of one input: expected outcomes are values, not exceptions. */
export type Outcome = Accepted | Skipped | Invalid;

export interface Accepted {
  readonly kind: 'event';
  readonly event: ConversationEvent;
}

/** Nothing the table is about; counted. */
export interface Skipped {
  readonly kind: 'skip';
  readonly reason: SkipReason;
}

export type SkipReason =
  | 'control-frame'
  | 'no-topic'
  | 'other-topic'
  | 'no-communications'
  /** Of an envelope: it holds nothing, or asks whether it may send. */
  | 'no-events'
  | 'handshake';

/** To the dead letters. */
export interface Invalid {
  readonly kind: 'invalid';
  readonly reason: InvalidReason;
  /** For people; holds nothing of the input's text but ids and places. */
  readonly message: string;
}

export type InvalidReason =
  | 'not-json'
  | 'not-an-object'
  | 'no-conversation-id'
  | 'participants-not-an-array'
  | 'participant-not-an-object'
  | 'participant-without-id'
  | 'communication-not-an-object'
  | 'communication-without-id'
  | 'not-a-conversation'
  | 'gone-not-taken'
  | 'too-large'
  | 'too-deep';

export function skip(reason: SkipReason): Skipped {
  return { kind: 'skip', reason };
}

export function invalid(reason: InvalidReason, message: string): Invalid {
  return { kind: 'invalid', reason, message };
}
