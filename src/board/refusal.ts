/** A request that is not answered, with what the client is told. */
export class Refusal extends Error {
  readonly statusCode: 400 | 401 | 403 | 404 | 503;

  constructor(statusCode: Refusal['statusCode'], message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}
