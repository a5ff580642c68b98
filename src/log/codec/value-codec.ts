import type { Type } from 'avsc';
import type { SchemaSource } from './schema-source';
import { typeOf, type AvroSchema } from './schemas';

/**
 * Values in Confluent's wire format: a zero byte, the schema's id (4 bytes, big-endian), Avro. The projecting reader of
 * each writer schema is compiled once; per value no promise is made.
 */
export interface ValueCodec<T> {
  encode(value: T): Buffer;
  /** The size of the value as Avro, in bytes. */
  sizeOf(value: T): number;
  decode(bytes: Buffer): Decoded<T>;
  /** Null: the writer schemas of all these values are known. Else resolves when they are. */
  prepare(values: Iterable<Buffer | null>): Promise<void> | null;
}

export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: UnreadableReason; readonly message: string };

export type UnreadableReason = 'not-avro' | 'unknown-schema';

export interface ValueCodecOptions<T> {
  readonly schemas: SchemaSource;
  readonly subject: string;
  readonly schema: AvroSchema;
  /** The fields to decode, a part of `schema`; absent: all. */
  readonly reader?: Type;
  readonly toAvro: (value: T) => object;
  readonly fromAvro: (decoded: object) => T;
}

const HEADER_BYTES = 5;

export async function createValueCodec<T>(options: ValueCodecOptions<T>): Promise<ValueCodec<T>> {
  const { schemas, toAvro, fromAvro } = options;
  const type = typeOf(options.schema.text);
  const reader = options.reader ?? type;
  const id = await schemas.idOf(options.subject, options.schema);
  const readers = new Map<number, ReturnType<Type['createResolver']> | null>();
  let scratch = Buffer.allocUnsafe(64 * 1024);

  const learn = async (writerId: number): Promise<void> => {
    const writer = await schemas.writerOf(writerId);
    readers.set(writerId, writer === null ? null : reader.createResolver(writer));
  };
  await learn(id);

  const encodeIntoScratch = (value: T): number => {
    const avro = toAvro(value);
    let end = type.encode(avro, scratch, HEADER_BYTES);
    if (end < 0) {
      scratch = Buffer.allocUnsafe(2 * (scratch.length - end));
      end = type.encode(avro, scratch, HEADER_BYTES);
    }
    return end;
  };

  return {
    encode: (value) => {
      const end = encodeIntoScratch(value);
      scratch[0] = 0;
      scratch.writeInt32BE(id, 1);
      return Buffer.from(scratch.subarray(0, end));
    },
    sizeOf: (value) => encodeIntoScratch(value) - HEADER_BYTES,
    decode: (bytes) => {
      if (bytes.length < HEADER_BYTES || bytes[0] !== 0)
        return unreadable('not-avro', 'no Avro in Confluent’s wire format');
      const writerId = bytes.readInt32BE(1);
      const resolver = readers.get(writerId);
      if (resolver === undefined) throw new Error(`decode before prepare: schema id ${writerId}`);
      if (resolver === null)
        return unreadable('unknown-schema', `the registry knows no schema of id ${writerId} that fits`);
      try {
        const decoded: { value: unknown; offset: number } = reader.decode(bytes, HEADER_BYTES, resolver);
        if (decoded.offset !== bytes.length) return unreadable('not-avro', `bytes do not match schema id ${writerId}`);
        return { ok: true, value: fromAvro(decoded.value as object) };
      } catch {
        return unreadable('not-avro', `bytes do not match schema id ${writerId}`);
      }
    },
    prepare: (values) => {
      let missing: Set<number> | null = null;
      for (const bytes of values) {
        if (bytes === null || bytes.length < HEADER_BYTES || bytes[0] !== 0) continue;
        const writerId = bytes.readInt32BE(1);
        if (!readers.has(writerId)) (missing ??= new Set()).add(writerId);
      }
      return missing === null ? null : Promise.all([...missing].map(learn)).then(() => undefined);
    },
  };
}

function unreadable<T>(reason: UnreadableReason, message: string): Decoded<T> {
  return { ok: false, reason, message };
}
