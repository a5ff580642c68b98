/** Label values and buckets that the metrics of several roles share. */
export const DURATION_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300];

export const PARTITION = { bounded: 'partitions' } as const;

/** Why the bridge could not read an input. */
export const INVALID = [
  'not-json',
  'not-an-object',
  'no-conversation-id',
  'participants-not-an-array',
  'participant-not-an-object',
  'participant-without-id',
  'communication-not-an-object',
  'communication-without-id',
  'not-a-conversation',
  'gone-not-taken',
  'too-large',
  'too-deep',
] as const;

/** Why a role could not read a record. */
export const UNREADABLE = ['not-avro', 'unknown-schema', 'no-key'] as const;

/** Why a record went to the dead letters, by the stage that refused it. */
export const DEAD_LETTER_REASONS = {
  bridge: INVALID,
  fold: [...UNREADABLE, 'no-value', 'wrong-key', 'wrong-time', 'too-large', 'refused-by-kafka'],
  sink: [...UNREADABLE, 'refused-by-store'],
} as const;
export type FoldDeadLetterReason = (typeof DEAD_LETTER_REASONS)['fold'][number];
export type SinkDeadLetterReason = (typeof DEAD_LETTER_REASONS)['sink'][number];
