/**
 * Streams of recordings for properties. They are realistic enough to create, close and re-open rows, and difficult: few
 * ids, so that they collide; times equal, absent, garbage and out of order; values in any case and unlisted.
 */
import fc from 'fast-check';

export const ORIGIN = Date.parse('2026-03-02T09:00:00.000Z');
export const RETENTION_MS = 60_000;
export const ACW_TIMEOUT_MS = 30_000;
const DAY_MS = 24 * 60 * 60_000;

type Json = Readonly<Record<string, unknown>>;

const iso = (time: number): string => new Date(time).toISOString();

/** The same instant, written with an offset. */
function isoWithOffset(time: number): string {
  return iso(time + 5_400_000).replace('Z', '+01:30');
}

export const instant = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(0, 1, 2, 3, 5, 8, 20, 40, 60, 90).map((s) => ORIGIN + s * 1_000) },
  { weight: 1, arbitrary: fc.integer({ min: -5_000, max: 150_000 }).map((ms) => ORIGIN + ms) },
);

const garbage = fc.constantFrom<unknown>(
  null,
  '',
  0,
  1_772_442_000_000,
  {},
  'yesterday',
  '2026-02-30T09:00:00Z',
  '2026-03-02T24:00:00Z',
  '2026-03-02',
);

export const wireTime = fc.oneof(
  { weight: 8, arbitrary: instant.map(iso) },
  { weight: 1, arbitrary: instant.map(isoWithOffset) },
  { weight: 1, arbitrary: garbage },
);

/** A field that may be missing. @param present the weight of its presence */
export function perhaps<T>(key: string, present: number, value: fc.Arbitrary<T>): fc.Arbitrary<Json> {
  return fc.oneof(
    { weight: present, arbitrary: value.map((each) => ({ [key]: each })) },
    { weight: 10 - present, arbitrary: fc.constant({}) },
  );
}

export const fields = (...parts: fc.Arbitrary<Json>[]): fc.Arbitrary<Json> =>
  fc.tuple(...parts).map((all) => Object.assign({}, ...all) as Json);

const address = fc.oneof(
  fc.constantFrom('tel:+441', 'sip:q', '').map((addressNormalized) => ({ addressNormalized, addressRaw: 'raw' })),
  fc.constantFrom<Json>({}, { addressRaw: 'tel:+442' }, { addressNormalized: null, name: 'Ann' }),
);

const message = fields(
  perhaps('messageTime', 8, wireTime),
  perhaps('messageStatus', 8, fc.constantFrom('sent', 'received', 'read', '')),
);

const afterCallWork = fields(
  perhaps('state', 9, fc.constantFrom('pending', 'pending', 'complete', 'skipped', 'Pending')),
  perhaps('startTime', 4, wireTime),
  perhaps('endTime', 3, wireTime),
);

const state = fc.constantFrom<unknown>(
  'connected',
  'connected',
  'connected',
  'alerting',
  'disconnected',
  'disconnected',
  'terminated',
  'Terminated',
  'DISCONNECTED',
  'Connected',
  'parked',
  'scheduled',
  '',
  null,
);

const direction = fc.constantFrom('inbound', 'inbound', 'outbound', 'Inbound', 'sideways');

export const communicationFields = fields(
  perhaps('state', 9, state),
  perhaps('direction', 6, direction),
  perhaps('provider', 5, fc.constantFrom('Edge', 'PureCloud', '')),
  perhaps(
    'disconnectType',
    3,
    fc.constantFrom('client', 'transfer', 'transfer.donotdisturb', 'endpoint.donotdisturb', 'takeover'),
  ),
  perhaps('startAlertingTime', 2, wireTime),
  perhaps('connectedTime', 6, wireTime),
  perhaps('disconnectedTime', 3, wireTime),
  perhaps('afterCallWork', 3, fc.oneof({ weight: 6, arbitrary: afterCallWork }, { weight: 1, arbitrary: garbage })),
  perhaps('self', 5, address),
  perhaps('other', 5, address),
  perhaps('fromAddress', 4, address),
  perhaps('toAddress', 4, address),
  perhaps('callbackNumbers', 4, fc.constantFrom<unknown>(['', '+441'], ['+442'], [], null, 7)),
  perhaps('subject', 4, fc.constantFrom('Hello', 'Re: Hello', '')),
  perhaps('type', 4, fc.constantFrom('sms', 'apple')),
  perhaps('messages', 4, fc.oneof(fc.array(message, { maxLength: 3 }), fc.constant(null))),
  perhaps('attributes', 1, fc.constant({ secret: 'x' })),
);

