import type { ConversationEvent } from '../event';

/** The outcome of one input: expected outcomes are values, not exceptions. */
export type Outcome = Accepted | Skipped | Invalid;

export interface Accepted {
  readonly kind: 'event';
  readonly event: ConversationEvent;
}

/** The input does not concern the table; it is counted. */
export interface Skipped {
  readonly kind: 'skip';
  readonly reason: SkipReason;
}

export type SkipReason =
  | 'control-frame'
  | 'no-topic'
  | 'other-topic'
  | 'no-communications'
  /** An envelope without events, or one that asks whether it may send. */
  | 'no-events'
  | 'handshake';

/** Goes to the dead letters. */
export interface Invalid {
  readonly kind: 'invalid';
  readonly reason: InvalidReason;
  /** For people. It contains ids and places of the input, but none of its text. */
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
