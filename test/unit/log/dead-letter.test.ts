import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { aloneBytes } from '../../../src/log/record-size';
import { deadLetterRecord, LONGEST_TEXT_BYTES, type DeadLetter } from '../../../src/log/records/dead-letter';

const LETTER: DeadLetter = {
  stage: 'fold',
  reason: 'too-large',
  message: 'short',
  key: 'c1',
  origin: { source: 'events.ndjson:7' },
  body: { id: 'c1' },
};
/** The body's 64 KB, and what stands around it. */
const MOST_BYTES = 64 * 1024 + 8 * LONGEST_TEXT_BYTES;

const long = fc
  .tuple(fc.constantFrom('a', 'é', '€', '💶', '\ud800'), fc.integer({ min: 0, max: 400_000 }))
  .map(([character, length]) => character.repeat(length));

describe('a dead letter', () => {
  test('of short texts has all of them as they are', () => {
    const { key, value, headers } = deadLetterRecord('letters', LETTER);
    expect([String(key), String(value)]).toEqual(['c1', '{"id":"c1"}']);
    expect(headers).toEqual({
      'error.reason': 'too-large',
      'error.message': 'short',
      'error.stage': 'fold',
      'content-type': 'application/json',
      source: 'events.ndjson:7',
    });
  });

  test('a dead letter is bounded, however long its key, message, origin and body are', () => {
    fc.assert(
      fc.property(long, long, long, fc.boolean(), (key, text, name, isTopic) => {
        const origin = isTopic ? { topic: name, partition: 1, offset: 2 } : { source: name };
        const letter = deadLetterRecord('letters', { ...LETTER, key, message: text, origin, body: { text } });
        expect(aloneBytes(letter)).toBeLessThan(MOST_BYTES);
        for (const header of Object.values(letter.headers ?? {})) {
          expect(Buffer.byteLength(header)).toBeLessThanOrEqual(LONGEST_TEXT_BYTES);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('with a long key has its beginning, its length and its hash', () => {
    const { key, headers } = deadLetterRecord('letters', { ...LETTER, key: Buffer.alloc(1_500_000, '€') });
    expect(String(key)).toBe('€'.repeat(Math.floor(LONGEST_TEXT_BYTES / 3)));
    expect(headers).toMatchObject({
      'source.key.bytes': '1500000',
      'source.key.sha256': expect.stringMatching(/^[\da-f]{64}$/),
    });
  });

  test('with bytes that are no text as its key has as many of them as it may', () => {
    const { key } = deadLetterRecord('letters', { ...LETTER, key: Buffer.alloc(5_000, 0x80) });
    expect(key).toHaveLength(LONGEST_TEXT_BYTES);
  });
});
