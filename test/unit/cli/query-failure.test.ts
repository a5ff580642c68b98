import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { failing } from '../../../src/cli/query/failure';
import { SqlError } from '../../../src/cli/query/sql';

const TAG = 'dmrdfnujjqvszhav';
const MESSAGE =
  'Code: 395. DB::Exception: There was an error:\n__exception__ \r\n in it. (FUNCTION_THROW_IF) (version 26.7)';
/** As ClickHouse's documentation has it; in its code the message ends with a line feed alone. */
const block = (message: string, end = '\n') =>
  `\r\n__exception__\r\n${TAG}\r\n${message}${end}${message.length + end.length} ${TAG}\r\n__exception__\r\n`;

interface Read {
  readonly data: string;
  readonly error: unknown;
}

/** @param cuts where the body comes in pieces */
async function read(body: string, tag: string | null, cuts: readonly number[] = [], broken?: Error): Promise<Read> {
  const bytes = Buffer.from(body);
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const pieces = async function* () {
    await Promise.resolve();
    for (const [index, place] of places.slice(1).entries()) yield bytes.subarray(places[index], place);
    if (broken !== undefined) throw broken;
  };
  const data: Uint8Array[] = [];
  try {
    for await (const chunk of failing(pieces(), tag, (error) => error)) data.push(chunk);
    return { data: Buffer.concat(data).toString(), error: null };
  } catch (error) {
    return { data: Buffer.concat(data).toString(), error };
  }
}

const bodies = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.constant(`1\n__exception__\r\n${MESSAGE}\n`),
  fc.nat(40_000).map((length) => 'x\r\n'.repeat(length)),
);
const cuts = fc.array(fc.nat(60_000), { maxLength: 8 });

describe('an answer', () => {
  test('that did not fail comes as it is, in whatever pieces', async () => {
    await fc.assert(
      fc.asyncProperty(bodies, cuts, fc.constantFrom(TAG, null), async (body, places, tag) => {
        expect(await read(body, tag, places)).toEqual({ data: body, error: null });
      }),
    );
  });

  test('that failed under way is its data and then the words of ClickHouse', async () => {
    await fc.assert(
      fc.asyncProperty(bodies, cuts, fc.constantFrom('\n', '\r\n'), async (body, places, end) => {
        const { data, error } = await read(body + block(MESSAGE, end), TAG, places);
        expect(data).toBe(body);
        expect(error).toEqual(new SqlError(MESSAGE));
      }),
    );
  });

  test('that failed under way at a server before 25.11 ends with a broken connection, which is explained', async () => {
    const broken = new Error('terminated');
    const body = `1\n2\n__exception__\r\n${MESSAGE}\n`;
    expect(await read(body, null, [5, 20], broken)).toEqual({ data: '1\n2\n', error: new SqlError(MESSAGE) });
    expect(await read('1\n2\n', null, [], broken)).toEqual({ data: '1\n2\n', error: broken });
    expect(await read('1\n2\n', TAG, [], broken)).toEqual({ data: '1\n2\n', error: broken });
  });

  test('whose block is cut in the middle has failed all the same', async () => {
    const cut = block(MESSAGE).slice(0, 60);
    const { data, error } = await read(`1\n${cut}`, TAG, [], new Error('terminated'));
    expect(data).toBe('1\n');
    expect(error).toBeInstanceOf(SqlError);
  });
});