/** The arrays of a participant that hold its communications. */
export const PRIMARY_ARRAYS = ['calls', 'callbacks', 'chats', 'emails', 'messages'] as const;
/** … and those of media that the table does not show. */
export const SECONDARY_ARRAYS = [
  'cobrowsesessions',
  'screenshares',
  'socialExpressions',
  'videos',
  'internalMessages',
  'screenMonitorings',
] as const;

interface Leg {
  readonly medium: string;
  readonly slot: number;
  readonly fields: Json;
}

const leg: fc.Arbitrary<Leg> = fc.record({
  medium: fc.oneof(
    { weight: 5, arbitrary: fc.constant('calls') },
    { weight: 6, arbitrary: fc.constantFrom(...PRIMARY_ARRAYS) },
    { weight: 1, arbitrary: fc.constantFrom(...SECONDARY_ARRAYS) },
  ),
  slot: fc.constantFrom(0, 0, 0, 1, 1, 2),
  fields: communicationFields,
});

interface Person {
  readonly who: string;
  readonly fields: Json;
  readonly legs: readonly Leg[];
}

const personFields = fields(
  perhaps(
    'purpose',
    9,
    fc.constantFrom(
      'acd',
      'acd',
      'acd',
      'ACD',
      'agent',
      'agent',
      'Agent',
      'user',
      'customer',
      'External',
      'ivr',
      'novel',
      '',
    ),
  ),
  perhaps('queueId', 7, fc.constantFrom('Q1', 'Q1', 'Q2', '')),
  perhaps('userId', 4, fc.constantFrom('u1', 'u2')),
  perhaps('consultParticipantId', 1, fc.constantFrom('p1', '', null)),
  perhaps('connectedTime', 5, wireTime),
  perhaps(
    'conversationRoutingData',
    3,
    fc.constantFrom<unknown>(
      { skills: [{ id: 's1' }, {}, { id: 's2' }, { id: 's1' }] },
      { skills: [{ id: 's3' }] },
      { skills: [] },
      { skills: null },
      {},
      null,
    ),
  ),
  fc.oneof(
    { weight: 14, arbitrary: fc.constant({}) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(
          'monitoredParticipantId',
          'coachedParticipantId',
          'bargedParticipantId',
          'screenMonitoredParticipantId',
        )
        .map((flag) => ({ [flag]: 'p1' })),
    },
  ),
);

const person: fc.Arbitrary<Person> = fc.record({
  who: fc.constantFrom('p1', 'p2', 'p3', 'pé', 'p\u{1F600}', 'p\uFF5E'),
  fields: personFields,
  legs: fc.array(leg, { minLength: 0, maxLength: 3 }),
});

interface Step {
  /** Milliseconds since the previous step. */
  readonly after: number;
  readonly conversation: string;
  readonly act:
    | { readonly kind: 'gone' }
    /** Repeats an earlier line, this many steps back. */
    | { readonly kind: 'again'; readonly back: number }
    | {
        readonly kind: 'snapshot';
        readonly people: readonly Person[];
        /** Part of the communications' ids: a conversation that begins again has new ones. */
        readonly generation: number;
        readonly ending: 'as-is' | 'all-ended' | 'all-live';
        readonly shape: 'notification' | 'rest' | 'eventbridge' | 'bare-eventbridge';
      };
}

