import { GenesysError } from '../errors';
import { readErrorAnswer, type ErrorAnswer } from '../rest/error-answer';
import { createHttp, type HttpAnswer, type HttpRequest } from '../rest/http';
import { createTokens, type Credentials } from '../rest/oauth';
import type { GenesysUrls, Rest } from '../rest/rest';

/** Sends each request once: the doctor reports the errors after which a bridge would wait and retry. */
export interface Asker {
  /** Logs in. UsageError for refused credentials, GenesysError, ProxyError. */
  login(): Promise<void>;
  ask(method: HttpRequest['method'], path: string, body?: unknown): Promise<Reply>;
  /** The same client, for code that is written for the real one. */
  readonly rest: Rest;
  /** What answers say beside their content: the clock and the limit. */
  seen(): Seen;
  stop(): Promise<void>;
}

export interface Reply extends ErrorAnswer {
  readonly status: number;
  readonly text: string;
}

export interface Seen {
  /** How far Genesys's clock is ahead of ours, by the answer that came back fastest; null: no answer had a date. */
  readonly aheadMs: number | null;
  readonly requests: { readonly used: number; readonly allowed: number } | null;
}

export interface AskerOptions {
  readonly urls: GenesysUrls;
  readonly credentials: Credentials;
  readonly timeoutMs: number;
}

export function createAsker({ urls, credentials, timeoutMs }: AskerOptions): Asker {
  const stopping = new AbortController();
  const http = createHttp({ timeoutMs, signal: stopping.signal });
  const tokens = createTokens({ loginUrl: urls.loginUrl, credentials, http, onAnswer: () => undefined });
  let fastestMs = Infinity;
  let aheadMs: Seen['aheadMs'] = null;
  let requests: Seen['requests'] = null;

  function learn(answer: HttpAnswer, sentAt: number): void {
    const now = Date.now();
    const date = Date.parse(answer.header('date') ?? '');
    if (!Number.isNaN(date) && now - sentAt < fastestMs) {
      fastestMs = now - sentAt;
      // The header has whole seconds, cut off; the answer was written somewhere between sending and receiving.
      aheadMs = date + 500 - (sentAt + now) / 2;
    }
    const [used = NaN, allowed = NaN] = ['count', 'allowed'].map((name) =>
      Number(answer.header(`inin-ratelimit-${name}`) ?? NaN),
    );
    if (Number.isFinite(used + allowed)) requests = { used: Math.max(used, requests?.used ?? 0), allowed };
  }

  async function ask(method: HttpRequest['method'], path: string, body?: unknown): Promise<Reply> {
    const token = await tokens.get();
    const sentAt = Date.now();
    const answer = await http.send({
      method,
      url: `${urls.apiUrl}${path}`,
      route: path.replace(/\?.*/, ''),
      headers: { authorization: `Bearer ${token}`, accept: 'application/json', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    learn(answer, sentAt);
    return replyOf(answer);
  }

  const rest: Rest = {
    async send({ method, path, route, body, answer: schema }) {
      const { status, code, text } = await ask(method, path, body);
      const facts = { status, code, correlationId: null, retryAfterMs: null };
      if (status < 200 || status > 299) throw new GenesysError(`${method} ${route}: ${told({ status, code })}`, facts);
      const parsed = schema.safeParse(parse(text));
      if (parsed.success) return parsed.data;
      throw new GenesysError(`${method} ${route}: the answer has an unknown form`, facts);
    },
    limit: () => null,
    clockOffsetMs: () => aheadMs ?? 0,
    stop: () => Promise.resolve(),
  };

  return {
    async login() {
      await tokens.get();
    },
    ask,
    rest,
    seen: () => ({ aheadMs, requests }),
    async stop() {
      stopping.abort();
      await http.stop();
    },
  };
}

/** Genesys's answer in a few words. */
export function told({ status, code }: Pick<Reply, 'status' | 'code'>): string {
  return code === null ? `HTTP ${status}` : `HTTP ${status}, ${code}`;
}

const NO_ERROR: ErrorAnswer = { code: null, permissions: [] };

function replyOf({ status, text }: HttpAnswer): Reply {
  return { status, text, ...(status >= 400 ? readErrorAnswer(text) : NO_ERROR) };
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
