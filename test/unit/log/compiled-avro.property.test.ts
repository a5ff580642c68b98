import { describe, expect, test } from '@jest/globals';
import { type Schema, type Type, types } from 'avsc';
import fc from 'fast-check';
import { compileReader, compileWriter, type ReadAvro } from '../../../src/log/codec/avro/compile';
import { AvroOutput } from '../../../src/log/codec/avro/output';
import { RECURRING_FIELDS } from '../../../src/log/codec/recurring-fields';
import { loadSchema, type SchemaName, typeOf } from '../../../src/log/codec/schemas';

const NONE: ReadonlySet<string> = new Set();
const CHOICES = { recurring: RECURRING_FIELDS, skip: 'item by item' } as const;
const NAMES: readonly SchemaName[] = ['conversation-event', 'queue-conversation', 'queue-visit', 'fold-state', 'name'];

const text = fc.oneof(
  fc.constantFrom('', 'acd', 'agent', 'connected', 'transfer.noanswer', '0123456', '01234567', 'é'),
  fc.uuid(),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.string({ unit: 'binary-ascii', minLength: 60, maxLength: 70 }),
);
/** Below −2^52 avsc writes another number than it was given. */
const exact = fc.oneof(
  fc.constantFrom(0, -1, 63, 64, 2 ** 27, 2 ** 28, -(2 ** 27) - 1, 2 ** 53 - 2, -(2 ** 52)),
  fc.integer({ min: 1_500_000_000_000, max: 2_000_000_000_000 }),
  fc.maxSafeInteger().map((value) => Math.max(-(2 ** 52), Math.min(2 ** 53 - 2, value))),
);
const PRIMITIVES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  null: fc.constant(null),
  boolean: fc.boolean(),
  int: fc.oneof(fc.nat(200), fc.integer()),
  long: exact,
  bytes: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  string: text,
};

/** Any value of the schema. */
function valueOf(type: Type): fc.Arbitrary<unknown> {
  if (type instanceof types.RecordType)
    return fc.record(Object.fromEntries(type.fields.map((field) => [field.name, valueOf(field.type)])));
  if (type instanceof types.ArrayType) return fc.array(valueOf(type.itemsType), { maxLength: 2 });
  if (type instanceof types.UnwrappedUnionType) return fc.oneof(...type.types.map(valueOf));
  if (type instanceof types.FixedType)
    return fc.uint8Array({ minLength: type.size, maxLength: type.size }).map((bytes) => Buffer.from(bytes));
  const primitive = PRIMITIVES[type.typeName];
  if (primitive === undefined) throw new Error(`no values of ${type.typeName}`);
  return primitive;
}

/** Bytes that differ from the given ones in a few places. */
const damaged = (bytes: Buffer): fc.Arbitrary<Buffer> =>
  fc
    .array(
      fc.record({
        at: fc.nat(bytes.length),
        cut: fc.integer({ min: 0, max: 3 }),
        put: fc.oneof(
          fc.uint8Array({ maxLength: 3 }),
          fc.constantFrom([0x80, 0], [0xff, 0xff, 0xff, 0xff, 0x0f], Array<number>(12).fill(0xff), [1], [3]),
        ),
      }),
      { maxLength: 3 },
    )
    .map((changes) =>
      changes.reduce(
        (now, { at, cut, put }) => Buffer.concat([now.subarray(0, at), Buffer.from(put), now.subarray(at + cut)]),
        bytes,
      ),
    );

/** Null: refused. */
function tried(read: () => unknown): { readonly value: unknown } | null {
  try {
    return { value: read() };
  } catch {
    return null;
  }
}

function byAvsc(type: Type, bytes: Buffer, writer: Type): unknown {
  const decoded: { value: unknown; offset: number } = type.decode(bytes, 0, type.createResolver(writer));
  if (decoded.offset !== bytes.length) throw new Error('not one value');
  return decoded.value;
}

/** Every record as a plain object. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]));
}

/** A number that Avro's ints cannot hold: avsc reads it nevertheless. */
function hasLargeInt(type: Type, value: unknown): boolean {
  if (type instanceof types.RecordType)
    return type.fields.some((field) => hasLargeInt(field.type, (value as Record<string, unknown>)[field.name]));
  if (type instanceof types.ArrayType) return (value as unknown[]).some((item) => hasLargeInt(type.itemsType, item));
  if (type instanceof types.UnwrappedUnionType) return value !== null && hasLargeInt(type.types[1] ?? type, value);
  return type.typeName === 'int' && value !== ((value as number) | 0);
}

function parts(schema: JsonRecord, without: readonly string[]): JsonRecord {
  return { ...schema, fields: schema.fields.filter(({ name }) => !without.includes(name)) };
}

/** The same schema without its arrays. */
function withoutLists(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutLists);
  if (typeof schema !== 'object' || schema === null || !('fields' in schema)) return schema;
  const fields = (schema.fields as { type: unknown }[]).filter(({ type }) => !isList(type));
  return { ...schema, fields: fields.map((field) => ({ ...field, type: withoutLists(field.type) })) };
}

function isList(type: unknown): boolean {
  return typeof type === 'object' && type !== null && 'items' in type;
}

interface JsonRecord {
  readonly fields: readonly { readonly name: string }[];
}

const output = new AvroOutput();

