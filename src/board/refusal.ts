/** The board refuses a request. The client gets the status and the message. */
export class Refusal extends Error {
  readonly statusCode: 400 | 401 | 403 | 404 | 503;

  constructor(statusCode: Refusal['statusCode'], message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}
