export interface SqlRequest {
  readonly sql: string;
  /** The format, if the statement names none. */
  readonly format: string;
  /** Values of `{name:Type}`. */
  readonly params: Readonly<Record<string, string>>;
  /** `write`: only the user's rights limit the statement. */
  readonly access: 'read' | 'write';
}

/** The ClickHouse in use. */
export interface SqlTarget {
  /**
   * The answer in the form that ClickHouse gives it. Both the call and its iteration throw SqlError with ClickHouse's
   * words.
   */
  run(request: SqlRequest, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  close(): Promise<void>;
}

/** ClickHouse's own words, to be printed unchanged. */
export class SqlError extends Error {}
