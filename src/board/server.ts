import fastifyStatic from '@fastify/static';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { messageOf, OperatorError } from '../common';
import { countRows, NO_LIVE, type QueueConversation, type QueueVisit } from '../conversation';
import { foreignRequest, localUrl, type Logger } from '../ops';
import { admits, checkAccess, type Access } from './access';
import { ANSWERS, QUESTIONS } from './api-schema';
import { addDay, dayOf, NO_DAY, type ServiceLevelRule } from './counts';
import type { History } from './history';
import type { Picture, QueueLine } from './picture';
import type { Presenter } from './present';
import type { Viewers } from './viewers';

export interface BoardServerOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly access: Access;
  readonly picture: Picture;
  readonly viewers: Viewers;
  readonly present: Presenter;
  /** Null: no ClickHouse. */
  readonly history: History | null;
  readonly rule: ServiceLevelRule;
  readonly dayStart: (now: number) => number;
  readonly timeZone: string;
  readonly version: string;
  /** The folder of the built page. */
  readonly page: string;
  readonly logger: Logger;
}

export interface BoardServer {
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

const DAY_MS = 86_400_000;
/** Of one answer: more would be a long wait and no picture that anybody reads. */
const MOST_INTERVALS = 1_500;
const SERIES_POINTS = 240;

const SECURITY_HEADERS = {
  // Nothing leaves the origin, and no other page may frame this one. uPlot sets widths by style attributes.
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/**
 * Serves the page and what it asks for.
 * @throws UsageError where everybody on the network could look, OperatorError where the port is taken
 */
export async function startBoardServer(options: BoardServerOptions): Promise<BoardServer> {
  const { host, access, logger } = options;
  checkAccess(host, access);
  const app = fastify({ logger: false, forceCloseConnections: true, ajv: { customOptions: { coerceTypes: true } } });
  guard(app, options);
  addLive(app, options);
  addPresentAndPast(app, options);
  await app.register(fastifyStatic, { root: options.page, cacheControl: false, setHeaders: cacheForAsLongAsItHolds });
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500)
      logger.error({ err: error, path: request.url.split('?', 1)[0] }, 'a request of the board failed');
    const message = status >= 500 ? 'The store does not answer. The live picture goes on.' : error.message;
    return reply.code(status >= 500 ? 503 : status).send({ message });
  });
  try {
    await app.listen({ host, port: options.port });
  } catch (error) {
    throw new OperatorError(`The board cannot listen on ${host}:${options.port} (${messageOf(error)}).`);
  }
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return {
    port,
    url: localUrl({ host, port }),
    stop: async () => {
      options.viewers.stop();
      await app.close();
    },
  };
}

