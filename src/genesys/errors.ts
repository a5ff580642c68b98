import { OperatorError } from '../common';

export interface GenesysErrorFacts {
  /** Null: no answer came. */
  readonly status: number | null;
  /** Genesys's own code, e.g. `too.many.requests`. */
  readonly code: string | null;
  /** The support of Genesys asks for it. */
  readonly correlationId: string | null;
  /** How long Genesys asked to wait. Null: it did not ask. */
  readonly retryAfterMs: number | null;
  /** The permissions that Genesys named in its refusal. */
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

/** The proxy on the way to Genesys refuses the connection. The message names the proxy's variable. */
export class ProxyError extends OperatorError {
  override readonly name = 'ProxyError';
}

/** Whether the same request may succeed later: Genesys did not answer, saw too many requests, or failed itself. */
export function isTransient(error: unknown): boolean {
  if (error instanceof ProxyError) return true;
  if (!(error instanceof GenesysError)) return false;
  const { status } = error.facts;
  return status === null || status === 408 || status === 429 || status >= 500;
}
