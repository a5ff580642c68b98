import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { messageOf } from '../../common';
import { foreignRequest } from '../../ops';

export interface Request {
  readonly method: string;
  readonly url: URL;
  /** The values of the pattern's `{…}`, in order. */
  readonly parts: readonly string[];
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Answer {
  /** 0: none, the connection is cut. */
  readonly status: number;
  /** JSON; undefined: no body. */
  readonly body?: unknown;
  /** The answer of something between client and Genesys: it replaces the body, and has no correlation id. */
  readonly html?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Handler = (request: Request) => Answer | Promise<Answer>;

/** The connection ends without an answer. */
export const CUT: Answer = { status: 0 };

export interface Route {
  readonly method: string;
  /** E.g. `/api/v2/conversations/{id}`. */
  readonly path: string;
  readonly handle: Handler;
}

const LARGEST_BODY_BYTES = 1024 * 1024;

/** The shape of every error of the API (the SDK's ErrorBody). */
export function apiError(
  status: number,
  code: string,
  message: string,
  more: Readonly<Record<string, unknown>> = {},
): Answer {
  const body = { message, code, status, contextId: randomUUID(), details: [], errors: [], ...more };
  return { status, body };
}

export const NOT_FOUND = (): Answer => apiError(404, 'not.found', 'The requested resource was not found.');

/**
 * Answers with the first route that fits. Each answer has a correlation id, like Genesys's.
 * @param host the address that the server listens on
 */
export function createRequestListener(host: string, routes: readonly Route[]): RequestListener {
  const compiled = routes.map((route) => ({
    ...route,
    pattern: new RegExp(`^${route.path.replaceAll(/\{\w+\}/g, '([^/]+)')}$`),
  }));

  async function answerTo(message: IncomingMessage, body: string): Promise<Answer> {
    const method = message.method ?? 'GET';
    const url = new URL(message.url ?? '/', 'http://simulator');
    for (const route of compiled) {
      const match = route.method === method ? route.pattern.exec(url.pathname) : null;
      if (match) return await route.handle({ method, url, parts: match.slice(1), headers: message.headers, body });
    }
    return NOT_FOUND();
  }

  return (message, response) => {
    const foreign = foreignRequest(host, message);
    if (foreign !== null) {
      send(response, apiError(foreign.status, 'not.a.local.request', foreign.message));
      message.resume();
      return;
    }
    readBody(message)
      .then((body) => answerTo(message, body))
      .catch((error: unknown) => apiError(400, 'bad.request', messageOf(error)))
      .then((answer) => send(response, answer))
      .catch(() => response.destroy());
  };
}

async function readBody(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY_BYTES) throw new RangeError('The request body is too large.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, answer: Answer): void {
  const { status, body, html, headers = {} } = answer;
  if (status === 0) {
    response.destroy();
    return;
  }
  if (html !== undefined) {
    response.writeHead(status, { 'Content-Type': 'text/html', ...headers });
    response.end(html);
    return;
  }
  response.writeHead(status, { 'ININ-Correlation-Id': randomUUID(), 'Content-Type': 'application/json', ...headers });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
