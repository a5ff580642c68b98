import { describe, expect, test } from '@jest/globals';
import type { CommunicationSnapshot, MessageSnapshot, SnapshotEvent } from '../../../src/conversation/event';
import { fingerprint } from '../../../src/conversation/fingerprint';
import {
  type CommunicationField,
  type CommunicationVersion,
  field,
  type Participant,
} from '../../../src/conversation/state';
import { mayExceed } from '../../../src/conversation/state-limits';
import { FIELDS, mergeVersion, sameVersion } from '../../../src/conversation/versions';

/** A value of each field. The compiler names one that is missing. */
const VALUES: { readonly [F in CommunicationField]: NonNullable<CommunicationVersion[F]> } = {
  state: 'connected',
  direction: 'inbound',
  provider: 'Edge',
  disconnectType: 'peer',
  startAlertingTime: 1,
  connectedTime: 2,
  disconnectedTime: 3,
  afterCallWork: { state: 'pending', startTime: 4, endTime: 5 },
  self: 'tel:+1',
  other: 'tel:+2',
  fromAddress: 'from',
  toAddress: 'to',
  callbackNumber: '+3',
  subject: 'subject',
  messageType: 'sms',
  messages: { messageTime: 6, messageStatus: 'sent' },
};
const NAMES = Object.keys(VALUES) as readonly CommunicationField[];
const NOTHING = Object.fromEntries(NAMES.map((name) => [name, null])) as { readonly [F in CommunicationField]: null };

const version = (progress: number, fields: Partial<CommunicationVersion> = {}): CommunicationVersion => ({
  ...NOTHING,
  ended: false,
  progress,
  ...fields,
});

function eventOf({ messages, ...fields }: Partial<CommunicationVersion>): SnapshotEvent {
  const leg: CommunicationSnapshot = {
    ...NOTHING,
    ...fields,
    id: 'leg',
    medium: 'Voice',
    index: 0,
    messages: messages === undefined || messages === null ? null : [messages satisfies MessageSnapshot],
  };
  const participant = { id: 'p', position: 0, purpose: 'acd', queueId: 'Q1', userId: null, connectedTime: 1 } as const;
  return {
    conversationId: 'c',
    receivedAt: 1,
    source: 'notification',
    gone: false,
    fingerprint: null,
    participants: [{ ...participant, supervisor: false, consult: false, skills: null, communications: [leg] }],
  };
}

/** A participant whose only communication has these versions. */
const participantWith = (...versions: readonly CommunicationVersion[]): Participant => ({
  ...{ id: 'p', position: 0, purpose: 'acd', queueId: 'Q1', userId: null, connectedTime: 1, queuedAt: null },
  ...{ supervisor: false, consult: false, skills: null },
  communications: [{ id: 'leg', medium: 'Voice', index: 0, connected: false, versions }],
});

/** The same value, with a text of this length if it holds a text. */
function lengthened(value: unknown, length: number): unknown {
  if (typeof value === 'string') return 'x'.repeat(length);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, lengthened(inner, length)]));
}
const holdsText = (value: unknown): boolean =>
  typeof value === 'string' || (typeof value === 'object' && value !== null && Object.values(value).some(holdsText));

test('the list of fields names each of them', () => expect(FIELDS.toSorted()).toEqual(NAMES.toSorted()));

describe.each(NAMES)('%s', (name) => {
  const value = { [name]: VALUES[name] };

  test('makes another fingerprint', () => {
    expect(fingerprint(eventOf(value))).not.toEqual(fingerprint(eventOf({})));
  });

  test('makes another version', () => {
    expect(sameVersion(version(1, value), version(1, value))).toBe(true);
    expect(sameVersion(version(1, value), version(1))).toBe(false);
  });

  test('stays if a greater version lacks it', () => {
    const [communication] = participantWith(...mergeVersion([version(1, value)], version(2))).communications;
    expect(communication && field(communication, name)).toEqual(VALUES[name]);
  });
});

test.each(NAMES.filter((name) => holdsText(VALUES[name])))('%s counts for the size of a state', (name) => {
  const sized = (length: number) => participantWith(version(1, { [name]: lengthened(VALUES[name], length) }));
  expect(mayExceed([sized(1)], [], 10_000)).toBe(false);
  expect(mayExceed([sized(10_000)], [], 10_000)).toBe(true);
});
