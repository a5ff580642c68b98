/** The shapes of the answers, as JSON Schema: fastify writes answers by them, and the OpenAPI document has them. */

const integer = { type: 'integer' } as const;
const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const nullable = <T extends string>(type: T) => ({ type: [type, 'null'] as const });
const time = { type: 'integer', description: 'Epoch milliseconds, UTC' } as const;
const timeOrNull = { type: ['integer', 'null'], description: 'Epoch milliseconds, UTC' } as const;

function object(properties: Readonly<Record<string, unknown>>, optional: readonly string[] = []) {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', additionalProperties: false, required, properties } as const;
}
const list = (items: unknown) => ({ type: 'array', items }) as const;

const live = object({
  conversations: integer,
  waiting: { ...integer, description: 'Customers who wait, whether or not an agent is being alerted' },
  offered: { ...integer, description: 'Those of `waiting` for whom an agent is being alerted' },
  oldestWaitingSince: { ...timeOrNull, description: 'Since when the first of `waiting` waits, epoch ms; null: nobody' },
  alerting: { ...integer, description: 'An agent is alerted, also where a colleague is consulted and nobody waits' },
  talking: integer,
  afterCallWork: integer,
});
const day = object({
  offered: integer,
  answered: integer,
  answeredInTarget: integer,
  abandoned: integer,
  shortAbandoned: integer,
});
const line = object({ queueId: text, name: nullable('string'), media: nullable('string'), live, day });
const conversation = object(
  {
    ...{ id: text, queueId: text, media: nullable('string'), waiting: flag, alerting: flag, talking: flag },
    ...{ state: nullable('string'), purpose: nullable('string'), direction: nullable('string') },
    ...{ userId: nullable('string'), userName: nullable('string'), skills: list(text), acw: nullable('string') },
    ...{ enteredAt: time, updatedAt: time },
    ...{ ani: nullable('string'), dnis: nullable('string'), subject: nullable('string') },
  },
  ['ani', 'dnis', 'subject'],
);
const visit = object({
  ...{ participantId: text, queueId: text, queueName: nullable('string'), media: nullable('string'), consult: flag },
  ...{ outcome: { type: 'string', enum: ['waiting', 'answered', 'abandoned', 'flowed_out', 'unknown'] } },
  ...{ enteredAt: time, leftAt: timeOrNull, answeredAt: timeOrNull, userId: nullable('string') },
  ...{ userName: nullable('string'), agentLeftAt: timeOrNull, offers: integer, offersMissed: integer },
});
const version = object({
  ...{ change: { type: 'string', enum: ['created', 'changed', 'deleted'] }, from: time, until: timeOrNull },
  ...{ queueId: nullable('string'), queueName: nullable('string'), purpose: nullable('string') },
  ...{ state: nullable('string'), userId: nullable('string'), userName: nullable('string') },
  ...{ participantId: nullable('string'), waiting: flag, acw: nullable('string') },
});
const interval = object({
  ...{ at: time, offered: integer, answered: integer, abandoned: integer, flowedOut: integer },
  serviceLevel: { type: ['number', 'null'], description: '0 to 1; null: nobody counts' },
});

export const ANSWERS = {
  about: object({
    version: text,
    history: { ...flag, description: 'Whether ClickHouse is there: without it the board shows the present only' },
    oldest: { ...timeOrNull, description: 'The oldest instant that can be shown' },
    rule: object({ targetMs: integer, shortAbandonMs: integer }),
    timeZone: text,
  }),
  queues: object({ at: time, lines: list(line) }),
  conversations: object({ at: time, conversations: list(conversation) }),
  conversation: object({ id: text, versions: list(version), visits: list(visit) }),
  intervals: object({ from: time, to: time, minutes: integer, intervals: list(interval) }),
  series: object({ from: time, to: time, points: list(object({ at: time, waiting: integer, talking: integer })) }),
  problem: object({ message: text }),
} as const;

const instant = { type: 'integer', minimum: 0, maximum: 8_640_000_000_000_000, description: 'Epoch milliseconds, UTC' };
const id = { type: 'string', minLength: 1, maxLength: 200 };
const query = (properties: Readonly<Record<string, unknown>>, required: readonly string[] = []) =>
  ({ type: 'object', additionalProperties: false, required, properties }) as const;

export const QUESTIONS = {
  live: query({ queue: { ...id, description: 'The queue whose conversations are sent, too' } }),
  queues: query({ at: { ...instant, description: 'Absent: now' } }),
  conversations: query({ queue: id, at: { ...instant, description: 'Absent: now' } }, ['queue']),
  conversation: query({ id }, ['id']),
  intervals: query(
    {
      ...{ queue: { ...id, description: 'Absent: all queues together' }, from: instant, to: instant },
      minutes: { type: 'integer', minimum: 1, maximum: 1440, default: 15 },
    },
    ['from', 'to'],
  ),
  series: query({ queue: id, from: instant, to: instant }, ['queue', 'from', 'to']),
} as const;
