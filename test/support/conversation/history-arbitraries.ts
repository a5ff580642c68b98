/**
 * Conversations as Genesys has them, for code that may rely on that. Every snapshot is a full view of one history:
 * people and communications come and stay, ended ones stay ended, and nobody becomes another person. The views arrive
 * as badly as elsewhere: late, twice, with fields that vanish, times equal, absent and out of order.
 */
import fc from 'fast-check';
import { communicationFields, fields, ORIGIN, perhaps, wireTime } from './conversation-arbitraries';

type Json = Readonly<Record<string, unknown>>;

interface Leg {
  readonly id: string;
  readonly medium: string;
  readonly fields: Json;
  readonly ended: boolean;
}

interface Person {
  readonly id: string;
  /** Constant for life. */
  readonly identity: Json;
  readonly fields: Json;
  readonly legs: readonly Leg[];
}

type View = readonly Person[];

type Change =
  | {
      readonly kind: 'join';
      readonly identity: Json;
      readonly fields: Json;
      readonly leg: Json;
      readonly medium: string;
    }
  | { readonly kind: 'leg'; readonly who: number; readonly leg: Json; readonly medium: string }
  | {
      readonly kind: 'change';
      readonly who: number;
      readonly which: number;
      readonly fields: Json;
      readonly all: boolean;
    }
  | { readonly kind: 'person'; readonly who: number; readonly fields: Json }
  | { readonly kind: 'end'; readonly who: number; readonly which: number }
  | { readonly kind: 'end-all' };

const identity = fields(
  fc
    .constantFrom('customer', 'ivr', 'acd', 'acd', 'acd', 'ACD', 'agent', 'agent', 'user', 'voicemail', 'external')
    .map((purpose) => ({ purpose })),
  perhaps('queueId', 9, fc.constantFrom('Q1', 'Q2')),
  fc.oneof(
    { weight: 14, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.constant({ monitoredParticipantId: 'p0' }) },
  ),
);

const personFields = fields(
  perhaps('userId', 5, fc.constantFrom('u1', 'u2')),
  perhaps('connectedTime', 5, wireTime),
  perhaps(
    'conversationRoutingData',
    3,
    fc.constantFrom<Json>({ skills: [{ id: 's1' }] }, { skills: [] }, { skills: [{ id: 's2' }, { id: 's1' }] }),
  ),
);

const medium = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('calls', 'callbacks', 'chats', 'emails', 'messages') },
  { weight: 1, arbitrary: fc.constantFrom('screenshares', 'videos') },
);

const live = communicationFields.map((each) => ({ ...each, state: 'connected' }));
const who = fc.nat({ max: 5 });
const which = fc.nat({ max: 2 });

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('join' as const),
      identity,
      fields: personFields,
      leg: fc.oneof(live, communicationFields),
      medium,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('leg' as const), who, leg: communicationFields, medium }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('change' as const),
      who,
      which,
      fields: communicationFields,
      all: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('person' as const), who, fields: personFields }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('end' as const), who, which }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'end-all' as const }) },
);

function saysEnded({ state, disconnectedTime }: Json): boolean {
  if (typeof state === 'string' && state !== '') return ['disconnected', 'terminated'].includes(state.toLowerCase());
  return typeof disconnectedTime === 'string' && /^2026-03-(?!2\d)\d\dT\d\d:/.test(disconnectedTime);
}

function legOf(id: string, medium: string, own: Json, endedBefore: boolean): Leg {
  const ended = saysEnded(own);
  return {
    id,
    medium,
    fields: endedBefore && !ended ? { ...own, state: 'disconnected' } : own,
    ended: endedBefore || ended,
  };
}

const endLeg = (leg: Leg): Leg =>
  leg.ended ? leg : legOf(leg.id, leg.medium, { ...leg.fields, state: 'disconnected' }, true);

