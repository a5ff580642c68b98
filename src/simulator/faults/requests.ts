import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { tooMany } from '../server/access';
import type { Answer } from '../server/http';
import { apiError, CUT, NOT_FOUND } from '../server/http';
import type { Meddler } from '../server/meddling';
import { fault, milliseconds, share, type End, type Occasion } from './fault';

/** A prefix of the paths to hit. */
const route = z.string().startsWith('/').default('/');
const hits = { share, route };

/** Interferes with the chosen requests. */
function meddle({ levers, random, hit }: Occasion, which: { share: number; route: string }, how: Meddler): End {
  return levers.requests.add((request, next) => {
    if (!request.url.pathname.startsWith(which.route) || !random.chance(which.share)) return next(request);
    hit();
    return how(request, next);
  });
}

const answering = (
  occasion: Occasion,
  which: { share: number; route: string },
  answer: (path: string) => Answer,
): End => meddle(occasion, which, ({ url }) => Promise.resolve(answer(url.pathname)));

export const REQUEST_FAULTS = {
  'tokens-revoked': fault('the API answers 401 to every token that it has issued so far', {}, ({ levers, hit }) => {
    hit(levers.access.revokeTokens());
    return null;
  }),
  forbidden: fault(
    'requests get 403 with the missing permissions',
    { ...hits, route: route.default('/api/'), permissions: z.array(z.string()).min(1).optional() },
    (occasion, parameters) =>
      answering(occasion, parameters, (path) => forbidden(parameters.permissions ?? [permissionFor(path)])),
  ),
  'not-found': fault(
    "requests get 404 with Genesys's code, as if the object were gone (by default only channels)",
    { ...hits, route: route.default('/api/v2/notifications/channels/') },
    (occasion, parameters) => answering(occasion, parameters, NOT_FOUND),
  ),
  'not-found-by-proxy': fault('requests get a 404 of a proxy, which says nothing about Genesys', hits, (occasion, p) =>
    answering(occasion, p, () => byProxy(404)),
  ),
  'too-many-requests': fault(
    'requests get 429 with Retry-After',
    { ...hits, retryAfterSeconds: z.number().int().min(0).default(1) },
    (occasion, parameters) => answering(occasion, parameters, () => tooMany(parameters.retryAfterSeconds)),
  ),
  'server-errors': fault(
    'requests get 500, 502, 503 or 504',
    { ...hits, status: z.literal([500, 502, 503, 504]).optional() },
    (occasion, parameters) =>
      answering(occasion, parameters, () => serverError(parameters.status ?? occasion.random.pick(SERVER_ERRORS))),
  ),
  'hanging-requests': fault('requests get no answer and have no effect', hits, (occasion, parameters) => {
    const waiting = new Set<() => void>();
    const end = meddle(occasion, parameters, () => new Promise((resolve) => waiting.add(() => resolve(CUT))));
    return () => {
      end();
      for (const cut of waiting) cut();
    };
  }),
  'lost-answers': fault(
    'requests have their effect, but the connection breaks before the answer',
    hits,
    (occasion, parameters) =>
      meddle(occasion, parameters, async (request, next) => {
        await next(request);
        return CUT;
      }),
  ),
  'slow-answers': fault('answers come late', { ...hits, byMs: milliseconds.default(2_000) }, (occasion, parameters) => {
    const { signal, abort } = abortable();
    const end = meddle(occasion, parameters, async (request, next) => {
      await sleep(parameters.byMs, undefined, { signal }).catch(() => undefined);
      return next(request);
    });
    return () => {
      end();
      abort();
    };
  }),
  'clock-skew': fault(
    "Genesys's clock is wrong in answers: in Date and in the expiry of channels",
    { byMs: z.number().int().optional() },
    (occasion, { byMs = occasion.random.pick([-1, 1]) * occasion.random.integer(30_000, 600_000) }) => {
      occasion.levers.skewClock(byMs);
      const end = meddle(occasion, { share: 1, route: '/' }, async (request, next) => {
        const answer = await next(request);
        return { ...answer, headers: { ...answer.headers, Date: new Date(Date.now() + byMs).toUTCString() } };
      });
      return () => {
        end();
        occasion.levers.skewClock(0);
      };
    },
  ),
} as const;

const SERVER_ERRORS = [500, 502, 503, 504] as const;

function serverError(status: (typeof SERVER_ERRORS)[number]): Answer {
  switch (status) {
    case 500:
      return apiError(
        500,
        'internal.server.error',
        'The server encountered an unexpected condition which prevented it from fulfilling the request.',
      );
    case 502:
      return byProxy(502);
    case 503:
      return apiError(503, 'service.unavailable', 'Service Unavailable - The server is currently unavailable.');
    case 504:
      return apiError(504, 'request.timeout', 'The request timed out.');
  }
}

const byProxy = (status: number): Answer => ({ status, html: `<html><body><h1>${status}</h1></body></html>` });

/** In Genesys's words. */
function forbidden(permissions: readonly string[]): Answer {
  const message = 'Unable to perform the requested action. You are missing the following permission(s): ';
  const list = `[${permissions.join(', ')}]`;
  return apiError(403, 'missing.permissions', message + list, {
    messageWithParams: `${message}{permissions}`,
    messageParams: { permissions: list },
  });
}

/** The permission according to the SDK's documentation. */
function permissionFor(path: string): string {
  if (path.startsWith('/api/v2/analytics/conversations/activity')) return 'analytics:queueObservation:view';
  if (path.startsWith('/api/v2/analytics/conversations/details')) return 'analytics:conversationDetail:view';
  if (path.startsWith('/api/v2/conversations')) return 'conversation:communication:view';
  if (path.startsWith('/api/v2/routing/skills')) return 'routing:skill:view';
  if (path.startsWith('/api/v2/users')) return 'directory:user:view';
  return 'routing:queue:view';
}

function abortable(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
