import { describe, expect, test } from '@jest/globals';
import { aConversation, at, ms, notification } from '../../support/conversation/conversation-builders';
import { readLine } from '../../support/conversation/read-line';

const NOW = ms(500);
const read = (line: string | Uint8Array): ReturnType<typeof readLine> =>
  readLine(typeof line === 'string' ? Buffer.from(line) : line, NOW);
const good = aConversation('c1').called().at(1);

function idOf(line: string | Uint8Array): string | undefined {
  const outcome = read(line);
  return outcome?.kind === 'event' ? outcome.event.conversationId : undefined;
}

const withId = (id: string): string => `{"receivedAt":"${at(1)}","gone":{"id":"${id}"}}`;

describe('section 2, text', () => {
  test('a BOM at the start of a line is dropped', () => expect(idOf(`\uFEFF${good}`)).toBe('c1'));

  test('one BOM: a second is part of the line', () => {
    expect(read(`\uFEFF\uFEFF${good}`)).toMatchObject({ kind: 'invalid', reason: 'not-json' });
  });

  test('a carriage return before the end of the line is dropped', () => expect(idOf(`${good}\r`)).toBe('c1'));

  test('U+2028 and U+2029 do not end a line', () => {
    expect(idOf(withId('a\u2028b\u2029c'))).toBe('a\u2028b\u2029c');
  });

  test.each(['', ' ', '\t', '\r', ' \t\r', '\v\f', '\uFEFF', '\uFEFF  \r'])(
    'a line of ASCII white space only is not counted: %j',
    (line) => expect(read(line)).toBeNull(),
  );

  test.each(['\u00A0', '\u2028', '\u3000'])('other white space is counted, and no JSON: %j', (line) =>
    expect(read(line)).toMatchObject({ kind: 'invalid', reason: 'not-json' }),
  );

  test('bytes that are not UTF-8 become U+FFFD', () => {
    const broken = Buffer.concat([
      Buffer.from(`{"receivedAt":"${at(1)}","gone":{"id":"a`),
      Buffer.from([0xff, 0x62, 0xc3]),
      Buffer.from('"}}'),
    ]);
    expect(idOf(broken)).toBe('a\uFFFDb\uFFFD');
  });

  test('lone surrogates become U+FFFD, pairs stay', () => {
    expect(idOf(withId('a\\ud800b'))).toBe('a\uFFFDb');
    expect(idOf(withId('a\\udc00'))).toBe('a\uFFFD');
    expect(idOf(withId('\\ud83d\\ude00'))).toBe('\u{1F600}');
  });

  test('of duplicate keys the last wins', () => {
    expect(idOf(`{"receivedAt":"${at(1)}","gone":{"id":"first","id":"last"}}`)).toBe('last');
    expect(idOf(`{"id":"c1","participants":7,"participants":[{"id":"p","calls":[{"id":"k"}]}]}`)).toBe('c1');
  });

  test('a line that is no JSON is a dead letter that tells the place and nothing of the text', () => {
    const outcome = read('{"id": "secret of Ann",}');
    expect(outcome).toMatchObject({ kind: 'invalid', reason: 'not-json', message: expect.stringContaining('23') });
    expect(JSON.stringify(outcome)).not.toContain('Ann');
  });

  test.each(['{', 'nonsense', '{"a":1}{"b":2}', "{'id':'c1'}", '[1,]', 'NaN', '//x', '{"id":"c1"'])(
    '%s is no JSON',
    (line) => expect(read(line)).toMatchObject({ kind: 'invalid', reason: 'not-json' }),
  );

  test('what parses is handed on with the outcome, for the dead letter', () => {
    expect(read('{"id":""}')).toMatchObject({ kind: 'invalid', parsed: { id: '' } });
  });

  test('a line nested a hundred thousand deep is an outcome, not an error', () => {
    const deep = '['.repeat(100_000);
    expect(read(deep)).toMatchObject({ kind: 'invalid' });
    expect(read(deep + ']'.repeat(100_000))).toMatchObject({ kind: 'invalid' });
    const unknown = JSON.stringify(notification(aConversation('c1').called().body)).replace(
      '"version"',
      `"unknown":${'['.repeat(5_000)}${']'.repeat(5_000)},"version"`,
    );
    expect(idOf(unknown)).toBe('c1');
  });

  test('keys that JavaScript gives a meaning are fields like others', () => {
    const line = `{"__proto__":{"participants":[{"id":"p","calls":[{"id":"k"}]}]},"constructor":1,"id":"c1"}`;
    expect(read(line)).toMatchObject({ kind: 'skip', reason: 'no-communications' });
    expect(idOf(withId('__proto__'))).toBe('__proto__');
  });
});
