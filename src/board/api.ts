import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { countRows, NO_LIVE, type QueueConversation } from '../conversation';
import { ANSWERS, EVENTS, jsonSchema, PATHS, QUESTIONS } from './api-schema';
import { NO_DAY, type ServiceLevelRule } from './counts';
import type { DayLine, History } from './history';
import type { AnsweredRow, Picture, QueueLine } from './picture';
import type { Presenter } from './present';
import { Refusal } from './refusal';
import type { Viewers } from './viewers';

export interface ApiOptions {
  readonly picture: Picture;
  readonly viewers: Viewers;
  readonly present: Presenter;
  /** Null: no ClickHouse. */
  readonly history: History | null;
  readonly rule: ServiceLevelRule;
  readonly dayStart: (now: number) => number;
  readonly timeZone: string;
  readonly version: string;
  /** Headers of every answer, also of the stream, whose head fastify does not write. */
  readonly headers: Readonly<Record<string, string>>;
}

const DAY_MS = 86_400_000;
/** The most intervals of one answer: more would mean a long wait, and a picture that nobody can read. */
const MOST_INTERVALS = 1_500;
const SERIES_POINTS = 240;
/** Each viewer costs a connection, at most 256 KiB, and one picture that it has not taken yet. */
const MOST_VIEWERS = 500;

type Name = keyof typeof ANSWERS & keyof typeof QUESTIONS;
type Query<K extends Name> = z.output<(typeof QUESTIONS)[K]>;
type Answer<K extends Name> = z.output<(typeof ANSWERS)[K]>;

interface Asked {
  readonly path: { readonly id: string };
  readonly signal: AbortSignal;
}

interface Operation<K extends Name> {
  readonly path: string;
  readonly summary: string;
  /** Refusals other than wrong parameters and failed authentication. */
  readonly refusals?: Readonly<Record<number, string>>;
  readonly params?: z.ZodType;
  /** @param asked its signal aborts if the client goes away */
  answer(query: Query<K>, asked: Asked): Promise<Answer<K>>;
}

const NO_STORE = 'The board has no ClickHouse, or ClickHouse does not have this';
const BUSY = 'Too many questions about the past at once. Ask again after `Retry-After` seconds';
const AWAY = 'ClickHouse does not answer';

/** `/api/…`, and its OpenAPI document as `/api/openapi.json`. */
export async function addApi(app: FastifyInstance, options: ApiOptions): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'The live board of queuefold',
        version: options.version,
        description: 'Queues now and in the past. The page of the board uses it, and other programs may use it too.',
      },
      components: { securitySchemes: { password: { type: 'http', scheme: 'basic' } } },
      security: [{}, { password: [] }],
    },
  });
  addLive(app, options);
  addPresent(app, options);
  addPast(app, options);
  app.get('/api/openapi.json', { schema: { summary: 'This document', response: { 200: ANYTHING } } }, () =>
    app.swagger(),
  );
}

const ANYTHING = { type: 'object', additionalProperties: true, description: 'An OpenAPI document' } as const;

function problems(refusals: Readonly<Record<number, string>> = {}) {
  const problem = jsonSchema(ANSWERS.problem, 'output');
  const all = {
    400: 'A parameter is missing, unknown or not allowed',
    401: 'The board needs its password',
    403: 'The request comes from another web page',
    ...refusals,
  };
  return Object.fromEntries(Object.entries(all).map(([status, description]) => [status, { ...problem, description }]));
}

function add<K extends Name>(app: FastifyInstance, name: K, operation: Operation<K>): void {
  const { path, summary, refusals, params, answer } = operation;
  app.get(
    path,
    {
      schema: {
        operationId: name,
        summary,
        querystring: jsonSchema(QUESTIONS[name], 'input'),
        ...(params === undefined ? {} : { params: jsonSchema(params, 'input') }),
        response: { 200: { ...jsonSchema(ANSWERS[name], 'output'), description: 'The answer' }, ...problems(refusals) },
      },
    },
    // fastify has checked both against their schemas.
    async ({ query, params: path, signal }) => answer(query as Query<K>, { path: path as Asked['path'], signal }),
  );
}

