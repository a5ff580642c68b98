import { expect, test } from '@jest/globals';
import { type Schema, Type } from 'avsc';
import { loadSchema, typeOf } from '../../../src/log/codec/schemas';
import { createValueReader } from '../../../src/log/codec/value-codec';

interface JsonRecord {
  readonly fields: readonly object[];
}

const SCHEMA = loadSchema('name');
const HEADER = Buffer.from([0, 0, 0, 0, 7]);

/** A reader of names, and values of a later version, which has one more field in front. */
async function laterVersion(type: object, value: unknown) {
  const { fields, ...rest } = JSON.parse(SCHEMA.text) as JsonRecord;
  const writer = Type.forSchema({ ...rest, fields: [{ name: 'added', type }, ...fields] } as unknown as Schema);
  const reader = createValueReader({
    schemas: { writerOf: () => Promise.resolve(writer) },
    schema: SCHEMA,
    fromAvro: (decoded) => decoded,
  });
  await reader.prepare([HEADER]);
  const name = { kind: 'queue', id: 'q', name: 'Sales', gone_since: null };
  const bytes = Buffer.concat([HEADER, writer.toBuffer({ ...name, added: value })]);
  return { name, read: () => reader.decode(bytes), decode: (avro: readonly number[]) => reader.decode(Buffer.from([...HEADER, ...avro])) }; // prettier-ignore
}

const MAP = { type: 'map', values: 'int' };
const LISTS = { type: 'array', items: { type: 'array', items: 'string' } };

test.each([
  ['a map', MAP, { a: 1, b: 2 }],
  ['lists of lists', LISTS, [['a'], [], ['b', 'c']]],
])('a value of a later version that has %s, too, is read', async (_, type, added) => {
  const { name, read } = await laterVersion(type, added);
  expect(read()).toEqual({ ok: true, value: name });
});

test.each([
  // Zigzag: 2^50.
  ['a map of 2^50 entries that are not there', MAP, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02]],
  // A block of one entry with a size of −2: read on from there, it comes again.
  ['a block of a map that ends before it begins', MAP, [0x01, 0x03]],
  ['a list of 2^50 lists', LISTS, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02]],
])('bytes that claim %s are not Avro, and take no time', async (_, type, avro) => {
  const { decode } = await laterVersion(type, type === MAP ? {} : []);
  expect(decode(avro)).toMatchObject({ ok: false, reason: 'not-avro' });
});

test('a list of items without bytes is not read: a megabyte of them could claim 10^11', async () => {
  const { read } = await laterVersion({ type: 'array', items: 'null' }, [null]);
  expect(read()).toMatchObject({ ok: false, reason: 'not-avro' });
});

test('bytes whose size is no number do not empty the bytes of later values', () => {
  const type = typeOf({ type: 'record', name: 'R', fields: [{ name: 'a', type: 'bytes' }] });
  const value = { a: Buffer.from('digest') };
  const good = type.toBuffer(value);
  const bad = Buffer.alloc(400, 0x80);
  expect(() => void type.fromBuffer(Buffer.concat([bad, Buffer.from([1]), good]))).toThrow();
  expect(type.fromBuffer(good)).toEqual(value);
});
