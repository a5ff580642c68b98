/**
 * Errors that a person is meant to read. Each message names the thing, its value and the remedy
 * (`KAFKA_BROKERS: cannot reach 10.0.0.1:9092 (ECONNREFUSED). Is the broker up?`), so it is printed without a stack.
 */
export class OperatorError extends Error {
  override readonly name: string = 'OperatorError';
  /** The process's exit code when this error ends it. */
  readonly exitCode: number = 1;
}

/** The service that the message names does not answer now. A caller that can wait tries again. */
export class AwayError extends OperatorError {
  override readonly name = 'AwayError';
}

/** What the message names does not exist yet, and `queuefold setup` creates it. A caller that can wait tries again. */
export class MissingError extends OperatorError {
  override readonly name = 'MissingError';
}

/** Wrong usage or configuration: the message names the variable or flag, what was wrong and what is allowed. */
export class UsageError extends OperatorError {
  override readonly name = 'UsageError';
  override readonly exitCode = 2;
}

/** The message of a thrown value, whether it is an Error or not. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