const pause = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(0, 1_000, 2_000, 5_000, 10_000, 10_001) },
  { weight: 2, arbitrary: fc.constantFrom(-1, -2_000, -10_000) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ACW_TIMEOUT_MS,
      ACW_TIMEOUT_MS + 1,
      RETENTION_MS,
      RETENTION_MS + 1,
      2 * RETENTION_MS,
      2 * RETENTION_MS + 1,
    ),
  },
  { weight: 0.2 * 5, arbitrary: fc.constantFrom(7 * DAY_MS, 7 * DAY_MS + 1) },
);

const step: fc.Arbitrary<Step> = fc.record({
  after: pause,
  conversation: fc.constantFrom('c1', 'c1', 'c1', 'c2', 'cé'),
  act: fc.oneof(
    { weight: 1, arbitrary: fc.constant({ kind: 'gone' as const }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('again' as const), back: fc.integer({ min: 1, max: 10 }) }) },
    {
      weight: 12,
      arbitrary: fc.record({
        kind: fc.constant('snapshot' as const),
        people: fc.array(person, { minLength: 0, maxLength: 4 }),
        generation: fc.constantFrom(0, 0, 0, 1, 2),
        ending: fc.constantFrom('as-is', 'as-is', 'as-is', 'all-ended', 'all-live'),
        shape: fc.constantFrom(
          'notification',
          'notification',
          'notification',
          'rest',
          'eventbridge',
          'bare-eventbridge',
        ),
      }),
    },
  ),
});

const ENDINGS: Readonly<Record<'as-is' | 'all-ended' | 'all-live', Json>> = {
  'as-is': {},
  'all-ended': { state: 'disconnected' },
  'all-live': { state: 'connected' },
};

function participantOf({ who, fields: own, legs }: Person, generation: number, ending: Json): Json {
  const media = new Map<string, Json[]>();
  for (const each of legs) {
    const list = media.get(each.medium) ?? [];
    // Slot 2 has one id for all participants: communications belong to a participant, but the ended marker's ids do
    // not.
    const id = each.slot === 2 ? `shared-${generation}` : `${who}-${each.slot}-${generation}`;
    media.set(each.medium, [...list, { id, ...each.fields, ...ending }]);
  }
  return { id: who, ...own, ...Object.fromEntries(media) };
}

function lineOf(step: Step, at: number, earlier: readonly Json[]): Json {
  const receivedAt = iso(at);
  const { act, conversation } = step;
  if (act.kind === 'gone') return { receivedAt, gone: { id: conversation } };
  if (act.kind === 'again') {
    const line = earlier.at(-act.back);
    return line !== undefined && 'receivedAt' in line ? { ...line, receivedAt } : (line ?? { receivedAt, gone: {} });
  }
  const participants = act.people.map((each) => participantOf(each, act.generation, ENDINGS[act.ending]));
  const body = { id: conversation, participants };
  const notification = { topicName: 'v2.routing.queues.Q1.conversations', version: '2', eventBody: body };
  switch (act.shape) {
    case 'rest':
      return { receivedAt, event: body };
    case 'notification':
      return { receivedAt, event: notification };
    case 'eventbridge':
      return { receivedAt, event: { id: 'x', detail: { ...notification, timestamp: '2001-01-01T00:00:00Z' } } };
    case 'bare-eventbridge':
      return { id: 'x', source: 'aws', detail: { ...notification, timestamp: receivedAt } };
  }
}

/** Lines of a recording. Receive times run back by less than RETENTION_MS. */
export const stream = (maxLength: number): fc.Arbitrary<string[]> =>
  fc.array(step, { minLength: 1, maxLength }).map((steps) => {
    const lines: Json[] = [];
    let at = ORIGIN + 100_000;
    for (const each of steps) {
      at += each.after;
      lines.push(lineOf(each, at, lines));
    }
    return lines.map((line) => JSON.stringify(line));
  });
