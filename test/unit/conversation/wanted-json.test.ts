import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseLine } from '../../../src/conversation/wire/line';
import { createWantedReader } from '../../../src/conversation/wire/wanted-json';
import { readWire } from '../../../src/conversation/wire/wire';
import { WIRE_KEYS } from '../../../src/conversation/wire/wire-keys';
import { generateEvents } from '../../../src/simulator';
import { stream } from '../../support/conversation/conversation-arbitraries';

const WANTED = ['id', 'ids', 'di', 'name', 'nämé', ''];
const reader = createWantedReader(WANTED);
const read = (text: string | Uint8Array): unknown => reader.read(Buffer.from(text));

/** What `read` promises, by `JSON.parse`. */
function pruned(value: unknown, keys: readonly string[]): unknown {
  if (typeof value === 'number') return 0;
  if (Array.isArray(value)) return value.map((one) => pruned(one, keys));
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => keys.includes(key));
  return Object.fromEntries(kept.map(([key, one]) => [key, pruned(one, keys)]));
}

const wantedPlain = WANTED.filter((key) => /^[a-z]+$/.test(key));
const key = fc.oneof(
  { arbitrary: fc.constantFrom(...wantedPlain), weight: 4 },
  { arbitrary: fc.constantFrom('other', 'idx', 'xd', '__proto__', 'nam', 'ï'), weight: 3 },
  { arbitrary: fc.string({ unit: 'binary', maxLength: 5 }).filter((one) => !WANTED.includes(one)), weight: 1 },
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false, 0, -0, 1.5e300, -12),
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.array(tie('value'), { maxLength: 4 }),
    // Built as text's own members: an object literal would take `__proto__` for its prototype.
    fc
      .array(fc.tuple(key, tie('value')), { maxLength: 5 })
      .map((members) => Object.fromEntries(members) as Record<string, unknown>),
  ),
}));
const object = fc.array(fc.tuple(key, value), { maxLength: 6 }).map((members) => Object.fromEntries(members));