function addLive(app: FastifyInstance, { viewers, headers }: ApiOptions): void {
  const data = Object.entries(EVENTS).map(([title, schema]) => ({ title, ...jsonSchema(schema, 'output') }));
  const full = { 503: `The board has ${MOST_VIEWERS} pages open already` };
  app.get<{ Querystring: z.output<typeof QUESTIONS.live> }>(
    '/api/live',
    {
      schema: {
        operationId: 'live',
        summary: 'Server-sent events: the picture, then what changes, at most four times a second',
        description:
          'The event `picture` has lines of queues. The event `beat` comes once a second and says how old the picture is. ' +
          'A client that sends `Last-Event-ID` gets what has changed since.',
        headers: { type: 'object', properties: { 'last-event-id': { type: 'string', maxLength: 200 } } },
        querystring: jsonSchema(QUESTIONS.live, 'input'),
        response: {
          200: {
            description: 'Events without an end. The schema is that of their data, by the name of the event',
            content: { 'text/event-stream': { schema: { oneOf: data } } },
          },
          ...problems(full),
        },
      },
    },
    (request, reply) => {
      if (viewers.size >= MOST_VIEWERS) throw new Refusal(503, `${full[503]}. Close some, or start another board.`);
      reply.hijack();
      reply.raw.writeHead(200, {
        ...headers,
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      const lastEventId = request.headers['last-event-id'];
      viewers.add(reply.raw, request.query.queue ?? null, typeof lastEventId === 'string' ? lastEventId : undefined);
    },
  );
}

function historyOf({ history }: ApiOptions, { signal }: Asked): History {
  if (history !== null) return history.askedUntil(signal);
  throw new Refusal(404, 'This board has no ClickHouse, so it shows the present only. Set CLICKHOUSE_URL.');
}

/**
 * The history for an instant that ClickHouse covers. For an earlier one, ClickHouse would answer that nobody was there.
 */
async function pastOf(options: ApiOptions, at: number, asked: Asked): Promise<History> {
  const history = historyOf(options, asked);
  const oldest = await history.oldest();
  if (oldest !== null && at >= oldest) return history;
  const begins = oldest === null ? 'nothing is stored yet' : `the history begins at ${new Date(oldest).toISOString()}`;
  throw new Refusal(404, `at=${at}: ${begins}.`);
}

/** The topics' data now, and ClickHouse's data for an instant. */
function addPresent(app: FastifyInstance, options: ApiOptions): void {
  const { picture, present, history, rule, dayStart } = options;
  const refusals = { 404: NO_STORE, 429: BUSY, 503: AWAY };

  add(app, 'about', {
    path: '/api/about',
    summary: 'What this board is and can',
    refusals: { 429: BUSY, 503: AWAY },
    answer: async (_query, { signal }) => ({
      version: options.version,
      history: history !== null,
      oldest: (await history?.askedUntil(signal).oldest()) ?? null,
      rule,
      timeZone: options.timeZone,
    }),
  });

  add(app, 'queues', {
    path: '/api/queues',
    summary: 'Every queue and medium, now or at an instant',
    refusals,
    async answer({ at }, asked) {
      if (at === undefined) return { at: Date.now(), lines: picture.lines(0).map(present.line) };
      const past = await pastOf(options, at, asked);
      const [rows, days] = await Promise.all([past.rowsAt(at, null), past.dayAt(dayStart(at), at, rule)]);
      return { at, lines: linesOf(rows, days).map(present.line) };
    },
  });

  add(app, 'conversations', {
    path: '/api/conversations',
    summary: 'The conversations of a queue, now or at an instant',
    refusals,
    async answer({ queue, at }, asked) {
      const rows = at === undefined ? picture.queue(queue, 0).rows : await answeredRows(options, queue, at, asked);
      return { at: at ?? Date.now(), conversations: rows.map(present.conversation) };
    },
  });
}

/** One queue's rows at an instant, with their answers. */
async function answeredRows(
  options: ApiOptions,
  queueId: string,
  at: number,
  asked: Asked,
): Promise<readonly AnsweredRow[]> {
  const past = await pastOf(options, at, asked);
  const [rows, answers] = await Promise.all([past.rowsAt(at, queueId), past.answersAt(queueId, at)]);
  return rows.map((row) => ({ ...row, answered_time: answers.get(row.conversation_id) ?? null }));
}

/** The operations that only ClickHouse can answer. */
function addPast(app: FastifyInstance, options: ApiOptions): void {
  const { present, rule } = options;
  const refusals = { 404: NO_STORE, 429: BUSY, 503: AWAY };

  add(app, 'conversation', {
    path: '/api/conversations/:id',
    summary: 'The history of a conversation: the versions of its row, and its visits',
    refusals,
    params: PATHS.conversation,
    async answer(_query, asked) {
      const { id } = asked.path;
      const past = historyOf(options, asked);
      const [versions, visits] = await Promise.all([past.versions(id), past.visitsOf(id)]);
      if (versions.length === 0 && visits.length === 0) throw new Refusal(404, `No conversation ${id} is known.`);
      return { id, versions: versions.map(present.version), visits: visits.map(present.visit) };
    },
  });

  add(app, 'intervals', {
    path: '/api/intervals',
    summary: 'Arrivals and service level by interval',
    refusals,
    async answer({ queue, from, to, minutes }, asked) {
      checkPeriod(from, to, (to - from) / (minutes * 60_000), MOST_INTERVALS);
      const intervals = await historyOf(options, asked).intervals({
        queueId: queue ?? null,
        from,
        to,
        minutes,
        ...rule,
      });
      return { from, to, minutes, intervals: [...intervals] };
    },
  });

  add(app, 'series', {
    path: '/api/series',
    summary: 'How many waited and talked in a queue, over at most seven days',
    refusals,
    async answer({ queue, from, to }, asked) {
      checkPeriod(from, to, (to - from) / (7 * DAY_MS), 1);
      const stepMs = Math.max(1_000, Math.ceil((to - from) / SERIES_POINTS));
      return { from, to, points: [...(await historyOf(options, asked).series({ queueId: queue, from, to, stepMs }))] };
    },
  });
}

function checkPeriod(from: number, to: number, size: number, most: number): void {
  const problem =
    to <= from ? 'to must be after from' : size > most ? 'the period is too long. Choose a shorter one' : null;
  if (problem !== null) throw new Refusal(400, `from=${from}&to=${to}: ${problem}.`);
}

/** The lines of a table that is in memory as a whole. */
function linesOf(rows: readonly QueueConversation[], days: readonly DayLine[]): readonly QueueLine[] {
  const groups = new Map<string, Omit<QueueLine, 'live'> & { readonly rows: QueueConversation[] }>();
  const keyOf = (queueId: string, media: string | null): string => `${media ?? ''}\u0000${queueId}`;
  for (const day of days) groups.set(keyOf(day.queueId, day.media), { ...day, rows: [] });
  for (const row of rows) {
    const { queue_id: queueId, media_type: media } = row;
    const known = groups.get(keyOf(queueId, media)) ?? { queueId, media, rows: [], day: NO_DAY };
    groups.set(keyOf(queueId, media), known);
    known.rows.push(row);
  }
  return [...groups.values()].map(({ rows: of, ...line }) => ({
    ...line,
    live: of.length === 0 ? NO_LIVE : countRows(of),
  }));
}
