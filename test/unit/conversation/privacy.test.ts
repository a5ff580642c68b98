import { createHmac } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { normaliseAddress } from '../../../src/conversation/address';
import type { CommunicationSnapshot, ConversationEvent } from '../../../src/conversation/event';
import { maskAddress, maskEvent, type MaskedColumn } from '../../../src/conversation/privacy';
import { withoutPersonalData } from '../../../src/conversation/wire/scrub';
import { readWire } from '../../../src/conversation/wire/wire';
import {
  at,
  call,
  callback,
  customer,
  email,
  message,
  notification,
} from '../../support/conversation/conversation-builders';

const KEY = 'key of this test';
const hmac = (value: string): string => `hmac-sha256:${createHmac('sha256', KEY).update(value).digest('hex')}`;

function maskedLegs(...columns: readonly MaskedColumn[]): Record<string, CommunicationSnapshot> {
  const outcome = readWire(
    {
      id: 'c1',
      participants: [
        customer(
          'p',
          call('k', { self: { addressRaw: 'tel:+441' }, other: { addressRaw: 'tel:+442' } }),
          callback('b', { callbackNumbers: ['+443'] }),
          email('e', { subject: 'Über mich' }),
          message('m', { fromAddress: { addressRaw: 'tel:+441' } }),
        ),
      ],
    },
    0,
  );
  if (outcome.kind !== 'event') throw new Error('not an event');
  const event = maskEvent(outcome.event, { columns: new Set(columns), key: KEY });
  return Object.fromEntries(event.participants.flatMap((p) => p.communications.map((leg) => [leg.id, leg])));
}

describe('section 2, PRIVACY_MASK', () => {
  test.each(['ani', 'dnis'] as const)('%s masks every address, since which is which is known only later', (column) => {
    const legs = maskedLegs(column);
    expect(legs['k']).toMatchObject({ self: hmac('+441'), other: hmac('+442') });
    expect(legs['b']).toMatchObject({ callbackNumber: hmac('+443') });
    expect(legs['e']).toMatchObject({ subject: 'Über mich' });
  });

  test('equal values stay equal, absent ones absent', () => {
    const legs = maskedLegs('ani', 'dnis', 'subject');
    expect(legs['m']?.fromAddress).toBe(legs['k']?.self);
    expect(legs['m']?.toAddress).toBeNull();
    expect(legs['k']?.subject).toBeNull();
  });

  test.each([
    [
      '+13175550100',
      ['tel:+13175550100', 'sip:+13175550100@sip.example.org:5060;transport=tcp', 'SIPS:+13175550100@10.0.0.1'],
    ],
    [
      '+13175550100',
      ['tel:+1-317-555-0100', '+1 (317) 555.0100', 'tel:+13175550100;phone-context=x', 'sip:%2B13175550100;npdi@h'],
    ],
    ['+13175550100;ext=12', ['tel:+1-317-555-0100;ext=1-2', 'sip:+13175550100;ext=12@h']],
  ])('%s has one mask, however it is written: %j', (number, spellings) => {
    expect(spellings.map((spelling) => normaliseAddress(spelling))).toEqual(spellings.map(() => number));
    expect(spellings.map((spelling) => maskAddress(spelling, { key: KEY }))).toEqual(spellings.map(() => hmac(number)));
  });

  test.each([
    '13175550100',
    'tel:1001',
    'sip:1001@a.example',
    'Ann@Example.org',
    '+1@example.org',
    '+',
    'tel:+',
    '+1x',
    '',
    'a1b2',
  ])('what is no international number keeps its spelling: %j', (address) =>
    expect(maskAddress(address, { key: KEY })).toBe(hmac(address)),
  );

  test('normalised once is normalised for good', () =>
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('+', '0', '19', ' ', '.', '-', '(', ';', '@', 'tel:', 'sip:', ';ext=') }),
        (text) => {
          expect(normaliseAddress(normaliseAddress(text))).toBe(normaliseAddress(text));
        },
      ),
      { numRuns: 2_000, examples: [['+0;ext=-']] },
    ));

  test('subject masks subjects only', () => {
    const legs = maskedLegs('subject');
    expect(legs['e']).toMatchObject({ subject: hmac('Über mich') });
    expect(legs['k']).toMatchObject({ self: 'tel:+441' });
  });

  test('without a mask nothing changes, and a gone has nothing to mask', () => {
    expect(maskedLegs()['k']).toMatchObject({ self: 'tel:+441' });
    const gone: ConversationEvent = {
      conversationId: 'c',
      receivedAt: 0,
      source: 'rest',
      gone: true,
      participants: [],
      fingerprint: null,
    };
    expect(maskEvent(gone, { columns: new Set(['ani']), key: KEY })).toEqual(gone);
  });
});

describe('section 2, what a dead letter carries', () => {
  test('strings where this page uses none become their length, ids and listed values stay', () => {
    const wire = {
      receivedAt: at(1),
      event: notification({
        id: 'c1',
        attributes: { 'customer name': 'Ann' },
        participants: [
          {
            purpose: 'customer',
            name: 'Ann',
            calls: [{ id: 'k', state: 'connected', connectedTime: at(0), self: { addressRaw: '+441' }, note: 'xyz' }],
          },
        ],
      }),
    };
    expect(withoutPersonalData(wire)).toEqual({
      receivedAt: at(1),
      event: {
        topicName: 'v2.routing.queues.Q1.conversations',
        version: 1,
        metadata: expect.anything(),
        eventBody: {
          id: 'c1',
          attributes: 1,
          participants: [
            {
              purpose: 'customer',
              name: 3,
              calls: [{ id: 'k', state: 'connected', connectedTime: at(0), self: 1, note: 3 }],
            },
          ],
        },
      },
    });
  });

  test('a text in the place of an id or a time becomes its length, too', () =>
    expect(withoutPersonalData({ id: 'Ann from next door', participants: 'Ann', receivedAt: 'Ann' })).toEqual({
      id: 18,
      participants: 3,
      receivedAt: 3,
    }));

  test('keys that are no field names are counted, not copied', () =>
    expect(withoutPersonalData({ 'ann@example.org': 1, '+441': 2, id: 'c1' })).toEqual({
      id: 'c1',
      '(other keys)': 2,
    }));

  test('whatever the input, no text with a space comes through', () => {
    const SECRET = 'a secret';
    fc.assert(
      fc.property(fc.object({ values: [fc.constant(SECRET), fc.integer()], key: fieldName }), (input) => {
        expect(JSON.stringify(withoutPersonalData(input))).not.toContain(SECRET);
      }),
    );
  });
});

const fieldName = fc.constantFrom(
  'id',
  'participants',
  'calls',
  'state',
  'event',
  'eventBody',
  'detail',
  'topicName',
  'x',
);
