/**
 * Traces, as far as the pipeline knows them. What is under way is in the records' own headers, so there is no object for a
 * span that has not ended: it is reported as a whole afterwards.
 */
export interface Tracing {
  /** The traceparent of a trace that begins here; the settings say which share of the traces is reported. */
  begin(): string;
  /** Never waits and never fails: what cannot be exported, or is too much, is dropped and counted. */
  report(span: Span): void;
  /** Exports what is left, for 2 s at most. */
  stop(): Promise<void>;
}

export type Role = 'bridge' | 'fold' | 'sink';

/** Nothing personal, and no id of a conversation: the place of a record in its topic leads to both, for those who may read the topic. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface Span {
  readonly role: Role;
  readonly name: string;
  readonly kind: 'producer' | 'consumer' | 'client';
  /** The span's own. */
  readonly traceparent: string;
  /** That of the span that caused it; null: the trace begins with it. */
  readonly parent: string | null;
  /** Traceparents of spans that belong to it; only the first 128 are reported. */
  readonly links: readonly string[];
  /** Epoch ms. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: Attributes;
  /** Why it failed, one of few words; absent: it did not. */
  readonly error?: string;
}
