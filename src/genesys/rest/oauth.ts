import { z } from 'zod';
import { type Age, createAge, UsageError } from '../../common';
import { GenesysError } from '../errors';
import { retryAfterMs } from '../waits';
import type { Http, HttpAnswer } from './http';

export interface Credentials {
  readonly clientId: string;
  /** Read at each request for a token, because it may come from a file. */
  readonly clientSecret: string;
}

/** One token for all requests: Genesys limits requests by token, and asks clients not to take several. */
export interface Tokens {
  /** A token that is valid for a while. Asks Genesys for one if there is none. */
  get(): Promise<string>;
  /** Genesys refused this token: the next `get` asks for another. */
  reject(token: string): void;
}

export interface TokensOptions {
  readonly loginUrl: string;
  readonly credentials: Credentials;
  readonly http: Http;
  readonly onAnswer: (route: string, answer: HttpAnswer) => void;
}

const TOKEN_ROUTE = '/oauth/token';
/** The client renews a token this long before its end, or when a tenth of its life is left. */
const RENEW_BEFORE_MS = 5 * 60_000;

const TokenAnswer = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

/** The client credentials grant. `get` throws UsageError for refused credentials, GenesysError for anything else. */
export function createTokens({ loginUrl, credentials, http, onAnswer }: TokensOptions): Tokens {
  let current: { readonly token: string; readonly age: Age; readonly renewAfterMs: number } | null = null;
  let underWay: Promise<string> | null = null;

  async function login(): Promise<string> {
    const basic = Buffer.from(`${credentials.clientId}:${credentials.clientSecret}`).toString('base64');
    const answer = await http.send({
      method: 'POST',
      url: `${loginUrl}${TOKEN_ROUTE}`,
      route: TOKEN_ROUTE,
      headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials',
    });
    onAnswer(TOKEN_ROUTE, answer);
    if (answer.status !== 200) throw refusal(answer, loginUrl);
    const { access_token: token, expires_in } = readToken(answer, loginUrl);
    const lifeMs = expires_in * 1_000;
    current = { token, age: createAge(), renewAfterMs: lifeMs - Math.min(RENEW_BEFORE_MS, lifeMs / 10) };
    return token;
  }

  return {
    get() {
      if (current && current.age() < current.renewAfterMs) return Promise.resolve(current.token);
      underWay ??= login().finally(() => {
        underWay = null;
      });
      return underWay;
    },
    reject(token) {
      if (current?.token === token) current = null;
    },
  };
}

function readToken(answer: HttpAnswer, loginUrl: string): z.infer<typeof TokenAnswer> {
  try {
    return TokenAnswer.parse(JSON.parse(answer.text));
  } catch {
    throw new GenesysError(
      `${loginUrl}: the answer to ${TOKEN_ROUTE} is no token. Is this the login service of Genesys Cloud?`,
      { status: answer.status, code: null, correlationId: answer.header('inin-correlation-id'), retryAfterMs: null },
    );
  }
}

function refusal(answer: HttpAnswer, loginUrl: string): Error {
  const correlationId = answer.header('inin-correlation-id');
  if ([400, 401, 403].includes(answer.status)) {
    return new UsageError(
      `GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET: ${loginUrl} refuses them (HTTP ${answer.status}, correlation id ${correlationId ?? 'none'}). ` +
        'Do they belong to an OAuth client with the grant "Client Credentials", and is GENESYS_REGION its region?',
    );
  }
  return new GenesysError(
    `POST ${TOKEN_ROUTE} at ${new URL(loginUrl).host}: HTTP ${answer.status}, correlation id ${correlationId ?? 'none'}`,
    {
      status: answer.status,
      code: null,
      correlationId,
      retryAfterMs: retryAfterMs(answer.header('retry-after')),
    },
  );
}
