import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { documentsIn, documentsOf, type DocumentLimits } from '../../../src/ingest/documents';

async function* chunks(parts: readonly Uint8Array[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield await Promise.resolve(Buffer.from(part));
}

async function read(parts: readonly (Uint8Array | string)[], limits?: DocumentLimits): Promise<(string | number)[]> {
  const texts: (string | number)[] = [];
  const bytes = parts.map((part) => Buffer.from(part));
  for await (const { line } of documentsOf(chunks(bytes), limits)) {
    texts.push('tooLong' in line ? line.tooLong : line.toString('latin1'));
  }
  return texts;
}
const placed = (text: string): (readonly [string, string])[] =>
  documentsIn(Buffer.from(text)).map(({ line, place }) => [place, 'tooLong' in line ? '' : line.toString()]);
const small: DocumentLimits = { line: 400, kept: 100 };

describe('one document a line', () => {
  test('gives exactly the lines, whatever is in them, however the bytes arrive', async () => {
    const good = fc.json({ maxDepth: 2 }).map((json) => `{"a":${json}}`);
    const truncated = good.map((text) => `${text.slice(0, -2)}x"`);
    const other = fc.constantFrom('', ' ', '\r', 'nonsense', '42', '"text"', '{"id":"cut', '\u2028', '{"a":1} x', '[]');
    const lines = fc.array(fc.oneof(good, truncated, other), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(lines, fc.nat(60), async (all, cut) => {
        const whole = Buffer.from(all.map((line) => `${line}\n`).join(''));
        const expected = whole.toString('latin1').split('\n').slice(0, -1);
        expect(await read([whole.subarray(0, cut), whole.subarray(cut)])).toEqual(expected);
      }),
    );
  });

  test('too long ones are skipped to their end, and only their length is told', async () => {
    expect(await read(['abc\nabcdefgh', 'ij\nxyz'], { line: 5, kept: 5 })).toEqual(['abc', 10, 'xyz']);
  });

  test('a line that was cut off stands alone, and the lines behind it are read', () => {
    for (const cutOff of ['{"a":', '{"a":[1,', '[', '{', '{"a":{"b":1}', '[{"x":1},']) {
      expect(placed(`${cutOff}\n{"b":1}\n{"c":2}\n`)).toEqual([['1', cutOff], ['2', '{"b":1}'], ['3', '{"c":2}']]); // prettier-ignore
    }
  });
});

describe('documents', () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }));

  test('over several lines, side by side, or in arrays are the same as one a line', () => {
    const separators = fc.constantFrom('', ' ', '\n', '\r\n');
    const spacing = fc.constantFrom(undefined, 1, 2, '\t');
    fc.assert(
      fc.property(fc.array(object, { minLength: 1, maxLength: 6 }), separators, spacing, (all, between, space) => {
        const texts = all.map((one) => JSON.stringify(one, null, space));
        const back = (text: string): unknown[] => placed(text).map(([, line]) => JSON.parse(line) as unknown);
        const expected = JSON.parse(JSON.stringify(all)) as unknown[];
        expect(back(texts.join(between))).toEqual(expected);
        expect(back(JSON.stringify(all, null, space))).toEqual(expected);
        expect(back(`\uFEFF${JSON.stringify(all, null, space)}`)).toEqual(expected);
      }),
    );
  });

  test('say where they begin', () => {
    expect(placed('{"a":1}\n{\n"b":2\n}\n[{"c":3},\n{"d":4}]\n{"e":5}{"f":6}').map(([place]) => place)).toEqual([
      '1',
      '2',
      '5, event 1',
      '5, event 2',
      '7, event 1',
      '7, event 2',
    ]);
  });

  test('are handed over while an array or a line continues: what is kept is bounded', async () => {
    const many = Array.from({ length: 500 }, (_, n) => `{"n":${n}}`);
    const parts = (text: string): string[] => text.match(/[^]{1,7}/g) ?? [];
    expect(await read(parts(`[\n${many.join(',\n')}\n]\n{"last":1}\n`), small)).toEqual([...many, '{"last":1}']);
    expect(await read(parts(`${many.join('')}\n{"last":1}\n`), small)).toEqual([...many, '{"last":1}']);
  });

  test('that never end are lines', async () => {
    const lines = ['{', ...Array.from({ length: 200 }, () => '"a":1,')];
    expect(await read([`${lines.join('\n')}\n{"a":1}\n`], small)).toEqual([...lines, '{"a":1}']);
  });

  test('whatever the bytes are, each is in one document at most, and the rest is read', () => {
    const bytes = fc
      .array(fc.constantFrom(...Array.from('{}[]",:1a\\ \n')), { maxLength: 80 })
      .map((all) => all.join(''));
    fc.assert(
      fc.property(bytes, (text) => {
        const found = documentsIn(Buffer.from(`${text}\n{"good":1}\n`));
        const total = found.reduce((sum, { line }) => sum + ('tooLong' in line ? 0 : line.length), 0);
        expect(total).toBeLessThanOrEqual(text.length + 12);
      }),
      { numRuns: 2_000 },
    );
  });
});
