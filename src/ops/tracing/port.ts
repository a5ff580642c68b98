/**
 * Traces, as far as the pipeline knows them. The headers of records carry the state of a trace. So there is no object
 * for a span that has not ended: a role reports a span as a whole afterwards.
 */
export interface Tracing {
  /** Returns the traceparent of a trace that begins here. The settings say which share of the traces is reported. */
  begin(): string;
  /**
   * Reports a span. It never waits and never fails. It drops and counts a span that it cannot export, or that is one
   * too many.
   */
  report(span: Span): void;
  /** Exports the rest, for 2 s at most. */
  stop(): Promise<void>;
}

export type Role = 'bridge' | 'fold' | 'sink';

/**
 * Nothing personal, and no id of a conversation. The place of a record in its topic leads to both, for those who may
 * read the topic.
 */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface Span {
  readonly role: Role;
  readonly name: string;
  readonly kind: 'producer' | 'consumer' | 'client';
  /** The span's own traceparent. */
  readonly traceparent: string;
  /** The traceparent of the span that caused it; null: the trace begins with it. */
  readonly parent: string | null;
  /** Traceparents of related spans. Only the first 128 are reported. */
  readonly links: readonly string[];
  /** Epoch ms. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: Attributes;
  /** Why it failed: one of a few words; absent: it did not fail. */
  readonly error?: string;
}
