import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { messageOf } from '../../../common/errors';

export interface Request {
  readonly method: string;
  readonly url: URL;
  /** The values of the pattern's `{…}`, in order. */
  readonly parts: readonly string[];
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  /** JSON; undefined: no body. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Handler = (request: Request) => Answer;

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

/** Answers by the first route that fits; each answer has a correlation id, as Genesys's have. */
export function createRequestListener(routes: readonly Route[]): RequestListener {
  const compiled = routes.map((route) => ({
    ...route,
    pattern: new RegExp(`^${route.path.replaceAll(/\{\w+\}/g, '([^/]+)')}$`),
  }));

  function answerTo(message: IncomingMessage, body: string): Answer {
    const method = message.method ?? 'GET';
    const url = new URL(message.url ?? '/', 'http://simulator');
    for (const route of compiled) {
      const match = route.method === method ? route.pattern.exec(url.pathname) : null;
      if (match) return route.handle({ method, url, parts: match.slice(1), headers: message.headers, body });
    }
    return NOT_FOUND();
  }

  return (message, response) => {
    readBody(message).then(
      (body) => send(response, answerTo(message, body)),
      (error: unknown) => send(response, apiError(400, 'bad.request', messageOf(error))),
    );
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

function send(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  response.writeHead(status, { 'ININ-Correlation-Id': randomUUID(), 'Content-Type': 'application/json', ...headers });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
