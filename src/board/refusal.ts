/** The board refuses a request. The client gets the status and the message. */
export class Refusal extends Error {
  readonly statusCode: 400 | 401 | 403 | 404 | 429 | 503;
  /** The header `Retry-After`; null: none. */
  readonly retryAfterSeconds: number | null;

  constructor(
    statusCode: Refusal['statusCode'],
    message: string,
    { retryAfterSeconds = null }: { readonly retryAfterSeconds?: number | null } = {},
  ) {
    super(message);
    this.statusCode = statusCode;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
