import { describe, expect, test } from '@jest/globals';
import type { CommunicationSnapshot, ParticipantSnapshot } from '../../../src/conversation/event';
import { readWire } from '../../../src/conversation/wire/wire';
import {
  at,
  call,
  callback,
  chat,
  email,
  legIn,
  message,
  ms,
  participant,
  type Leg,
  type Wire,
} from '../../support/conversation/conversation-builders';

function participantsOf(...participants: readonly Wire[]): readonly ParticipantSnapshot[] {
  const outcome = readWire({ id: 'c1', participants }, 0);
  if (outcome.kind !== 'event') throw new Error(`not an event: ${JSON.stringify(outcome)}`);
  return outcome.event.participants;
}

const personOf = (fields: Wire): ParticipantSnapshot | undefined =>
  participantsOf(participant('p', fields, call('k')))[0];
const legsOf = (...legs: readonly Leg[]): readonly CommunicationSnapshot[] =>
  participantsOf(participant('p', {}, ...legs)).flatMap(({ communications }) => communications);
const legFrom = (leg: Leg): CommunicationSnapshot | undefined => legsOf(leg)[0];

/** What may stand where a string belongs and is none. */
const NO_STRINGS = ['', null, undefined, 7, true, {}, { id: 'x' }, ['x']];

describe('section 2, normalising: where a string belongs', () => {
  test.each(['purpose', 'queueId', 'userId'])("a participant's %s is a non-empty string or absent", (name) => {
    expect(personOf({ [name]: 'Some Thing' })).toMatchObject({ [name]: 'Some Thing' });
    for (const value of NO_STRINGS) expect(personOf({ [name]: value })).toMatchObject({ [name]: null });
  });

  test.each(['state', 'direction', 'provider', 'disconnectType'])(
    "a communication's %s is a non-empty string, as it is, or absent",
    (name) => {
      expect(legFrom(call('k', { [name]: 'Never.Seen' }))).toMatchObject({ [name]: 'Never.Seen' });
      for (const value of NO_STRINGS) expect(legFrom(call('k', { [name]: value }))).toMatchObject({ [name]: null });
    },
  );

  test('lone surrogates become U+FFFD also where the value did not come as text', () =>
    expect(personOf({ purpose: 'a\uD800' })?.purpose).toBe('a\uFFFD'));

  test.each([
    ['endpoint.donotdisturb', 'endpoint.dnd'],
    ['transfer.donotdisturb', 'transfer.dnd'],
    ['endpoint.dnd', 'endpoint.dnd'],
    ['Endpoint.DoNotDisturb', 'Endpoint.DoNotDisturb'],
    ['takeover', 'takeover'],
  ])('REST spellings become event spellings, nothing else changes: %s', (wire, expected) =>
    expect(legFrom(call('k', { disconnectType: wire }))?.disconnectType).toBe(expected),
  );

  test('times that are none are absent', () => {
    expect(legFrom(call('k', { connectedTime: at(1), disconnectedTime: 'soon' }))).toMatchObject({
      connectedTime: ms(1),
      disconnectedTime: null,
    });
    expect(personOf({ connectedTime: 17 })?.connectedTime).toBeNull();
  });
});

describe('section 2, normalising: references and addresses', () => {
  const skillsOf = (skills: unknown): unknown => personOf({ conversationRoutingData: { skills } })?.skills;

  test('skills are references, by their ids: order and repetitions are kept, what has no id is absent', () =>
    expect(skillsOf([{ id: 's2' }, {}, { id: 's1', name: 'German' }, null, 's3', { id: '' }, { id: 's2' }])).toEqual([
      's2',
      's1',
      's2',
    ]));

  test.each([[[]], [null], [undefined], [{}], ['s1'], [[{}]]])('no skills are absent: %j', (skills) =>
    expect(skillsOf(skills)).toBeNull(),
  );

  test.each([[null], ['x'], [[]], [7]])('routing data of another type holds none: %j', (data) =>
    expect(personOf({ conversationRoutingData: data })?.skills).toBeNull(),
  );

  test.each([
    [{ addressNormalized: 'tel:+441', addressRaw: '01' }, 'tel:+441'],
    [{ addressRaw: 'sip:0@x' }, 'sip:0@x'],
    [{ addressNormalized: '', addressRaw: '01' }, '01'],
    [{ addressNormalized: null, addressRaw: '01' }, '01'],
    [{ addressDisplayable: '+44 1', name: 'Ann' }, null],
    [{}, null],
    [null, null],
    ['tel:+441', null],
  ])('an address is its addressNormalized, else its addressRaw, prefixes as sent: %j', (wire, expected) => {
    expect(legFrom(call('k', { self: wire }))?.self).toBe(expected);
    expect(legFrom(call('k', { other: wire }))?.other).toBe(expected);
    expect(legFrom(message('m', { fromAddress: wire }))?.fromAddress).toBe(expected);
    expect(legFrom(message('m', { toAddress: wire }))?.toAddress).toBe(expected);
  });

  test.each([
    [['', null, 7, '+441', '+442'], '+441'],
    [[], null],
    [null, null],
    ['+441', null],
  ])('of callbackNumbers %j the first present one', (callbackNumbers, expected) =>
    expect(legFrom(callback('b', { callbackNumbers }))?.callbackNumber).toBe(expected),
  );
});

