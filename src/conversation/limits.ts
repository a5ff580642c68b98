/** "Too large: a snapshot or a conversation's knowledge over a set limit" (specification, section 2). */
export interface Limits {
  readonly participants: number;
  readonly communications: number;
  /** Bytes of Avro: of a snapshot on its way to Kafka, of a conversation's state in the fold. */
  readonly bytes: number;
}

export const DEFAULT_LIMITS: Limits = { participants: 2_000, communications: 10_000, bytes: 4 * 1024 * 1024 };
