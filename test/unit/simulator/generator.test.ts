import { describe, expect, test } from '@jest/globals';
import { BEHAVIOURS, generateEvents, type GeneratorOptions } from '../../../src/simulator';

interface WireLeg {
  readonly id: string;
  readonly state: string;
}
type WireParty = Readonly<Record<string, unknown>> & { readonly id: string };

const framesOf = (options: GeneratorOptions): string[] =>
  [...generateEvents(options)].map((event) => JSON.stringify(event));
const participantsOf = (body: Readonly<Record<string, unknown>>): readonly WireParty[] =>
  body['participants'] as WireParty[];
const legsOf = (party: WireParty, array: string): readonly WireLeg[] => (party[array] ?? []) as WireLeg[];

describe('the generator of events', () => {
  test('the same seed gives the same events, another seed others', () => {
    const options = { seed: 7, conversations: 60 };
    expect(framesOf(options)).toEqual(framesOf(options));
    expect(framesOf({ ...options, seed: 8 })[0]).not.toEqual(framesOf(options)[0]);
  });

  test('a longer run begins with the shorter one', () => {
    const short = [...generateEvents({ seed: 7, conversations: 10 })].filter((event) => event.conversationId !== null);
    const ids = new Set(short.map((event) => event.conversationId));
    const long = [...generateEvents({ seed: 7, conversations: 40 })].filter((event) => ids.has(event.conversationId));
    expect(long.map(({ frame }) => frame.eventBody)).toEqual(short.map(({ frame }) => frame.eventBody));
  });

  test('every behaviour occurs', () => {
    const stream = generateEvents({ seed: 1, conversations: 800 });
    const count = [...stream].length;
    const missing = BEHAVIOURS.filter((behaviour) => stream.behaviours()[behaviour] === 0);
    expect(missing).toEqual([]);
    expect(count).toBeGreaterThan(800);
  });

  test('time and sequence never go back, and control frames come in between', () => {
    const events = [...generateEvents({ seed: 3, conversations: 50 })];
    expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted((one, other) => one - other));
    const notifications = events.filter(({ conversationId }) => conversationId !== null);
    expect(notifications.map(({ sequence }) => sequence)).toEqual(notifications.map((_, index) => index + 1));
    expect(events.some(({ frame }) => frame.topicName === 'channel.metadata')).toBe(true);
  });

  test('each event is a full snapshot: nobody disappears, the order of joining stays', () => {
    const known = new Map<string, readonly string[]>();
    const moved: string[] = [];
    for (const { conversationId, frame } of generateEvents({ seed: 4, conversations: 200 })) {
      if (conversationId === null) continue;
      const ids = participantsOf(frame.eventBody).map(({ id }) => id);
      const before = known.get(conversationId) ?? [];
      if (before.some((id, index) => ids[index] !== id)) moved.push(conversationId);
      known.set(conversationId, ids);
    }
    expect(moved).toEqual([]);
    expect(known.size).toBeGreaterThan(100);
  });

  test('what has ended stays ended: calls as terminated, the other media as disconnected', () => {
    const ended = new Map<string, string>();
    const wrong: string[] = [];
    for (const { conversationId, frame } of generateEvents({ seed: 5, conversations: 200 })) {
      if (conversationId === null) continue;
      for (const party of participantsOf(frame.eventBody)) {
        for (const array of ['calls', 'callbacks', 'chats', 'emails', 'messages']) {
          for (const { id, state } of legsOf(party, array)) {
            const before = ended.get(id);
            if (before !== undefined && state !== before) wrong.push(`${id}: ${before}, then ${state}`);
            if (state === 'terminated' || state === 'disconnected') {
              if ((state === 'terminated') !== (array === 'calls')) wrong.push(`${array}: ${state}`);
              ended.set(id, state);
            }
          }
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(new Set(ended.values())).toEqual(new Set(['terminated', 'disconnected']));
  });

  test('a conversation that was in two queues comes on both topics, with the same body', () => {
    const events = [...generateEvents({ seed: 6, conversations: 100 })];
    const twice = events.filter(({ frame }, index) => events[index - 1]?.frame.eventBody === frame.eventBody);
    expect(twice.length).toBeGreaterThan(0);
    for (const { sequence, frame } of twice) {
      const other = events.find((event) => event.sequence === sequence - 1 && event.conversationId !== null);
      expect(other?.frame.topicName).not.toBe(frame.topicName);
    }
  });

  test('bodies have a realistic size, and small ones are to be had', () => {
    const median = (personalData: boolean): number => {
      const sizes = framesOf({ seed: 2, conversations: 200, personalData, heartbeatMs: 0 }).map(({ length }) => length);
      return sizes.toSorted((one, other) => one - other)[sizes.length >> 1] ?? 0;
    };
    const personal = median(true);
    expect(personal).toBeGreaterThan(4_000);
    expect(personal).toBeLessThan(12_000);
    expect(median(false)).toBeLessThan(personal);
  });

  test('personal data is marked wherever the table does not use it, and nowhere else', () => {
    const mark = 'PERSONAL-7f3a';
    const stream = generateEvents({ seed: 9, conversations: 150, mark });
    const places = new Set<string>();
    for (const { conversationId, frame } of stream) {
      collectMarked(frame.eventBody, mark, '', places);
      if (conversationId !== null) expect(JSON.stringify(stream.truthOf(conversationId))).not.toContain(mark);
    }
    const names = [...places].map((path) => path.split('.').at(-1));
    for (const name of [
      'name',
      'addressDisplayable',
      'notes',
      'callbackUserName',
      'messagesTranscriptUri',
      'uuiData',
    ]) {
      expect(names).toContain(name);
    }
    expect([...places].some((path) => path.includes('.attributes.'))).toBe(true);
    expect(names).not.toContain('addressNormalized');
    expect(names).not.toContain('subject');
  });
});

function collectMarked(value: unknown, mark: string, path: string, places: Set<string>): void {
  if (typeof value === 'string' && value.includes(mark)) places.add(path);
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    collectMarked(inner, mark, Array.isArray(value) ? path : `${path}.${key}`, places);
  }
}
