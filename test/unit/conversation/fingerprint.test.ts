import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { CommunicationSnapshot, ParticipantSnapshot, SnapshotEvent } from '../../../src/conversation/event';
import { fingerprint } from '../../../src/conversation/fingerprint';

const text = fc.oneof(
  { weight: 60, arbitrary: fc.string() },
  { weight: 30, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  { weight: 1, arbitrary: fc.nat({ max: 20_000 }).map((length) => 'ü'.repeat(length)) },
);
const number = fc.oneof(
  fc.integer({ min: 0, max: 1_000 }),
  fc.integer({ min: -2_208_988_800_000, max: 10_413_792_000_000 }),
  fc.integer({ min: 999_999_999_990, max: 1_000_000_000_010 }),
);
const orNull = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value);

const communication: fc.Arbitrary<CommunicationSnapshot> = fc.record({
  ...{ id: text, medium: text, index: number, state: orNull(text), direction: orNull(text), provider: orNull(text) },
  ...{ disconnectType: orNull(text), startAlertingTime: orNull(number), connectedTime: orNull(number) },
  disconnectedTime: orNull(number),
  afterCallWork: orNull(fc.record({ state: orNull(text), startTime: orNull(number), endTime: orNull(number) })),
  ...{ self: orNull(text), other: orNull(text), fromAddress: orNull(text), toAddress: orNull(text) },
  ...{ callbackNumber: orNull(text), subject: orNull(text), messageType: orNull(text) },
  messages: orNull(fc.array(fc.record({ messageTime: orNull(number), messageStatus: orNull(text) }))),
});
const participant: fc.Arbitrary<ParticipantSnapshot> = fc.record({
  ...{ id: text, position: number, purpose: orNull(text), queueId: orNull(text), userId: orNull(text) },
  ...{ connectedTime: orNull(number), supervisor: fc.boolean(), consult: fc.boolean() },
  skills: orNull(fc.array(text)),
  communications: fc.array(communication, { maxLength: 3 }),
});

/** What is hashed, as a text. */
function textOf(participants: readonly ParticipantSnapshot[]): string {
  const sized = (value: string | null): string => (value === null ? '-' : `${value.length}:${value}`);
  const legOf = (leg: CommunicationSnapshot): string => {
    const { afterCallWork: work, messages } = leg;
    return [
      `C${sized(leg.id)}${sized(leg.medium)}${leg.index},${sized(leg.state)}${sized(leg.direction)}`,
      `${sized(leg.provider)}${sized(leg.disconnectType)}${leg.connectedTime},${leg.disconnectedTime},`,
      `${sized(leg.self)}${sized(leg.other)}${sized(leg.fromAddress)}${sized(leg.toAddress)}`,
      `${sized(leg.callbackNumber)}${sized(leg.subject)}${sized(leg.messageType)}`,
      leg.startAlertingTime === null ? '' : `A${leg.startAlertingTime}`,
      work === null ? '' : `W${sized(work.state)}${work.startTime},${work.endTime}`,
      ...(messages ?? []).map(({ messageTime, messageStatus }) => `M${messageTime},${sized(messageStatus)}`),
    ].join('');
  };
  const parts = participants.map((p) => [
    `P${sized(p.id)}${p.position},${sized(p.purpose)}${sized(p.queueId)}${sized(p.userId)}${p.connectedTime},`,
    `${p.supervisor}${p.consult ? 'Q' : ''}`,
    ...(p.skills ?? []).map((skill) => `S${sized(skill)}`),
    ...p.communications.map(legOf),
  ]);
  return parts.flat().join('');
}

describe('A fingerprint', () => {
  it('is the hash of the same text in every version: bridges of two versions send each other’s duplicates', () => {
    fc.assert(
      fc.property(fc.array(participant, { maxLength: 3 }), (participants) => {
        const event = { conversationId: 'c', receivedAt: 0, source: 'rest', gone: false, fingerprint: null } as const;
        const made = fingerprint({ ...event, participants } satisfies SnapshotEvent);
        const expected = createHash('sha256').update(textOf(participants)).digest().subarray(0, 16);
        expect(made.toString('hex')).toBe(expected.toString('hex'));
      }),
      { numRuns: 200 },
    );
  });
});
