import type { Type } from 'avsc';
import type { SchemaSource } from './schema-source';
import { typeOf, type AvroSchema } from './schemas';

/**
 * Values in Confluent's wire format: a zero byte, the schema's id (4 bytes, big-endian), Avro. The projecting reader of
 * each writer schema is compiled once, and no value needs a promise.
 */
export interface ValueCodec<T> extends ValueReader<T> {
  /** The schema of `encode`: its id in the registry and its fingerprint (hex). */
  readonly writer: { readonly id: number; readonly fingerprint: string };
  encode(value: T): Buffer;
  /** The size of the value as Avro, in bytes. */
  sizeOf(value: T): number;
  /**
   * The start of a value's Avro, if its writer had the same schema as this reader: then its fields are the reader's, in
   * the reader's order. Null: another schema, or an unknown one. Call it after `prepare`.
   */
  ownAvroAt(bytes: Buffer): number | null;
}

/** The half of it that reads. */
export interface ValueReader<T> {
  decode(bytes: Buffer): Decoded<T>;
  /** Null: the writer schemas of all these values are known. Otherwise resolves when they are. */
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
/** No registry has more schemas that do not fit. A garbage record may name any id. */
const MOST_UNKNOWN = 1_000;

export async function createValueCodec<T>(options: ValueCodecOptions<T>): Promise<ValueCodec<T>> {
  const { schemas, toAvro, fromAvro } = options;
  const type = typeOf(options.schema.text);
  const id = await schemas.idOf(options.subject, options.schema);
  const { learn, decode, prepare, ownAvroAt } = createValueReader({
    schemas,
    reader: options.reader ?? type,
    fromAvro,
  });
  let scratch = Buffer.allocUnsafe(64 * 1024);
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
    writer: { id, fingerprint: type.fingerprint().toString('hex') },
    encode: (value) => {
      const end = encodeIntoScratch(value);
      scratch[0] = 0;
      scratch.writeInt32BE(id, 1);
      return Buffer.from(scratch.subarray(0, end));
    },
    sizeOf: (value) => encodeIntoScratch(value) - HEADER_BYTES,
    decode,
    prepare,
    ownAvroAt,
  };
}

export interface ValueReaderOptions<T> {
  readonly schemas: Pick<SchemaSource, 'writerOf'>;
  readonly reader: Type;
  readonly fromAvro: (decoded: object) => T;
}

/**
 * Reads values of any version of the writer, as long as its schema fits the reader's. It needs no schema of its own in
 * the registry, only those that the values name.
 */
export function createValueReader<T>({ schemas, reader, fromAvro }: ValueReaderOptions<T>) {
  const readers = new Map<number, ReturnType<Type['createResolver']> | null>();
  /** The ids of the reader's own schema. */
  const own = new Set<number>();
  const fingerprint = reader.fingerprint();
  const learning = new Map<number, Promise<void>>();
  /** Ids that the registry does not know, oldest first: other writers' records may name any number of them. */
  const unknown = new Set<number>();

  const remember = (writerId: number, writer: Type | null): void => {
    const resolver = writer === null ? null : resolverTo(reader, writer);
    readers.set(writerId, resolver);
    if (writer?.fingerprint().equals(fingerprint) === true) own.add(writerId);
    if (resolver !== null) return;
    unknown.add(writerId);
    const [oldest] = unknown;
    if (unknown.size <= MOST_UNKNOWN || oldest === undefined) return;
    unknown.delete(oldest);
    readers.delete(oldest);
  };
  const learn = (writerId: number): Promise<void> => {
    const underWay = learning.get(writerId);
    if (underWay !== undefined) return underWay;
    const asked = schemas
      .writerOf(writerId)
      .then((writer) => remember(writerId, writer))
      .finally(() => learning.delete(writerId));
    learning.set(writerId, asked);
    return asked;
  };

  const decode = (bytes: Buffer): Decoded<T> => {
    const writerId = writerOf(bytes);
    if (writerId === null) return unreadable('not-avro', 'not Avro in Confluent’s wire format');
    const resolver = readers.get(writerId);
    // It was forgotten already, because very many ids are unknown.
    const isForgotten = resolver === undefined && unknown.size === MOST_UNKNOWN;
    if (resolver === undefined && !isForgotten) throw new Error(`decode before prepare: schema id ${writerId}`);
    if (resolver === undefined || resolver === null)
      return unreadable('unknown-schema', `the registry has no fitting schema with id ${writerId}`);
    try {
      const decoded: { value: unknown; offset: number } = reader.decode(bytes, HEADER_BYTES, resolver);
      if (decoded.offset !== bytes.length) return unreadable('not-avro', `bytes do not match schema id ${writerId}`);
      return { ok: true, value: fromAvro(decoded.value as object) };
    } catch {
      return unreadable('not-avro', `bytes do not match schema id ${writerId}`);
    }
  };
  const prepare = (values: Iterable<Buffer | null>): Promise<void> | null => {
    let missing: Set<number> | null = null;
    for (const bytes of values) {
      const writerId = bytes === null ? null : writerOf(bytes);
      if (writerId !== null && !readers.has(writerId)) (missing ??= new Set()).add(writerId);
    }
    return missing === null ? null : Promise.all([...missing].map(learn)).then(() => undefined);
  };
  const ownAvroAt = (bytes: Buffer): number | null =>
    bytes.length >= HEADER_BYTES && bytes[0] === 0 && own.has(bytes.readInt32BE(1)) ? HEADER_BYTES : null;
  return { learn, decode, prepare, ownAvroAt };
}

/** The id of the schema with which the value was written; null: the value is not in Confluent's wire format. */
export function writerOf(bytes: Buffer): number | null {
  return bytes.length < HEADER_BYTES || bytes[0] !== 0 ? null : bytes.readInt32BE(1);
}

/** Null: our schema cannot read the writer's. */
function resolverTo(reader: Type, writer: Type): ReturnType<Type['createResolver']> | null {
  try {
    return reader.createResolver(writer);
  } catch {
    return null;
  }
}

function unreadable<T>(reason: UnreadableReason, message: string): Decoded<T> {
  return { ok: false, reason, message };
}
