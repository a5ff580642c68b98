import { describe, expect, test } from '@jest/globals';
import type { ConversationEvent } from '../../../src/conversation/event';
import type { Outcome } from '../../../src/conversation/wire/outcome';
import { readWire } from '../../../src/conversation/wire/wire';
import { aConversation, at, ms, notification, type Wire } from '../../support/conversation/conversation-builders';

const NOW = ms(500);
const body = aConversation('c1').called().body;
const read = (wire: unknown): Outcome => readWire(wire, NOW);

function eventOf(wire: unknown): ConversationEvent {
  const outcome = read(wire);
  if (outcome.kind !== 'event') throw new Error(`not an event: ${JSON.stringify(outcome)}`);
  return outcome.event;
}

const skipped = (reason: string): unknown => ({ kind: 'skip', reason });
const dead = (reason: string): unknown => expect.objectContaining({ kind: 'invalid', reason });
const eventBridge = (detail: Wire): Wire => ({ version: '0', id: 'aws', source: 'aws.partner', detail });

describe('section 2, the five wire shapes', () => {
  test.each([
    ['1. a recording of a notification', { receivedAt: at(7), event: notification(body) }],
    ['1. a recording of a REST conversation', { receivedAt: at(7), event: body }],
    ['1. a recording of an EventBridge event', { receivedAt: at(7), event: eventBridge(notification(body)) }],
    ['2. an EventBridge event', eventBridge(notification(body))],
    ['3. a notification', notification(body)],
    ['5. a REST conversation', body],
  ])('%s is the conversation that it carries', (_, wire) => {
    expect(eventOf(wire)).toMatchObject({ conversationId: 'c1', gone: false, participants: [{ id: 'caller' }] });
  });

  test('1. a recording may say that a conversation is gone', () => {
    expect(eventOf({ receivedAt: at(7), gone: { id: 'c1' } })).toMatchObject({
      conversationId: 'c1',
      gone: true,
      receivedAt: ms(7),
    });
  });

  test.each([
    ['the answer to a subscription', { result: '404' }],
    ['a pong', { message: 'pong' }],
  ])('4. a control frame is skipped: %s', (_, wire) => expect(read(wire)).toEqual(skipped('control-frame')));

  describe('an object is taken as the first shape that fits', () => {
    test('a topicName makes a notification of what looks like a recording', () => {
      const wire = { receivedAt: at(7), event: notification({ ...body, id: 'recorded' }), ...notification(body) };
      expect(eventOf(wire)).toMatchObject({ conversationId: 'c1', receivedAt: NOW });
    });

    test('participants make a REST conversation of it', () => {
      expect(eventOf({ receivedAt: at(7), gone: { id: 'other' }, ...body })).toMatchObject({
        conversationId: 'c1',
        gone: false,
        receivedAt: NOW,
      });
    });

    test('EventBridge comes before a notification', () => {
      const wire = { ...notification({ ...body, id: 'outer' }), detail: notification(body) };
      expect(eventOf(wire).conversationId).toBe('c1');
    });

    test('a detail that carries no event makes no EventBridge event', () => {
      expect(eventOf({ ...notification(body), detail: { eventId: 1 } }).conversationId).toBe('c1');
      expect(eventOf({ ...notification(body), detail: [notification(body)] }).conversationId).toBe('c1');
    });

    test('a notification comes before a control frame', () => {
      expect(eventOf({ ...notification(body), result: '200' }).conversationId).toBe('c1');
    });

    test.each([
      ['an id', { message: 'hello', ...body }],
      ['participants only', { result: 'x', participants: [] }],
    ])('a REST conversation may have a field named message or result: with %s it is no control frame', (_, wire) =>
      expect(read(wire)).not.toEqual(skipped('control-frame')),
    );

    test('a recording in a recording is none of the shapes that a recording may hold', () => {
      const inner = { receivedAt: at(7), event: notification(body) };
      expect(read({ receivedAt: at(8), event: inner })).toEqual(dead('no-conversation-id'));
    });
  });

  describe('topics', () => {
    test.each(['v2.routing.queues.0a1b-2c.conversations', 'v2.users.0a1b-2c.conversations'])(
      '%s is an event',
      (topic) => expect(eventOf(notification(body, topic)).conversationId).toBe('c1'),
    );

    test.each([
      'channel.metadata',
      'v2.system.socket_closing',
      'v2.users.u1.conversations.calls',
      'v2.routing.queues.Q1.conversations.chats',
      'v2.routing.queues.Q1.conversations.',
      'v2.routing.queues..conversations',
      'v2.routing.queues.Q1.more.conversations',
      'xv2.routing.queues.Q1.conversations',
      'v2.users.u1.presence',
    ])('%s is skipped, whatever it carries', (topic) => {
      expect(read(notification(body, topic))).toEqual(skipped('other-topic'));
      expect(read(eventBridge(notification('nonsense', topic)))).toEqual(skipped('other-topic'));
      expect(read({ receivedAt: at(7), event: notification(body, topic) })).toEqual(skipped('other-topic'));
    });

    test.each([
      ['a notification', { eventBody: body }],
      ['an EventBridge event', eventBridge({ eventBody: body })],
      ['an empty name', notification(body, '')],
    ])('without a topicName it is skipped: %s', (_, wire) => expect(read(wire)).toEqual(skipped('no-topic')));
  });

  test.each([
    ['no participants', { id: 'c1' }],
    ['null', { id: 'c1', participants: null }],
    ['the flat REST shape', { id: 'c1', state: 'connected', participants: [{ id: 'p', state: 'connected' }] }],
  ])('a snapshot without any communication changes nothing: %s', (_, wire) => {
    expect(read(wire)).toEqual(skipped('no-communications'));
    expect(read(notification(wire))).toEqual(skipped('no-communications'));
  });
});

