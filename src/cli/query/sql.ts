export interface SqlRequest {
  readonly sql: string;
  /** Where the statement names none. */
  readonly format: string;
  /** Values of `{name:Type}`. */
  readonly params: Readonly<Record<string, string>>;
  /** `write` leaves it to the user's rights. */
  readonly access: 'read' | 'write';
}

/** The ClickHouse in use. */
export interface SqlTarget {
  /** The answer as ClickHouse formats it. Both, the call and its iteration, throw SqlError with ClickHouse's words. */
  run(request: SqlRequest, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  close(): Promise<void>;
}

/** What ClickHouse says, to be printed as it is. */
export class SqlError extends Error {}
