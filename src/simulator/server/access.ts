import { randomBytes } from 'node:crypto';
import type { Answer, Handler, Request } from './http';
import { apiError } from './http';
import type { Breaches } from './limits';
import { wholeSeconds } from './limits';

export interface AccessOptions {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly tokenLifetimeMs: number;
  /** How many requests a token may send in a window of time, and the window's length. */
  readonly requestsAllowed: number;
  readonly windowMs: number;
  readonly breaches: Breaches;
  readonly now: () => number;
}

export interface Access {
  /** `POST /oauth/token`, the client credentials grant. */
  readonly token: (request: Request) => Answer;
  /** Accepts a request if its token is valid and within the limit of requests. */
  guard(handle: Handler): Handler;
  /** From now on every token issued so far is refused. @returns how many there were */
  revokeTokens(): number;
}

interface Grant {
  readonly expiresAt: number;
  windowStart: number;
  count: number;
}

/** OAuth and the limit of requests, with the answers of the real services. */
export function createAccess(options: AccessOptions): Access {
  const { clientId, clientSecret, tokenLifetimeMs, requestsAllowed, windowMs, breaches, now } = options;
  const expected = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
  const grants = new Map<string, Grant>();

  function token({ headers, body }: Request): Answer {
    if (headers.authorization !== expected) return refusal(401, 'invalid_client', 'authentication failed');
    if (new URLSearchParams(body).get('grant_type') !== 'client_credentials') {
      return refusal(400, 'unsupported_grant_type', 'grant_type must be client_credentials');
    }
    const access_token = randomBytes(48).toString('base64url');
    grants.set(access_token, { expiresAt: now() + tokenLifetimeMs, windowStart: now(), count: 0 });
    const expires_in = wholeSeconds(tokenLifetimeMs);
    return { status: 200, body: { access_token, token_type: 'bearer', expires_in } };
  }

  function guard(handle: Handler): Handler {
    return async (request) => {
      const [scheme, value] = (request.headers.authorization ?? '').split(' ');
      if (scheme?.toLowerCase() !== 'bearer' || value === undefined) {
        const message = 'No authentication bearer token specified in authorization header.';
        return apiError(401, 'authentication.required', message);
      }
      const grant = grants.get(value);
      if (grant && grant.expiresAt <= now()) breaches.expiredTokens += 1;
      if (!grant || grant.expiresAt <= now()) return apiError(401, 'bad.credentials', 'Invalid login credentials.');
      const limit = count(grant);
      const answer = limit.exceeded ? tooMany(limit.resetSeconds) : await handle(request);
      return { ...answer, headers: { ...limit.headers, ...answer.headers } };
    };
  }

  function revokeTokens(): number {
    const { size } = grants;
    grants.clear();
    return size;
  }

  function count(grant: Grant) {
    if (now() - grant.windowStart >= windowMs) {
      grant.windowStart = now();
      grant.count = 0;
    }
    grant.count += 1;
    const resetSeconds = wholeSeconds(grant.windowStart + windowMs - now());
    const exceeded = grant.count > requestsAllowed;
    breaches.requests += 1;
    if (exceeded) breaches.tooManyRequests += 1;
    const headers = {
      'inin-ratelimit-count': String(grant.count),
      'inin-ratelimit-allowed': String(requestsAllowed),
      'inin-ratelimit-reset': String(resetSeconds),
    };
    return { exceeded, resetSeconds, headers };
  }

  return { token, guard, revokeTokens };
}

function refusal(status: number, error: string, description: string): Answer {
  return { status, body: { error, description, error_description: description } };
}

export function tooMany(seconds: number): Answer {
  const message = `Rate limit exceeded the maximum. Retry the request in [${seconds}] seconds`;
  return { ...apiError(429, 'too.many.requests', message), headers: { 'Retry-After': String(seconds) } };
}