describe('section 2, receive time', () => {
  test("a recording's receivedAt comes before EventBridge's timestamp", () => {
    const bridged = eventBridge({ ...notification(body), timestamp: at(1) });
    expect(eventOf({ receivedAt: at(7), event: bridged }).receivedAt).toBe(ms(7));
  });

  test("without one, EventBridge's timestamp", () => {
    const bridged = eventBridge({ ...notification(body), timestamp: at(1) });
    expect(eventOf(bridged).receivedAt).toBe(ms(1));
    expect(eventOf({ receivedAt: 'garbage', event: bridged }).receivedAt).toBe(ms(1));
  });

  test.each([
    ['a notification', notification(body)],
    ['a REST conversation', body],
    ['an EventBridge event without a timestamp', eventBridge(notification(body))],
    ['one with a timestamp that is none', eventBridge({ ...notification(body), timestamp: 'soon' })],
    ['a recording whose receivedAt is none', { receivedAt: 17, event: notification(body) }],
    ['a gone whose receivedAt is none', { receivedAt: '', gone: { id: 'c1' } }],
    ['the timestamp of a bare notification, which is not EventBridge', { ...notification(body), timestamp: at(1) }],
  ])('else the time of the call: %s', (_, wire) => expect(eventOf(wire).receivedAt).toBe(NOW));
});

describe('section 2, invalid: to the dead letters', () => {
  test.each([[[]], [[body]], ['text'], [7], [true], [null]])('%j is not a JSON object', (wire) => {
    expect(read(wire)).toEqual(dead('not-an-object'));
    expect(read(notification(wire))).toEqual(dead('not-an-object'));
  });

  test.each([undefined, null, '', 7, {}])('a conversation whose id is %j has none', (id) => {
    expect(read({ ...body, id })).toEqual(dead('no-conversation-id'));
    expect(read({ receivedAt: at(7), gone: { id } })).toEqual(dead('no-conversation-id'));
  });

  test.each([[{}], ['text'], [7], [false]])('participants that are %j are no array', (participants) =>
    expect(read({ id: 'c1', participants })).toEqual(dead('participants-not-an-array')),
  );

  test.each([[null], ['p1'], [[]], [7]])('a participant that is %j is no object', (each) =>
    expect(read({ id: 'c1', participants: [each] })).toEqual(dead('participant-not-an-object')),
  );

  test.each([undefined, null, '', 7])('a participant whose id is %j has none', (id) =>
    expect(read({ id: 'c1', participants: [{ id, calls: [{ id: 'k' }] }] })).toEqual(dead('participant-without-id')),
  );

  test.each(['calls', 'emails', 'screenMonitorings'])('%s hold objects with ids', (array) => {
    const of = (leg: unknown): unknown => ({ id: 'c1', participants: [{ id: 'p', [array]: [{ id: 'ok' }, leg] }] });
    expect(read(of(null))).toEqual(dead('communication-not-an-object'));
    expect(read(of('k'))).toEqual(dead('communication-not-an-object'));
    expect(read(of({}))).toEqual(dead('communication-without-id'));
    expect(read(of({ id: '' }))).toEqual(dead('communication-without-id'));
  });

  test('too large: more participants or communications than the limits allow', () => {
    const limits = { participants: 2, communications: 3, bytes: 1_000_000 };
    const withLegs = (...counts: number[]): unknown => ({
      id: 'c1',
      participants: counts.map((count, p) => ({
        id: `p${p}`,
        calls: Array.from({ length: count }, (_, k) => ({ id: `k${k}` })),
      })),
    });
    expect(readWire(withLegs(2, 1), NOW, limits).kind).toBe('event');
    expect(readWire(withLegs(2, 2), NOW, limits)).toEqual(dead('too-large'));
    expect(readWire(withLegs(1, 0, 0), NOW, limits)).toEqual(dead('too-large'));
  });
});
