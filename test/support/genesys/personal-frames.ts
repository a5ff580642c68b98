import { DEFAULT_LIMITS } from '../../../src/conversation';
import { PRIMARY_ARRAYS, SECONDARY_ARRAYS } from '../conversation/conversation-arbitraries';

/** Frames and lines with personal data in every possible place, valid and invalid. */

export type Json = Readonly<Record<string, unknown>>;

export const MOST_BYTES = 16 * 1024;

export const ALL_REASONS = [
  'communication-not-an-object',
  'communication-without-id',
  'no-conversation-id',
  'not-an-object',
  'not-json',
  'participant-not-an-object',
  'participant-without-id',
  'participants-not-an-array',
  'too-large',
];

interface People {
  readonly mark: string;
  readonly word: string;
}

const SUPERVISION = ['monitored', 'coached', 'barged', 'screenMonitored'].map((how) => `${how}ParticipantId`);

const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const objects = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.map(object) : []);

/** The same conversation in the fields that the table uses, with marks in every other place. */
export function marksEverywhere(frame: Json, { mark, word }: People): Json {
  const deep = Array.from({ length: 30 }).reduce<Json>((inner) => ({ [word]: inner, [mark]: mark }), {});
  const unknown: Json = {
    note: mark,
    [mark]: mark,
    [`by ${mark}`]: 1,
    details: { [word]: mark, [mark]: [mark, { [word]: mark }, [[mark]]], deep },
  };
  const nobodysAddress = { addressNormalized: mark, addressRaw: mark, name: mark };
  const address = (wire: unknown): Json => {
    const { addressNormalized, addressRaw } = object(wire);
    // The raw one is used only if the other is no text.
    const rawOnly = { addressNormalized: { [word]: mark }, addressRaw };
    const used = addressNormalized === undefined ? rawOnly : { addressNormalized, addressRaw: mark };
    return { ...unknown, name: mark, nameRaw: mark, addressDisplayable: mark, ...used };
  };
  const leg = (array: string, isSupervisors: boolean, wire: Json): Json => ({
    ...unknown,
    // A wrong type, or no time: it counts as absent.
    direction: [mark],
    disconnectType: { [word]: mark },
    connectedTime: mark,
    disconnectedTime: `2026-03-02T09:00:00Z ${mark}`,
    // Used only in other media.
    subject: mark,
    self: nobodysAddress,
    other: nobodysAddress,
    fromAddress: nobodysAddress,
    toAddress: nobodysAddress,
    callbackNumbers: [mark],
    callerId: mark,
    ...wire,
    afterCallWork: { ...unknown, state: [mark], startTime: mark, endTime: mark, ...object(wire['afterCallWork']) },
    ...(array === 'messages'
      ? {
          messages: objects(wire['messages']).map((one) => ({
            ...unknown,
            text: mark,
            ...one,
            media: [{ name: mark }],
          })),
        }
      : {}),
    ...(array === 'callbacks' ? { callbackNumbers: [...(wire['callbackNumbers'] as string[]), mark] } : {}),
    ...(array === 'calls' ? { self: address(wire['self']), other: address(wire['other']) } : {}),
    ...(array === 'messages'
      ? { fromAddress: address(wire['fromAddress']), toAddress: address(wire['toAddress']) }
      : {}),
    ...(isSupervisors ? { self: nobodysAddress, other: nobodysAddress, subject: mark } : {}),
  });
  const participant = (wire: Json): Json => {
    const watched = SUPERVISION.filter((field) => field in wire);
    const routing = object(wire['conversationRoutingData']);
    const arrays = [...PRIMARY_ARRAYS, ...SECONDARY_ARRAYS].filter((name) => name in wire);
    return {
      ...unknown,
      name: mark,
      address: mark,
      userId: { [word]: mark, name: mark },
      queueId: [mark],
      connectedTime: mark,
      wrapup: { code: mark, notes: mark },
      ...wire,
      attributes: { ...object(wire['attributes']), [mark]: mark, [word]: mark },
      conversationRoutingData: {
        ...unknown,
        ...routing,
        language: { name: mark },
        scoredAgents: [{ agent: { name: mark } }],
        skills: [{ name: mark }, ...objects(routing['skills']).map((skill) => ({ ...skill, name: mark }))],
      },
      // The table uses that somebody is watched, but not who.
      ...Object.fromEntries(watched.map((field) => [field, mark])),
      ...Object.fromEntries(
        arrays.map((name) => [name, objects(wire[name]).map((one) => leg(name, watched.length > 0, one))]),
      ),
    };
  };
  const body = object(frame['eventBody']);
  return {
    ...unknown,
    ...frame,
    metadata: { CorrelationId: mark, [mark]: mark },
    eventBody: { ...unknown, ...body, participants: objects(body['participants']).map(participant) },
  };
}