function changed(view: View, step: Change, serial: number): View {
  const at = (index: number): number => index % Math.max(1, view.length);
  const withPerson = (index: number, to: (person: Person) => Person): View =>
    view.map((person, place) => (place === at(index) ? to(person) : person));
  const withLeg = (index: number, leg: number, to: (leg: Leg) => Leg): View =>
    withPerson(index, (person) => ({
      ...person,
      legs: person.legs.map((each, place) => (place === leg % person.legs.length ? to(each) : each)),
    }));
  switch (step.kind) {
    case 'join': {
      const leg = legOf(`leg${serial}`, step.medium, step.leg, false);
      return [...view, { id: `p${view.length}`, identity: step.identity, fields: step.fields, legs: [leg] }];
    }
    case 'leg':
      return withPerson(step.who, (person) => ({
        ...person,
        legs: [...person.legs, legOf(`leg${serial}`, step.medium, step.leg, false)],
      }));
    case 'change':
      return withLeg(step.who, step.which, (leg) =>
        legOf(leg.id, leg.medium, step.all ? step.fields : { ...leg.fields, ...step.fields }, leg.ended),
      );
    case 'person':
      return withPerson(step.who, (person) => ({ ...person, fields: step.fields }));
    case 'end':
      return withLeg(step.who, step.which, endLeg);
    case 'end-all':
      return view.map((person) => ({ ...person, legs: person.legs.map(endLeg) }));
  }
}

function bodyOf(id: string, view: View): Json {
  const participants = view.map((person) => {
    const media = new Map<string, Json[]>();
    for (const leg of person.legs)
      media.set(leg.medium, [...(media.get(leg.medium) ?? []), { id: leg.id, ...leg.fields }]);
    return { id: person.id, ...person.identity, ...person.fields, ...Object.fromEntries(media) };
  });
  return { id, participants };
}

interface Delivery {
  readonly conversation: string;
  readonly change: Change;
  /** The view is sent this many deliveries later. */
  readonly late: number;
  /** … and sent again this many later; 0: not. */
  readonly again: number;
  readonly after: number;
  readonly gone: boolean;
  readonly rest: boolean;
}

const delivery: fc.Arbitrary<Delivery> = fc.record({
  conversation: fc.constantFrom('c1', 'c1', 'c2'),
  change,
  late: fc.constantFrom(0, 0, 0, 0, 1, 2, 4),
  again: fc.constantFrom(0, 0, 0, 1, 1, 2, 4, 9),
  after: fc.constantFrom(0, 0, 1_000, 1_000, 2_000, 5_000, 10_001, -1_000, -2_000),
  gone: fc.constantFrom(true, false, false),
  rest: fc.constantFrom(true, false, false, false),
});

/** Lines of a recording of a few conversations. */
export const histories = (maxLength: number): fc.Arbitrary<string[]> =>
  fc.array(delivery, { minLength: 2, maxLength }).map((deliveries) => {
    const views = new Map<string, View>();
    const sent: { readonly place: number; readonly line: Json }[] = [];
    for (const [place, each] of deliveries.entries()) {
      const view = changed(views.get(each.conversation) ?? [], each.change, place);
      views.set(each.conversation, view);
      const body = bodyOf(each.conversation, view);
      const topicName = 'v2.routing.queues.Q1.conversations';
      const line = { event: each.rest ? body : { topicName, version: '2', eventBody: body } };
      sent.push({ place: place + each.late, line });
      if (each.again > 0) sent.push({ place: place + each.late + each.again, line });
      if (each.change.kind === 'end-all' && each.gone) sent.push({ place, line: { gone: { id: each.conversation } } });
    }
    let at = ORIGIN + 100_000;
    return sent
      .sort((a, b) => a.place - b.place)
      .map(({ place, line }) => {
        at += deliveries[Math.min(place, deliveries.length - 1)]?.after ?? 0;
        return JSON.stringify({ receivedAt: new Date(at).toISOString(), ...line });
      });
  });
