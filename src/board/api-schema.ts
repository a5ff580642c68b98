import { z } from 'zod';

/**
 * The queries and answers of the board's API, declared once. fastify checks queries and writes answers with it, the
 * OpenAPI document contains it, and the server and the page take their types from it.
 */

const time = z.int().describe('Epoch milliseconds, UTC');
const text = z.string();
const count = z.int();

const live = z.strictObject({
  conversations: count,
  waiting: count.describe('Customers who wait, whether or not an agent is being alerted'),
  offered: count.describe('The customers in `waiting` for whom an agent is being alerted'),
  oldestWaitingSince: time
    .nullable()
    .describe('When the customer who has waited longest began to wait, epoch ms. Null: nobody waits'),
  alerting: count.describe(
    'Conversations for which an agent is being alerted. This includes a consulted colleague, for whom nobody waits',
  ),
  talking: count,
  afterCallWork: count,
});
const day = z.strictObject({
  offered: count,
  answered: count,
  answeredInTarget: count,
  abandoned: count,
  shortAbandoned: count,
});
const line = z.strictObject({ queueId: text, name: text.nullable(), media: text.nullable(), live, day });
const shownConversation = z.strictObject({
  ...{ id: text, queueId: text, media: text.nullable() },
  ...{ waiting: z.boolean(), alerting: z.boolean(), talking: z.boolean() },
  ...{ state: text.nullable(), purpose: text.nullable(), direction: text.nullable() },
  ...{ userId: text.nullable(), userName: text.nullable(), skills: z.array(text), acw: text.nullable() },
  enteredAt: time.describe('When the conversation came into the queue, epoch milliseconds, UTC'),
  answeredAt: time
    .nullable()
    .describe(
      'Since when the customer talks to the agent who answered. Null: nobody has answered, or the agent has left',
    ),
  updatedAt: time,
  ani: text.nullable().optional().describe('Only with BOARD_SHOW=addresses'),
  dnis: text.nullable().optional().describe('Only with BOARD_SHOW=addresses'),
  subject: text.nullable().optional().describe('Only with BOARD_SHOW=addresses'),
});
const visit = z.strictObject({
  ...{ participantId: text, queueId: text, queueName: text.nullable(), media: text.nullable(), consult: z.boolean() },
  outcome: z.enum(['waiting', 'answered', 'abandoned', 'flowed_out', 'unknown']),
  ...{ enteredAt: time, leftAt: time.nullable(), answeredAt: time.nullable(), userId: text.nullable() },
  ...{ userName: text.nullable(), agentLeftAt: time.nullable(), offers: count, offersMissed: count },
});
const version = z.strictObject({
  change: z.enum(['created', 'changed', 'deleted']),
  ...{ from: time, until: time.nullable().describe('Epoch milliseconds, UTC. Null: this version is the latest') },
  ...{ queueId: text.nullable(), queueName: text.nullable(), purpose: text.nullable(), state: text.nullable() },
  ...{ userId: text.nullable(), userName: text.nullable(), participantId: text.nullable() },
  ...{ waiting: z.boolean(), alerting: z.boolean(), talking: z.boolean(), acw: text.nullable() },
});
const interval = z.strictObject({
  ...{ at: time, offered: count, answered: count, abandoned: count, flowedOut: count },
  serviceLevel: z.number().nullable().describe('0 to 1. Null: no visit counts'),
});
const point = z.strictObject({ at: time, waiting: count, talking: count });

/** The answers, by operation. */
export const ANSWERS = {
  about: z.strictObject({
    version: text,
    history: z.boolean().describe('Whether the board has ClickHouse. Without it the board shows the present only'),
    oldest: time.nullable().describe('The oldest instant that can be shown. Null: nothing is stored yet'),
    rule: z.strictObject({ targetMs: count, shortAbandonMs: count }),
    timeZone: text.describe('IANA name of the time zone. Today begins at its midnight'),
  }),
  queues: z.strictObject({ at: time, lines: z.array(line) }),
  conversations: z.strictObject({ at: time, conversations: z.array(shownConversation) }),
  conversation: z.strictObject({ id: text, versions: z.array(version), visits: z.array(visit) }),
  intervals: z.strictObject({ from: time, to: time, minutes: count, intervals: z.array(interval) }),
  series: z.strictObject({ from: time, to: time, points: z.array(point) }),
  problem: z.strictObject({ message: text.describe('What is wrong, and what to do about it') }),
} as const;

