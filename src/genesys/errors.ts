import { OperatorError } from '../common';

export interface GenesysErrorFacts {
  /** Null: no answer came. */
  readonly status: number | null;
  /** Genesys's own code, e.g. `too.many.requests`. */
  readonly code: string | null;
  /** What Genesys's support asks for. */
  readonly correlationId: string | null;
  /** How long Genesys asked to wait; null: it did not. */
  readonly retryAfterMs: number | null;
  /** Those that Genesys named when it refused. */
  readonly permissions?: readonly string[];
}

/** A request that Genesys refused or did not answer. Quotes nothing of a body but its error code. */
export class GenesysError extends OperatorError {
  override readonly name = 'GenesysError';

  constructor(
    message: string,
    readonly facts: GenesysErrorFacts,
  ) {
    super(message);
  }
}

/** The proxy on the way to Genesys does not let us through; the message names its variable. */
export class ProxyError extends OperatorError {
  override readonly name = 'ProxyError';
}

/** Whether the same request may succeed later: no answer, too many requests, or the service's own trouble. */
export function isTransient(error: unknown): boolean {
  if (error instanceof ProxyError) return true;
  if (!(error instanceof GenesysError)) return false;
  const { status } = error.facts;
  return status === null || status === 408 || status === 429 || status >= 500;
}