describe('JSON that is read for its wanted keys', () => {
  test('has what JSON.parse gives for them', () =>
    fc.assert(
      fc.property(object, fc.constantFrom(undefined, 1, '\t', '\r\n'), (document, space) => {
        const text = JSON.stringify(document, null, space);
        const found = read(text);
        // Only a key with an escape is left to JSON.parse.
        if (found === undefined) expect(text).toMatch(/"(?:[^"\\]|\\.)*\\(?:[^"\\]|\\.)*"\s*:/);
        else expect(found).toEqual(pruned(JSON.parse(text), wantedPlain));
      }),
    ));

  test('is JSON, also where nobody wants it', () =>
    fc.assert(
      fc.property(object, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.boolean(), (document, place, byte, cut) => {
        const bytes = Buffer.from(JSON.stringify(document));
        const at = place % bytes.length;
        if (!cut) bytes[at] = byte;
        const broken = cut ? bytes.subarray(0, at) : bytes;
        const found = reader.read(broken);
        if (found === undefined) return;
        const parsed = parseLine(broken);
        expect(parsed).toHaveProperty('value');
        if (parsed !== null && 'value' in parsed) expect(found).toEqual(pruned(parsed.value, wantedPlain));
      }),
      { numRuns: 2_000 },
    ));

  test.each([
    ['{"a":01}', 'a zero in front'],
    ['{"a":-}', 'a sign alone'],
    ['{"a":1.}', 'no digit behind the point'],
    ['{"a":1e+}', 'no digit in the exponent'],
    ['{"a":.5}', 'no digit before the point'],
    ['{"a":tru}', 'half a word'],
    ['{"a":"\t"}', 'a control character'],
    ['{"a":"\\x"}', 'an unknown escape'],
    ['{"a":"\\u12g4"}', 'no hexadecimal digit'],
    ['{"a":"\\u12', 'half an escape'],
    ['{"a":1,}', 'a comma too many'],
    ['{"a":[1,]}', 'a comma too many in an array'],
    ['{"a":1} x', 'something behind'],
    ['{"a":1}{}', 'another object behind'],
    ['{"a" 1}', 'no colon'],
    ['{"a":{"b":1]}', 'another bracket'],
    ['{a:1}', 'no quotes'],
    ['\uFEFF{}', 'a byte order mark'],
    ['', 'nothing'],
    ['[1]', 'an array'],
    ['"text"', 'a text'],
    [`${'{"a":'.repeat(65)}1${'}'.repeat(65)}`, 'too many levels, of unwanted keys'],
    [`${'{"id":'.repeat(65)}1${'}'.repeat(65)}`, 'too many levels, of wanted keys'],
    ['{"\\u0069d":1}', 'a wanted key with an escape'],
  ])('is left to JSON.parse: %s (%s)', (text) => {
    expect(read(text)).toBeUndefined();
  });

  test.each([
    ['{"id":"a","id":{"id":null}}', { id: { id: null } }],
    ['{"id":[],"__proto__":{"id":1},"x":"\\u00e9\\"}"}', { id: [] }],
    ['{"id":"\\u00e9\\ud800","name":"ä€😀"}', { id: 'é\ud800', name: 'ä€😀' }],
    [' {\r\n"di" : [ 1 , -0.5e-3 , true ] }\r', { di: [0, 0, true] }],
    ['{"":1,"nämé":1}', {}],
    [`${'{"id":'.repeat(64)}1${'}'.repeat(64)}`, expect.anything()],
  ])('of %s', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  test('that is not UTF-8 has U+FFFD, as the decoder gives it', () => {
    const bytes = Buffer.from('{"id":"a?b","x":"?","name":"??"}');
    for (let at = bytes.indexOf('?'), byte = 0xe2; at >= 0; at = bytes.indexOf('?', at), byte += 5) bytes[at] = byte;
    expect(reader.read(bytes)).toEqual({ id: 'a\uFFFDb', name: '\uFFFD\uFFFD' });
  });
});

describe('the wanted keys of the wire', () => {
  const wire = createWantedReader(WIRE_KEYS);
  const NOW = 1_772_442_000_000;

  /** Notes every key that is looked at. */
  function watched(value: unknown, seen: Set<string>): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((one) => watched(one, seen));
    const note = (name: string | symbol) => typeof name === 'string' && seen.add(name);
    return new Proxy(value, {
      get: (target, name) => {
        note(name);
        return watched(Reflect.get(target, name), seen);
      },
      has: (target, name) => {
        note(name);
        return Reflect.has(target, name);
      },
      getOwnPropertyDescriptor: (target, name) => {
        note(name);
        return Reflect.getOwnPropertyDescriptor(target, name);
      },
    });
  }

  const isSame = (line: string, seen: Set<string>): void => {
    const whole: unknown = JSON.parse(line);
    const some = wire.read(Buffer.from(line));
    expect(some).toBeDefined();
    const outcome = readWire(whole, NOW);
    expect(readWire(some, NOW)).toEqual(outcome);
    expect(readWire(watched(whole, seen), NOW)).toEqual(outcome);
  };

  test('are all that the normaliser looks at', () => {
    const seen = new Set<string>();
    for (const { frame } of generateEvents({ seed: 5, conversations: 60, personalData: true }))
      isSame(JSON.stringify(frame), seen);
    const ofTheOtherShapes = [
      '{"result":"200","message":"pong"}',
      '{"id":"c","participants":[]}',
      '{"id":"x","detail":{"topicName":"v2.users.U.conversations","eventBody":{},"timestamp":"2026-03-02T09:00:00Z"}}',
    ];
    for (const line of ofTheOtherShapes) isSame(line, seen);
    const folder = join(__dirname, '..', '..', 'fixtures', 'cases');
    for (const name of readdirSync(folder).filter((one) => one.endsWith('.input.ndjson'))) {
      for (const line of readFileSync(join(folder, name), 'utf8').split('\n')) if (line !== '') isSame(line, seen);
    }
    fc.assert(
      fc.property(stream(10), (lines) => {
        for (const line of lines) isSame(line, seen);
      }),
    );
    expect([...seen].filter((name) => !WIRE_KEYS.includes(name))).toEqual([]);
    expect(WIRE_KEYS.filter((name) => !seen.has(name))).toEqual([]);
  });

  test('leave names, attributes and transcripts where they are', () => {
    const frame = {
      topicName: 'v2.routing.queues.Q.conversations',
      eventBody: {
        id: 'c',
        participants: [{ id: 'p', name: 'Ann', attributes: { id: 'secret' }, calls: [{ id: 'k', notes: 'secret' }] }],
      },
    };
    expect(wire.read(Buffer.from(JSON.stringify(frame)))).toEqual({
      topicName: 'v2.routing.queues.Q.conversations',
      eventBody: { id: 'c', participants: [{ id: 'p', calls: [{ id: 'k' }] }] },
    });
  });
});
