import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import { messageOf } from '../../common';
import type { Logger, Metrics } from '../../ops';
import { GenesysError, isTransient } from '../errors';
import { retryMs, type Timings } from '../timings';
import { retryAfterMs } from '../waits';
import { createBreaker, type Breaker } from './breaker';
import { createBudget, type Budget, type RateLimit, type Urgency } from './budget';
import { readErrorAnswer } from './error-answer';
import { createHttp, type Http, type HttpAnswer, type HttpRequest } from './http';
import type { Credentials, Tokens } from './oauth';
import { createTokens } from './oauth';

/** The addresses of an organization. */
export interface GenesysUrls {
  /** The OAuth service, e.g. `https://login.mypurecloud.ie`. */
  readonly loginUrl: string;
  /** The public API, e.g. `https://api.mypurecloud.ie`. */
  readonly apiUrl: string;
}

export interface RestOptions {
  readonly urls: GenesysUrls;
  readonly credentials: Credentials;
  readonly timings: Timings;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface RestRequest<T> {
  readonly method: HttpRequest['method'];
  /** The path with ids and query. */
  readonly path: string;
  /** The path without ids and query, for people and metrics. */
  readonly route: string;
  readonly body?: unknown;
  /** Default `now`. */
  readonly urgency?: Urgency;
  /** Called before each attempt with the time. The answer is not older than that. */
  readonly onAttempt?: (sentAt: number) => void;
  readonly answer: z.ZodType<T>;
}

export interface Rest {
  /** GenesysError after the last attempt; UsageError when the credentials are refused. */
  send<T>(request: RestRequest<T>): Promise<T>;
  /** How many requests are left in the current minute, by the last answer. Null: no answer contained it. */
  limit(): RateLimit | null;
  /** How far the clock of Genesys is ahead of ours, in ms, exact to a second. 0: no answer contained it. */
  clockOffsetMs(): number;
  /** Aborts all requests that are under way. */
  stop(): Promise<void>;
}

const ATTEMPTS = 5;
/** After this many requests in a row without an answer, or with a 5xx, the client pauses for a while. */
const BREAK_AFTER = 10;

/**
 * The API with one token. It has time-outs and bounded retries with jitter, obeys `Retry-After`, and logs in again
 * after a 401. If Genesys does not answer at all, requests wait until a single probe succeeds.
 */
export function createRest(options: RestOptions): Rest {
  return new RestClient(options);
}

class RestClient implements Rest {
  readonly #options: RestOptions;
  readonly #stopping = new AbortController();
  readonly #http: Http;
  readonly #tokens: Tokens;
  readonly #budget: Budget;
  readonly #breaker: Breaker;
  #clockOffsetMs = 0;