/** Assets have their hash in their name; the page has not. */
function cacheForAsLongAsItHolds(reply: { setHeader(name: string, value: string): unknown }, path: string): void {
  reply.setHeader('cache-control', /[\\/]assets[\\/]/.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache');
}

function guard(app: FastifyInstance, { host, access }: BoardServerOptions): void {
  app.addHook('onRequest', async (request, reply) => {
    const foreign = foreignRequest(host, request.raw);
    if (foreign !== null) return reply.code(foreign.status).send({ message: foreign.message });
    if (admits(access, request.headers)) return undefined;
    return reply
      .code(401)
      .header('www-authenticate', 'Basic realm="queuefold", charset="UTF-8"')
      .send({ message: 'The board needs its password.' });
  });
  app.addHook('onSend', async (_request, reply) => {
    void reply.headers(SECURITY_HEADERS);
    if (!reply.hasHeader('cache-control')) void reply.header('cache-control', 'no-store');
  });
}

function addLive(app: FastifyInstance, { viewers }: BoardServerOptions): void {
  app.get<{ Querystring: { queue?: string } }>(
    '/api/live',
    { schema: { querystring: QUESTIONS.live } },
    (request: FastifyRequest<{ Querystring: { queue?: string } }>, reply: FastifyReply) => {
      reply.hijack();
      reply.raw.writeHead(200, {
        ...SECURITY_HEADERS,
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      const lastEventId = request.headers['last-event-id'];
      viewers.add(reply.raw, request.query.queue ?? null, typeof lastEventId === 'string' ? lastEventId : undefined);
    },
  );
}

function addPresentAndPast(app: FastifyInstance, options: BoardServerOptions): void {
  const { picture, present, history, rule, dayStart } = options;
  const past = (): History => {
    if (history !== null) return history;
    throw Object.assign(new Error('This board has no ClickHouse, so it shows the present only. Set CLICKHOUSE_URL.'), {
      statusCode: 404,
    });
  };
  const answer = (schema: object, querystring: object) => ({ schema: { querystring, response: { 200: schema } } });

  app.get('/api/about', { schema: { response: { 200: ANSWERS.about } } }, async () => ({
    version: options.version,
    history: history !== null,
    oldest: (await history?.oldest()) ?? null,
    rule,
    timeZone: options.timeZone,
  }));

  app.get<{ Querystring: { at?: number } }>(
    '/api/queues',
    answer(ANSWERS.queues, QUESTIONS.queues),
    async ({ query: { at } }) => {
      if (at === undefined) return { at: Date.now(), lines: picture.lines(0).map(present.line) };
      const [rows, visits] = await Promise.all([past().rowsAt(at), past().visitsAt(dayStart(at), at)]);
      return { at, lines: linesOf(rows, visits, rule).map(present.line) };
    },
  );

  app.get<{ Querystring: { queue: string; at?: number } }>(
    '/api/conversations',
    answer(ANSWERS.conversations, QUESTIONS.conversations),
    async ({ query: { queue, at } }) => {
      const rows =
        at === undefined
          ? picture.queue(queue, 0).rows
          : (await past().rowsAt(at)).filter(({ queue_id }) => queue_id === queue);
      return { at: at ?? Date.now(), conversations: rows.map(present.conversation) };
    },
  );

  app.get<{ Params: { id: string } }>(
    '/api/conversations/:id',
    { schema: { params: QUESTIONS.conversation, response: { 200: ANSWERS.conversation } } },
    async ({ params: { id } }) => {
      const [versions, visits] = await Promise.all([past().versions(id), past().visitsOf(id)]);
      if (versions.length === 0 && visits.length === 0) {
        throw Object.assign(new Error(`No conversation ${id} is known.`), { statusCode: 404 });
      }
      return { id, versions: versions.map(present.version), visits: visits.map(present.visit) };
    },
  );

  app.get<{ Querystring: { queue?: string; from: number; to: number; minutes: number } }>(
    '/api/intervals',
    answer(ANSWERS.intervals, QUESTIONS.intervals),
    async ({ query: { queue, from, to, minutes } }) => {
      checkPeriod(from, to, (to - from) / (minutes * 60_000), MOST_INTERVALS);
      const intervals = await past().intervals({ queueId: queue ?? null, from, to, minutes, ...rule });
      return { from, to, minutes, intervals };
    },
  );

  app.get<{ Querystring: { queue: string; from: number; to: number } }>(
    '/api/series',
    answer(ANSWERS.series, QUESTIONS.series),
    async ({ query: { queue, from, to } }) => {
      checkPeriod(from, to, (to - from) / (7 * DAY_MS), 1);
      const stepMs = Math.max(1_000, Math.ceil((to - from) / SERIES_POINTS));
      return { from, to, points: await past().series({ queueId: queue, from, to, stepMs }) };
    },
  );
}

function checkPeriod(from: number, to: number, size: number, most: number): void {
  const problem = to <= from ? 'to must be after from' : size > most ? 'the period is too long' : null;
  if (problem !== null) throw Object.assign(new Error(`from=${from}&to=${to}: ${problem}.`), { statusCode: 400 });
}

/** The lines of a table that is at hand as a whole. */
export function linesOf(
  rows: readonly QueueConversation[],
  visits: readonly QueueVisit[],
  rule: ServiceLevelRule,
): readonly QueueLine[] {
  const groups = new Map<
    string,
    { queueId: string; media: string | null; rows: QueueConversation[]; day: QueueLine['day'] }
  >();
  const group = (queueId: string, media: string | null) => {
    const key = `${media ?? ''}\u0000${queueId}`;
    const known = groups.get(key) ?? { queueId, media, rows: [], day: NO_DAY };
    groups.set(key, known);
    return known;
  };
  for (const row of rows) group(row.queue_id, row.media_type).rows.push(row);
  for (const visit of visits) {
    const of = group(visit.queue_id, visit.media_type);
    of.day = addDay(of.day, dayOf(visit, rule));
  }
  return [...groups.values()].map(({ queueId, media, rows: of, day }) => ({
    queueId,
    media,
    live: of.length === 0 ? NO_LIVE : countRows(of),
    day,
  }));
}