describe.each(NAMES)('%s, compiled', (name) => {
  const { text: schema } = loadSchema(name);
  const type = typeOf(schema);
  const write = compileWriter(type, NONE);
  const values = valueOf(type) as fc.Arbitrary<object>;
  const fields = type instanceof types.RecordType ? type.fields.map((field) => field.name) : [];
  const written = (value: object): Buffer => {
    output.begin(0);
    write(output, value);
    return output.copy();
  };
  const compare = (read: ReadAvro, wanted: Type, bytes: Buffer): void => {
    const expected = tried(() => byAvsc(wanted, bytes, type));
    const found = tried(() => read(bytes, 0));
    if (expected !== null && hasLargeInt(wanted, expected.value)) expect(found).toBeNull();
    else expect(plain(found)).toEqual(plain(expected));
  };

  test('compiled code writes the bytes that avsc writes, and reads the value from them', () => {
    const read = compileReader(type, type, CHOICES);
    fc.assert(
      fc.property(values, (value) => {
        const bytes = type.toBuffer(value);
        expect(written(value).equals(bytes)).toBe(true);
        expect(read(bytes, 0)).toEqual(value);
        expect(read(Buffer.concat([Buffer.alloc(5), bytes]), 5)).toEqual(value);
      }),
    );
  });

  test('compiled code reads damaged bytes as avsc does, or refuses them as avsc does', () => {
    const read = compileReader(type, type, CHOICES);
    fc.assert(
      fc.property(
        values.chain((value) => damaged(type.toBuffer(value))),
        (bytes) => compare(read, type, bytes),
      ),
      { numRuns: 200 },
    );
  });

  test('a part of the fields is read as avsc reads it, also from damaged bytes', () => {
    fc.assert(
      fc.property(
        // The fingerprint's type has its name there, and another field refers to it.
        fc.subarray(fields.filter((field) => field !== 'fingerprint')),
        values.chain((value) => damaged(type.toBuffer(value))),
        (without, bytes) => {
          const wanted = typeOf(parts(JSON.parse(schema) as JsonRecord, without) as unknown as Schema);
          compare(compileReader(type, wanted, CHOICES), wanted, bytes);
        },
      ),
    );
  });

  test('a field that is absent gets its default, and one of another type is refused', () => {
    fc.assert(
      fc.property(values, fc.constantFrom(...fields), fc.constantFrom({}, 0.5, Symbol('no')), (value, field, other) => {
        const rest = Object.fromEntries(Object.entries(value).filter(([each]) => each !== field));
        const expected = tried(() => type.toBuffer(rest).toString('hex'));
        expect(tried(() => written(rest).toString('hex'))).toEqual(expected);
        expect(tried(() => written({ ...rest, [field]: other }))).toBeNull();
      }),
    );
  });
});

describe('an array with its size in front', () => {
  const type = typeOf(loadSchema('fold-state').text);
  const sized = compileWriter(type, new Set(['participants', 'recent', 'communicationIds']));
  const wanted = typeOf(withoutLists(JSON.parse(loadSchema('fold-state').text)) as Schema);
  const read = compileReader(type, type, CHOICES);
  const jump = compileReader(type, wanted, { ...CHOICES, skip: 'by size' });
  const walk = compileReader(type, wanted, CHOICES);
  const values = valueOf(type) as fc.Arbitrary<object>;
  const written = (value: object): Buffer => {
    output.begin(0);
    sized(output, value);
    return output.copy();
  };

  test('avsc reads an array with its size in front, too, and skips it by its size', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = written(value);
        expect(plain(byAvsc(type, bytes, type))).toEqual(plain(value));
        expect(read(bytes, 0)).toEqual(value);
        expect(plain(jump(bytes, 0))).toEqual(plain(byAvsc(wanted, bytes, type)));
        expect(walk(bytes, 0)).toEqual(jump(bytes, 0));
        // The present values, from before arrays had sizes.
        expect(jump(type.toBuffer(value), 0)).toEqual(jump(bytes, 0));
      }),
    );
  });

  test('of any size is written once, where it belongs', () => {
    const ended = (ids: readonly string[]) => ({
      open: null,
      ended: { endedAt: 1, communicationIds: ids, erased: true },
      checkpoint: null,
    });
    for (const size of [0, 1, 61, 62, 63, 64, 65, 8_188, 8_189, 8_190, 8_191, 8_192, 2 ** 20]) {
      const value = ended(size === 0 ? [] : ['x'.repeat(size)]);
      const bytes = written(value);
      expect(read(bytes, 0)).toEqual(value);
      expect(bytes.length - type.toBuffer(value).length).toBeLessThanOrEqual(4);
    }
  });

  test('that is damaged is refused, or read as something else, but nothing else happens', () => {
    fc.assert(
      fc.property(
        values.chain((value) => damaged(written(value))),
        (bytes) => {
          tried(() => jump(bytes, 0));
          const expected = tried(() => byAvsc(type, bytes, type));
          const found = tried(() => read(bytes, 0));
          if (expected === null || !hasLargeInt(type, expected.value)) expect(plain(found)).toEqual(plain(expected));
        },
      ),
    );
  });
});

test('an output grows with its values, and nothing of an earlier one stays', () => {
  const large = new AvroOutput();
  const write = compileWriter(typeOf({ type: 'record', name: 'R', fields: [{ name: 'a', type: 'string' }] }), NONE);
  for (const size of [1, 70_000, 300_000, 3]) {
    large.begin(0);
    write(large, { a: 'é'.repeat(size) });
    const length = Buffer.byteLength('é'.repeat(size));
    expect(large.copy().subarray(-length).toString()).toBe('é'.repeat(size));
    expect(large.size).toBe(large.copy().length);
  }
});

test('a schema with another kind of type has no code', () => {
  for (const other of ['double', { type: 'map', values: 'int' }, ['int', 'string'], ['null', 'int', 'string']]) {
    const type = typeOf({ type: 'record', name: 'R', fields: [{ name: 'a', type: other }] } as Schema);
    expect(() => compileWriter(type, NONE)).toThrow(/no code for the Avro type/);
    expect(() => compileReader(type, type, CHOICES)).toThrow(/no code for the Avro type/);
  }
});