/** The frame with each possible error. */
export function broken(frame: Json, mark: string): readonly string[] {
  const body = object(frame['eventBody']);
  const participants = objects(body['participants']);
  const [first = {}] = participants;
  const text = JSON.stringify(frame);
  const withBody = (change: Json): Json => ({ ...frame, eventBody: { ...body, ...change } });
  const withParticipant = (change: Json): Json =>
    withBody({ participants: [...participants, { ...first, ...change }] });
  const aCall = { id: 'k', state: 'connected', subject: mark, self: { name: mark, addressRaw: mark } };
  const values: readonly unknown[] = [
    mark,
    [mark],
    { ...frame, eventBody: mark },
    withBody({ id: { name: mark, [mark]: mark } }),
    withBody({ participants: { [mark]: mark } }),
    withBody({ participants: mark }),
    withBody({ participants: [...participants, mark] }),
    withParticipant({ id: [mark] }),
    withParticipant({ id: undefined, purpose: `by ${mark}` }),
    withParticipant({ calls: [mark] }),
    withParticipant({ calls: [{ ...aCall, id: { name: mark } }] }),
    withParticipant({ emails: [{ ...aCall, id: null }] }),
    withBody({ participants: [first, ...Array.from({ length: DEFAULT_LIMITS.participants }, () => ({ id: 'p' }))] }),
    withParticipant({ queueId: `${mark} `.repeat(MOST_BYTES / mark.length), calls: [aCall] }),
  ];
  return [
    text.slice(0, Math.floor(text.length * 0.9)),
    `${text}, "${mark}"`,
    `${mark}: {"id": "${mark}"`,
    ...values.map((value) => JSON.stringify(value)),
  ];
}

/** Inputs that are no events at all. */
export function skipped(frame: Json, mark: string): readonly string[] {
  return [
    { message: mark },
    { result: '200', message: mark, [mark]: mark },
    { topicName: 'channel.metadata', eventBody: { message: mark } },
    { ...frame, topicName: `v2.users.${mark}.conversations.calls` },
    { ...frame, topicName: { [mark]: mark } },
    { ...frame, eventBody: { id: 'c', name: mark, participants: [{ id: 'p', name: mark }] } },
  ].map((value) => JSON.stringify(value));
}

/** Inputs that a file can hold but no socket sends. */
export function brokenRecordings(frame: Json, mark: string): readonly (string | Buffer)[] {
  const receivedAt = '2026-03-02T09:00:00.000Z';
  // Each has three quarters of the allowed bytes, so two together have too many.
  const crowd = (from: number): Json => ({
    id: 'crowded',
    participants: Array.from({ length: 45 }, (_, index) => ({
      id: `p${from + index}`.padEnd(200, '-'),
      name: mark,
      calls: [{ id: `k${from + index}`, state: 'connected', name: mark }],
    })),
  });
  return [
    Buffer.concat([Buffer.from(`{"id": "${mark}`), Buffer.from([0xff, 0xc3]), Buffer.from(`${mark}", `)]),
    JSON.stringify({ receivedAt: mark, event: [mark] }),
    JSON.stringify({ receivedAt, event: mark }),
    JSON.stringify({ receivedAt, gone: mark }),
    JSON.stringify({ receivedAt, gone: { id: { [mark]: mark } }, note: mark }),
    JSON.stringify({ detail: { ...frame, eventBody: { participants: mark } }, account: mark, resources: [mark] }),
    // Each of them is small enough, but not both together.
    JSON.stringify({ receivedAt, event: crowd(0) }),
    JSON.stringify({ receivedAt, event: crowd(1_000) }),
  ];
}

export const recorded = (frame: Json): string =>
  JSON.stringify({ receivedAt: '2026-03-02T09:00:00.000Z', event: frame });

const PERSONAL_FIELDS = /^(?:address.*|callerId|callbackNumbers|subject)$/;

/** All addresses and subjects in a frame, also those that the table does not use. */
export function addressesAndSubjects(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]: [string, unknown]) => {
    const texts = PERSONAL_FIELDS.test(key) ? [item].flat().filter((text) => typeof text === 'string') : [];
    return [...texts.filter((text) => text !== ''), ...addressesAndSubjects(item)];
  });
}

// ---------------------------------------------------------------------------------------------- what comes of them
