import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Columns, QUEUE_CONVERSATION, QUEUE_VISIT } from '../../../src/conversation';
import { createLocalSchemas, createRowCodec, createVisitCodec, topicNames, type ValueCodec } from '../../../src/log';
import { createEncoder, encodeRow, encodeVisit, writeRow } from '../../../src/store/encode';
import { createTranscoder } from '../../../src/store/transcode';
import { aRow, aVisit } from '../../support/conversation/rows';

const HEADER_BYTES = 5;
const plainText = fc.string({
  unit: fc.constantFrom('a', 'Z', '9', ' ', '-', '_', '.', ':', ',', '@', '+', '/', '[', '{'),
});
const anyText = fc.oneof(
  plainText,
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('"', '\\', '\u007f', 'é'),
);
const plainTime = fc.integer({ min: 0, max: 2 ** 47 });
const anyTime = fc.oneof(plainTime, fc.integer({ min: -(2 ** 52), max: 2 ** 52 }));

/** Rows of these columns with the given texts and times. */
function rowsOf(columns: Columns, text: fc.Arbitrary<string>, time: fc.Arbitrary<number>) {
  const ofType: Readonly<Record<Columns[string], fc.Arbitrary<unknown>>> = {
    text,
    'text?': fc.option(text),
    time,
    'time?': fc.option(time),
    count: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    flag: fc.boolean(),
    outcome: fc.constantFrom('waiting', 'answered', 'abandoned'),
  };
  return fc.record(Object.fromEntries(Object.entries(columns).map(([name, type]) => [name, ofType[type]])));
}

const topics = topicNames('');
const tables = {
  conversations: {
    columns: QUEUE_CONVERSATION as Columns,
    example: aRow() as object,
    codec: () => createRowCodec(createLocalSchemas(), topics) as Promise<ValueCodec<never>>,
    /** As the writer encodes a row, without what stands around the columns. */
    valuesOf: (row: never) =>
      encodeRow({ kind: 'row', row, partition: 7, offset: 5 }, 0).slice(1, -'"5",0,7]\n'.length),
  },
  visits: {
    columns: QUEUE_VISIT as Columns,
    example: aVisit() as object,
    codec: () => createVisitCodec(createLocalSchemas(), topics) as Promise<ValueCodec<never>>,
    valuesOf: (visit: never) => encodeVisit({ visit, partition: 7, offset: 5 }, 0).slice(1, -'"5",7]\n'.length),
  },
};

describe.each(Object.entries(tables))(
  'the transcoder of %s',
  (_, { columns, example, codec: createCodec, valuesOf }) => {
    it('makes of plain records what decoding and encoding make of them', async () => {
      const codec = await createCodec();
      const transcode = createTranscoder(columns);
      fc.assert(
        fc.property(rowsOf(columns, plainText, plainTime), (row) => {
          const values = transcode(codec.encode(row as never), HEADER_BYTES);
          expect(Buffer.from(values ?? []).toString()).toBe(valuesOf(row as never));
        }),
      );
    });

    it('the transcoder makes the same of any other row, or leaves it to the decoder', async () => {
      const codec = await createCodec();
      const transcode = createTranscoder(columns);
      fc.assert(
        fc.property(rowsOf(columns, anyText, anyTime), (row) => {
          const values = transcode(codec.encode(row as never), HEADER_BYTES);
          if (values !== null) expect(Buffer.from(values).toString()).toBe(valuesOf(row as never));
        }),
      );
    });

    it('takes no damaged record for another one than the decoder does', async () => {
      const codec = await createCodec();
      const transcode = createTranscoder(columns);
      const whole = codec.encode(example as never);
      const damage = fc.record({
        length: fc.integer({ min: HEADER_BYTES, max: whole.length }),
        more: fc.uint8Array({ maxLength: 2 }),
        at: fc.integer({ min: HEADER_BYTES, max: whole.length - 1 }),
        byte: fc.integer({ min: 0, max: 255 }),
      });
      fc.assert(
        fc.property(damage, ({ length, more, at, byte }) => {
          const damaged = Buffer.concat([whole.subarray(0, length), more]);
          if (at < length) damaged[at] = byte;
          const values = transcode(damaged, HEADER_BYTES);
          if (values === null) return;
          const decoded = codec.decode(damaged);
          expect(decoded.ok && valuesOf(decoded.value)).toBe(Buffer.from(values).toString());
        }),
        { numRuns: 500 },
      );
    });

    it('leaves no plain example to the decoder', async () => {
      const codec = await createCodec();
      expect(createTranscoder(columns)(codec.encode(example as never), HEADER_BYTES)).not.toBeNull();
    });
  },
);

it('what was transcoded stays as it is when others follow, and is a line like any other', async () => {
  const codec = await tables.conversations.codec();
  const transcode = createTranscoder(QUEUE_CONVERSATION);
  const rows = Array.from({ length: 1_000 }, (__, at) => aRow({ conversation_id: `c${at}`, ani: 'x'.repeat(at) }));
  const transcoded = rows.map((row, offset) => {
    const values = transcode(codec.encode(row as never), HEADER_BYTES) ?? new Uint8Array();
    return { kind: 'values', values, partition: 2, offset } as const;
  });
  const decoded = rows.map((row, offset) => ({ kind: 'row', row, partition: 2, offset }) as const);
  const encode = (all: readonly Parameters<typeof writeRow>[0][]) =>
    createEncoder<Parameters<typeof writeRow>[0]>()(all, (row, lines) => writeRow(row, 3, lines));
  expect(encode(transcoded)).toEqual(encode(decoded));
});
