import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type Age, createAge, explainTls, messageOf, OperatorError, peerOf, UsageError } from '../common';

export interface ClientCredentials {
  /** The prefix of the settings, for messages: `…_OAUTH_TOKEN_URL`, `…_USERNAME` (the client id). */
  readonly settings: 'KAFKA_SASL' | 'SCHEMA_REGISTRY';
  /** The token endpoint of the identity provider. */
  readonly url: string;
  readonly clientId: string;
  /** As it is now. */
  readonly clientSecret: () => string;
  readonly scope: string | undefined;
  /** Certificates of the authorities that signed the endpoint's certificate; undefined: those of Node.js. */
  readonly ca: () => string | undefined;
}

const TIMEOUT_MS = 10_000;
/** The pauses before further attempts: an identity provider may be away for a moment. */
const PAUSES_MS = [500, 1_000, 2_000, 4_000];
/**
 * A token is renewed when a third of its life is left, but at most a minute and at least 20 s before its end. kafkajs
 * authenticates again 10 s before a session ends, and the token that it then gets must live longer than that.
 */
const RENEW_BEFORE_MS = { most: 60_000, least: 20_000 };
/** RFC 6749 recommends that the answer contains the token's life. If it does not, each connection asks for a token. */
const Answer = z.object({
  // Of the characters of RFC 6749, appendix A.12. With others, the error of a request would show the token.
  access_token: z.string().regex(/^[\x20-\x7E]+$/),
  expires_in: z.coerce.number().positive().optional(),
});

interface Token {
  readonly value: string;
  readonly age: Age;
  readonly renewAfterMs: number;
  readonly lifeMs: number;
}

/**
 * Bearer tokens, for SASL OAUTHBEARER or HTTP, by the client credentials grant (RFC 6749, 4.4): one token for all
 * connections, renewed in time. While it cannot be renewed it is used to its end. Rejects with UsageError if the
 * credentials are refused, and with OperatorError for anything else.
 */
export function createTokenProvider(credentials: ClientCredentials): () => Promise<{ readonly value: string }> {
  let current: Token | null = null;
  let underWay: Promise<Token> | null = null;

  const login = async (): Promise<Token> => {
    for (let tries = 0; ; tries++) {
      try {
        return tokenOf(await askForToken(credentials));
      } catch (error) {
        if (current !== null && current.age() < current.lifeMs) return current;
        const pauseMs = PAUSES_MS[tries];
        if (error instanceof UsageError || pauseMs === undefined) throw error;
        await sleep(pauseMs);
      }
    }
  };

  return async () => {
    if (current === null || current.age() >= current.renewAfterMs) {
      underWay ??= login().finally(() => (underWay = null));
      current = await underWay;
    }
    return { value: current.value };
  };
}

function tokenOf({ access_token: value, expires_in: seconds = 0 }: z.infer<typeof Answer>): Token {
  const lifeMs = seconds * 1_000;
  const { most, least } = RENEW_BEFORE_MS;
  return { value, age: createAge(), lifeMs, renewAfterMs: lifeMs - Math.min(most, Math.max(least, lifeMs / 3)) };
}

async function askForToken({ settings, url, clientId, clientSecret, scope, ca }: ClientCredentials) {
  const name = `${settings}_OAUTH_TOKEN_URL: ${url}`;
  // RFC 6749, 2.3.1: both are form-encoded before they become Basic.
  const basic = [clientId, clientSecret()].map(encodeURIComponent).join(':');
  const form = new URLSearchParams({ grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) });
  const authorities = ca();
  // Loaded only now: it takes 0.1 s of CPU, and most processes do without it.
  const { Agent, request } = await import('undici');
  const dispatcher = new Agent(authorities === undefined ? {} : { connect: { ca: authorities } });
  try {
    const { statusCode, body } = await request(url, {
      dispatcher,
      method: 'POST',
      headers: {
        accept: 'application/json',
        authorization: `Basic ${Buffer.from(basic).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: form.toString(),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await body.text();
    if ([400, 401, 403].includes(statusCode)) {
      throw new UsageError(
        `${name} refuses the client (HTTP ${statusCode}${errorIn(text)}). Check ${settings}_USERNAME (the client id), ` +
          `${settings}_PASSWORD (the client secret) and ${settings}_OAUTH_SCOPE.`,
      );
    }
    const token = statusCode === 200 ? Answer.safeParse(parse(text)) : null;
    if (token?.success === true) return token.data;
    throw new OperatorError(
      `${name} answers HTTP ${statusCode} without a token. Is it the token endpoint of the identity provider?`,
    );
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    const tls = await explainTls(error, {
      ...{ address: `${settings}_OAUTH_TOKEN_URL`, ca: 'TLS_CA', pair: 'KAFKA_SSL', hasCertificate: false },
      peer: peerOf(url),
    });
    if (tls !== null) {
      const Problem = tls.isConfiguration ? UsageError : OperatorError;
      throw new Problem(`${name}: ${tls.detail}. ${tls.remedy}`, { cause: error });
    }
    throw new OperatorError(`${name}: cannot reach it (${messageOf(error)}). Is it up, and can this machine reach it?`);
  } finally {
    dispatcher.destroy().catch(() => undefined);
  }
}

/** The error code of RFC 6749, 5.2; its description may quote the request. */
function errorIn(text: string): string {
  const { data } = z.object({ error: z.string().regex(/^[\w-]{1,60}$/) }).safeParse(parse(text));
  return data === undefined ? '' : `, ${data.error}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