/** The data of server-sent events, by the event's name. */
export const EVENTS = {
  picture: z.strictObject({
    full: z
      .boolean()
      .describe('True: the event has all lines, or the first part of them. False: it has the lines that changed'),
    at: time,
    more: z
      .boolean()
      .describe(
        'True: the next event has more lines of this picture. The picture is complete with the event that says false',
      ),
    lines: z.array(line),
    queue: z
      .strictObject({
        queueId: text,
        full: z
          .boolean()
          .describe(
            'True: the event has all conversations of the queue, or the first of them. False: it has more of them, or those that changed',
          ),
        rows: z.array(shownConversation),
        gone: z.array(text).describe('Ids of conversations that have left the queue'),
      })
      .nullable()
      .describe(
        'Conversations of the requested queue. They begin in the last event that has lines. Null: the event has none',
      ),
  }),
  beat: z.strictObject({
    at: time,
    ageMs: z
      .number()
      .nullable()
      .describe('How old the picture is, ms. Null: the board reads the topics for the first time'),
    problem: text.nullable().describe('Why the board cannot read the topics at the moment. Null: it reads them'),
  }),
} as const;

/** ClickHouse has no times after 2299. */
const LATEST = Date.UTC(2200, 0, 1);
const instant = z.int().min(0).max(LATEST).describe('Epoch milliseconds, UTC');
const id = z.string().min(1).max(100);
const at = instant.optional().describe('Epoch milliseconds, UTC. Absent: now');
const minutes = z.int().min(1).max(1_440).default(15);

export const QUESTIONS = {
  about: z.strictObject({}),
  live: z.strictObject({ queue: id.optional().describe('The queue whose conversations the board sends as well') }),
  queues: z.strictObject({ at }),
  conversations: z.strictObject({ queue: id, at }),
  conversation: z.strictObject({}),
  intervals: z.strictObject({
    queue: id.optional().describe('Absent: all queues together'),
    ...{ from: instant, to: instant, minutes },
  }),
  series: z.strictObject({ queue: id, from: instant, to: instant }),
} as const;

export const PATHS = { conversation: z.strictObject({ id }) } as const;

export type Live = z.infer<typeof live>;
export type Day = z.infer<typeof day>;
/** One queue and medium. */
export type Line = z.infer<typeof line>;
/** A conversation in the form that the page gets. */
export type Conversation = z.infer<typeof shownConversation>;
export type Visit = z.infer<typeof visit>;
export type Version = z.infer<typeof version>;
export type Interval = z.infer<typeof interval>;
export type SeriesPoint = z.infer<typeof point>;
export type About = z.infer<typeof ANSWERS.about>;
export type PictureEvent = z.infer<typeof EVENTS.picture>;
export type BeatEvent = z.infer<typeof EVENTS.beat>;

/** As JSON Schema. @param io queries may leave out fields with a default; answers always have them */
export function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Readonly<Record<string, unknown>> {
  const json: Record<string, unknown> = z.toJSONSchema(schema, { io, target: 'draft-7', override: shorten });
  delete json['$schema'];
  return json;
}

/**
 * `type: [X, 'null']` means the same as `anyOf`, and is faster to write. The bounds of safe integers are nobody's
 * limits.
 */
function shorten({ jsonSchema: json }: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (json.minimum === Number.MIN_SAFE_INTEGER) delete json.minimum;
  if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum;
  const [of, none, ...others] = json.anyOf ?? [];
  if (typeof of !== 'object' || typeof none !== 'object' || others.length > 0 || none.type !== 'null') return;
  delete json.anyOf;
  const { description = of.description } = json;
  Object.assign(json, of, { type: [of.type, 'null'] }, description === undefined ? {} : { description });
}