describe('section 2, normalising: arrays', () => {
  const MEDIA = [
    ['calls', 'Voice'],
    ['callbacks', 'Callback'],
    ['chats', 'Chat'],
    ['emails', 'Email'],
    ['messages', 'Message'],
    ['cobrowsesessions', 'Cobrowse'],
    ['screenshares', 'ScreenShare'],
    ['socialExpressions', 'SocialExpression'],
    ['videos', 'Video'],
    ['internalMessages', 'InternalMessage'],
    ['screenMonitorings', 'ScreenMonitoring'],
  ] as const;

  test.each(MEDIA)('%s hold the communications of medium %s', (array, medium) =>
    expect(legsOf(legIn(array, 'a'), legIn(array, 'b'))).toMatchObject([
      { id: 'a', medium, index: 0 },
      { id: 'b', medium, index: 1 },
    ]),
  );

  test.each(MEDIA.map(([array]) => array))('%s that are null, or of a wrong type, are empty', (array) => {
    for (const value of [null, {}, 'x', 7, true]) {
      const wire = participant('p', { [array]: value }, array === 'calls' ? chat('other') : call('other'));
      expect(participantsOf(wire)[0]?.communications).toMatchObject([{ id: 'other' }]);
    }
  });

  test('unknown arrays are ignored', () => expect(legsOf(call('k'), legIn('holograms', 'h'))).toHaveLength(1));

  test("a message's messages: null or of a wrong type is none, entries that are no objects are dropped", () => {
    const messagesOf = (messages: unknown): unknown => legFrom(message('m', { messages }))?.messages;
    for (const value of [null, undefined, [], {}, 'x', ['x', null]]) expect(messagesOf(value)).toBeNull();
    expect(messagesOf([{ messageTime: at(1), messageStatus: 'sent', media: [{ url: 'x' }] }, 'x', {}])).toEqual([
      { messageTime: ms(1), messageStatus: 'sent' },
      { messageTime: null, messageStatus: null },
    ]);
  });

  test.each([[null], ['x'], [{}], [[]], [{ state: '', startTime: 'x' }]])(
    'after-call work that says nothing is absent: %j',
    (afterCallWork) => expect(legFrom(call('k', { afterCallWork }))?.afterCallWork).toBeNull(),
  );

  test('after-call work is its state and its times', () =>
    expect(
      legFrom(call('k', { afterCallWork: { state: 'pending', startTime: at(1), endTime: 'x', note: 'n' } }))
        ?.afterCallWork,
    ).toEqual({ state: 'pending', startTime: ms(1), endTime: null }));

  test('the position of a participant is its index', () =>
    expect(participantsOf(participant('b', {}, call('k')), participant('a', {}))).toMatchObject([
      { id: 'b', position: 0 },
      { id: 'a', position: 1 },
    ]));
});

describe('section 2, data minimisation', () => {
  const personal = 'PERSONAL';
  const everything = {
    name: personal,
    address: personal,
    attributes: { a: personal },
    wrapup: { notes: personal },
    externalContactId: personal,
    startHoldTime: personal,
    unknown: [{ deep: personal }],
  };

  test('nothing is kept that the table does not use', () => {
    const address = { name: personal, nameRaw: personal, addressDisplayable: personal };
    const event = readWire(
      {
        id: 'c1',
        ...everything,
        address: personal,
        participants: [
          participant(
            'p',
            { ...everything, conversationRoutingData: { skills: [{ id: 's', name: personal }], language: personal } },
            call('k', { ...everything, self: address, other: address, errorInfo: personal, uuiData: personal }),
            callback('b', { ...everything, callbackUserName: personal, voicemail: { id: personal } }),
            chat('t', { ...everything, avatarImageUrl: personal, subject: personal, self: { addressRaw: personal } }),
            email('e', { ...everything, draftAttachments: [personal], fromAddress: { addressRaw: personal } }),
            message('m', {
              ...everything,
              messagesTranscriptUri: personal,
              messages: [{ messageTime: at(1), media: personal, stickers: personal, textBody: personal }],
            }),
            legIn('internalMessages', 'i', { ...everything, fromAddress: { addressRaw: personal } }),
            legIn('videos', 'v', { ...everything, self: { addressRaw: personal }, context: personal }),
          ),
        ],
      },
      0,
    );
    expect(event.kind).toBe('event');
    expect(JSON.stringify(event)).not.toContain(personal);
  });

  test.each(['monitoredParticipantId', 'coachedParticipantId', 'bargedParticipantId', 'screenMonitoredParticipantId'])(
    '%s makes a supervisor, whose addresses and subject the table has no use for',
    (flag) => {
      const supervisor = participantsOf(
        participant(
          'p',
          { [flag]: 'ag1' },
          call('k', { self: { addressRaw: personal } }),
          email('e', { subject: personal }),
        ),
      );
      expect(supervisor).toMatchObject([{ supervisor: true }]);
      expect(JSON.stringify(supervisor)).not.toContain(personal);
      for (const nobody of ['', null, {}, 7]) expect(personOf({ [flag]: nobody })).toMatchObject({ supervisor: false });
    },
  );
});
