import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { linesOf, type Line } from '../../../src/ingest/lines';

async function* chunks(parts: readonly Uint8Array[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield await Promise.resolve(Buffer.from(part));
}

async function read(parts: readonly Uint8Array[], longest: number): Promise<(string | number)[]> {
  const lines: Line[] = [];
  for await (const line of linesOf(chunks(parts), longest)) lines.push(line);
  return lines.map((line) => ('tooLong' in line ? line.tooLong : line.toString('latin1')));
}

describe('the lines of a stream', () => {
  test('are the same however the bytes arrive', async () => {
    const bytes = fc.array(fc.constantFrom(10, 13, 65, 0xe2, 0x80, 0xa8), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(bytes, fc.nat(30), fc.nat(30), async (all, a, b) => {
        const whole = Uint8Array.from(all);
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const parts = [whole.subarray(0, from), whole.subarray(from, to), whole.subarray(to)];
        const expected = Buffer.from(whole).toString('latin1').split('\n');
        if (expected.at(-1) === '') expected.pop();
        expect(await read(parts, 100)).toEqual(expected);
      }),
    );
  });

  test('too long ones are skipped to their end, and only their length is told', async () => {
    expect(await read([Buffer.from('abc\nabcdefgh'), Buffer.from('ij\nxyz')], 5)).toEqual(['abc', 10, 'xyz']);
  });
});
