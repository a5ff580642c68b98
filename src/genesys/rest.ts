import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { messageOf } from '../common/errors';
import type { Logger } from '../ops/logging';
import type { Metrics } from '../ops/metrics';
import { GenesysError, isTransient } from './errors';
import type { HttpAnswer, HttpRequest } from './http';
import { createHttp } from './http';
import type { Credentials, Tokens } from './oauth';
import { createTokens } from './oauth';
import type { GenesysUrls } from './regions';
import { backoffMs, type Timings } from './timings';

export interface RestOptions {
  readonly urls: GenesysUrls;
  readonly credentials: Credentials;
  readonly timings: Timings;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface RestRequest<T> {
  readonly method: HttpRequest['method'];
  /** With ids and query. */
  readonly path: string;
  /** The same without them, for people and metrics. */
  readonly route: string;
  readonly body?: unknown;
  readonly answer: z.ZodType<T>;
}

export interface RateLimit {
  readonly remaining: number;
  /** Epoch ms. */
  readonly resetsAt: number;
}

export interface Rest {
  /** GenesysError after the last attempt; UsageError when the credentials are refused. */
  send<T>(request: RestRequest<T>): Promise<T>;
  /** What is left of the running minute, as the last answer said; null: not said. */
  limit(): RateLimit | null;
  /** Gives up everything under way. */
  stop(): Promise<void>;
}

const ATTEMPTS = 5;

const ErrorAnswer = z.object({ code: z.string().max(100) });

/** The API with one token: time-outs, bounded retries with jitter, `Retry-After` honoured, a 401 logs in again. */
export function createRest({ urls, credentials, timings, metrics, logger }: RestOptions): Rest {
  const stopping = new AbortController();
  const http = createHttp({ timeoutMs: timings.requestTimeoutMs, signal: stopping.signal });
  const tokens: Tokens = createTokens({ loginUrl: urls.loginUrl, credentials, http, onAnswer: count });

  let limit: RateLimit | null = null;

  function count(route: string, answer: HttpAnswer): void {
    metrics.genesysRequests.inc({ route, status: String(answer.status) });
    const said = ['count', 'allowed', 'reset'].map((name) => Number(answer.header(`inin-ratelimit-${name}`) ?? NaN));
    const [used = NaN, allowed = NaN, resetSeconds = NaN] = said;
    if (!Number.isFinite(allowed - used)) return;
    const remaining = Math.max(0, allowed - used);
    metrics.rateLimitRemaining.set(remaining);
    const waitSeconds = Number.isFinite(resetSeconds) ? Math.max(0, resetSeconds) : 60;
    limit = { remaining, resetsAt: Date.now() + waitSeconds * 1_000 };
  }

  async function attempt<T>(request: RestRequest<T>): Promise<T> {
    const token = await tokens.get();
    const answer = await http.send({
      method: request.method,
      url: `${urls.apiUrl}${request.path}`,
      route: request.route,
      headers: { authorization: `Bearer ${token}`, accept: 'application/json', 'content-type': 'application/json' },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    });
    count(request.route, answer);
    if (answer.status === 401) tokens.reject(token);
    if (answer.status < 200 || answer.status > 299) throw refusalOf(request, answer);
    return readAnswer(request, answer);
  }

  async function send<T>(request: RestRequest<T>): Promise<T> {
    let loggedInAgain = false;
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt(request);
      } catch (error) {
        if (error instanceof GenesysError && error.facts.status === null && !stopping.signal.aborted) {
          metrics.genesysRequests.inc({ route: request.route, status: 'none' });
        }
        const expired: boolean = isUnauthorized(error) && !loggedInAgain;
        if (stopping.signal.aborted || tries >= ATTEMPTS || !(expired || isTransient(error))) throw error;
        loggedInAgain ||= expired;
        const waitMs = expired ? 0 : pauseBefore(tries, error);
        logger.warn(
          { route: request.route, attempt: tries, waitMs: Math.round(waitMs), reason: messageOf(error) },
          'Genesys request repeated',
        );
        await sleep(waitMs, undefined, { signal: stopping.signal });
      }
    }
  }

  function pauseBefore(tries: number, error: unknown): number {
    const jitter = backoffMs(tries, timings.retryBaseMs, timings.retryCapMs);
    const asked = error instanceof GenesysError ? error.facts.retryAfterMs : null;
    return asked === null ? jitter : asked + Math.random() * timings.retryBaseMs;
  }

  return {
    send,
    limit: () => limit,
    async stop() {
      stopping.abort();
      await http.stop();
    },
  };
}

const isUnauthorized = (error: unknown): boolean => error instanceof GenesysError && error.facts.status === 401;

function refusalOf({ method, route }: RestRequest<unknown>, answer: HttpAnswer): GenesysError {
  const correlationId = answer.header('inin-correlation-id');
  const code = codeOf(answer.text);
  const retryAfter = Number(answer.header('retry-after') ?? Number.NaN);
  const what = [`HTTP ${answer.status}`, code, `correlation id ${correlationId ?? 'none'}`].filter(
    (part) => part !== null,
  );
  return new GenesysError(`${method} ${route}: ${what.join(', ')}`, {
    status: answer.status,
    code,
    correlationId,
    retryAfterMs: Number.isFinite(retryAfter) ? retryAfter * 1_000 : null,
  });
}

function codeOf(text: string): string | null {
  try {
    return ErrorAnswer.parse(JSON.parse(text)).code;
  } catch {
    return null;
  }
}

function readAnswer<T>({ method, route, answer: schema }: RestRequest<T>, answer: HttpAnswer): T {
  const parsed = schema.safeParse(answer.text === '' ? undefined : parseJson(answer.text));
  if (parsed.success) return parsed.data;
  const correlationId = answer.header('inin-correlation-id');
  throw new GenesysError(`${method} ${route}: an answer of another shape, correlation id ${correlationId ?? 'none'}`, {
    status: answer.status,
    code: null,
    correlationId,
    retryAfterMs: null,
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