  constructor(options: RestOptions) {
    const { urls, credentials, timings, logger } = options;
    const { signal } = this.#stopping;
    this.#options = options;
    this.#http = createHttp({ timeoutMs: timings.requestTimeoutMs, signal });
    this.#tokens = createTokens({
      ...{ loginUrl: urls.loginUrl, credentials, http: this.#http },
      onAnswer: (route, answer) => this.#count(route, answer),
    });
    this.#budget = createBudget({ signal, backgroundEveryMs: timings.backgroundEveryMs });
    this.#breaker = createBreaker({
      failures: BREAK_AFTER,
      baseMs: timings.breakBaseMs,
      capMs: timings.breakCapMs,
      onChange: (state) => {
        if (state === 'open')
          logger.warn({ failures: BREAK_AFTER }, 'Genesys does not answer: the bridge pauses its requests');
        else logger.info('Genesys answers again');
      },
    });
  }

  async send<T>(request: RestRequest<T>): Promise<T> {
    const { metrics, logger } = this.#options;
    const { signal } = this.#stopping;
    let loggedInAgain = false;
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#attempt(request);
      } catch (error) {
        if (error instanceof GenesysError && error.facts.status === null && !signal.aborted) {
          metrics.genesysRequests.inc({ route: request.route, status: 'none' });
        }
        const expired: boolean = isUnauthorized(error) && !loggedInAgain;
        if (signal.aborted || tries >= ATTEMPTS || !(expired || isTransient(error))) throw error;
        loggedInAgain ||= expired;
        const waitMs = expired ? 0 : this.#pauseBefore(tries, error);
        logger.warn(
          { route: request.route, attempt: tries, waitMs: Math.round(waitMs), reason: messageOf(error) },
          'a request to Genesys failed: the bridge sends it again',
        );
        await sleep(waitMs, undefined, { signal });
      }
    }
  }

  limit(): RateLimit | null {
    return this.#budget.limit();
  }

  clockOffsetMs(): number {
    return this.#clockOffsetMs;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#http.stop();
  }

  async #attempt<T>(request: RestRequest<T>): Promise<T> {
    await this.#budget.turn(request.urgency ?? 'now');
    const pauseMs = this.#breaker.pauseMs();
    if (pauseMs > 0) throw spared(request, pauseMs);
    request.onAttempt?.(Date.now());
    try {
      const answer = await this.#exchange(request);
      this.#breaker.succeeded();
      return answer;
    } catch (error) {
      // A refusal is also an answer.
      if (isOutage(error)) this.#breaker.failed();
      else this.#breaker.succeeded();
      throw error;
    }
  }

  async #exchange<T>(request: RestRequest<T>): Promise<T> {
    const token = await this.#tokens.get();
    const answer = await this.#http.send({
      method: request.method,
      url: `${this.#options.urls.apiUrl}${request.path}`,
      route: request.route,
      headers: { authorization: `Bearer ${token}`, accept: 'application/json', 'content-type': 'application/json' },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    });
    this.#count(request.route, answer);
    if (answer.status === 401) this.#tokens.reject(token);
    if (answer.status < 200 || answer.status > 299) throw refusalOf(request, answer);
    return readAnswer(request, answer);
  }

  #count(route: string, answer: HttpAnswer): void {
    const { metrics } = this.#options;
    metrics.genesysRequests.inc({ route, status: String(answer.status) });
    this.#budget.told(answer);
    const limit = this.#budget.limit();
    if (limit !== null) metrics.rateLimitRemaining.set(limit.remaining);
    const serverTime = Date.parse(answer.header('date') ?? '');
    if (!Number.isNaN(serverTime)) this.#clockOffsetMs = serverTime - Date.now();
  }

  #pauseBefore(tries: number, error: unknown): number {
    const { timings } = this.#options;
    const jitter = retryMs(tries, timings.retryBaseMs, timings.retryCapMs);
    const asked = error instanceof GenesysError ? error.facts.retryAfterMs : null;
    return asked === null ? jitter : asked + Math.random() * timings.retryBaseMs;
  }
}

/** No answer, or an error of the service itself. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof GenesysError)) return false;
  const { status } = error.facts;
  return status === null || status >= 500;
}

function spared({ method, route }: RestRequest<unknown>, pauseMs: number): GenesysError {
  return new GenesysError(
    `${method} ${route}: the bridge did not send it, because Genesys has not answered for a while`,
    {
      ...{ status: null, code: null, correlationId: null },
      retryAfterMs: pauseMs,
    },
  );
}

const isUnauthorized = (error: unknown): boolean => error instanceof GenesysError && error.facts.status === 401;

function refusalOf({ method, route }: RestRequest<unknown>, answer: HttpAnswer): GenesysError {
  const correlationId = answer.header('inin-correlation-id');
  const { code, permissions } = readErrorAnswer(answer.text);
  const what = [`HTTP ${answer.status}`, code, `correlation id ${correlationId ?? 'none'}`].filter(
    (part) => part !== null,
  );
  return new GenesysError(`${method} ${route}: ${what.join(', ')}`, {
    status: answer.status,
    code,
    correlationId,
    retryAfterMs: retryAfterMs(answer.header('retry-after')),
    permissions,
  });
}

function readAnswer<T>({ method, route, answer: schema }: RestRequest<T>, answer: HttpAnswer): T {
  const parsed = schema.safeParse(answer.text === '' ? undefined : parseJson(answer.text));
  if (parsed.success) return parsed.data;
  const correlationId = answer.header('inin-correlation-id');
  throw new GenesysError(
    `${method} ${route}: the answer has an unknown form, correlation id ${correlationId ?? 'none'}`,
    {
      status: answer.status,
      code: null,
      correlationId,
      retryAfterMs: null,
    },
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
