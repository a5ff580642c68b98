import type { Schema, Type } from 'avsc';
import { compileReader, compileWriter, type ReadAvro } from './avro/compile';
import { AvroOutput } from './avro/output';
import { RECURRING_FIELDS } from './recurring-fields';
import type { SchemaSource } from './schema-source';
import { typeOf, type AvroSchema } from './schemas';

/**
 * Values in Confluent's wire format: a zero byte, the schema's id (4 bytes, big-endian), Avro. The reader of each writer
 * schema is made once, and no value needs a promise. Values of this version's own schema have a compiled reader; avsc
 * reads those of other versions.
 */
export interface ValueCodec<T> extends ValueReader<T> {
  /** The schema of `encode`: its id in the registry and its fingerprint (hex). */
  readonly writer: { readonly id: number; readonly fingerprint: string };
  /** @throws TypeError if the value does not fit the schema */
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

export interface ValueReaderOptions<T> {
  readonly schemas: Pick<SchemaSource, 'writerOf'>;
  readonly schema: AvroSchema;
  /** The fields to decode, a part of `schema`; absent: all. */
  readonly part?: Schema;
  readonly fromAvro: (decoded: object) => T;
}

export interface ValueCodecOptions<T> extends ValueReaderOptions<T> {
  readonly schemas: SchemaSource;
  readonly subject: string;
  readonly toAvro: (value: T) => object;
  /** The fields, in any record, whose arrays get their size in front, so that a reader can skip them. Default: none. */
  readonly sized?: ReadonlySet<string>;
}

const HEADER_BYTES = 5;
const NONE: ReadonlySet<string> = new Set();
/** No registry has more schemas that do not fit. A garbage record may name any id. */
const MOST_UNKNOWN = 1_000;

/** Every codec's: none waits while it writes. */
const output = new AvroOutput();

export async function createValueCodec<T>(options: ValueCodecOptions<T>): Promise<ValueCodec<T>> {
  const { schemas, toAvro } = options;
  const type = typeOf(options.schema.text);
  const write = compileWriter(type, options.sized ?? NONE);
  const id = await schemas.idOf(options.subject, options.schema);
  const { learn, decode, prepare, ownAvroAt } = createValueReader(options);
  await learn(id);

  const writeAfterHeader = (value: T): void => {
    output.begin(HEADER_BYTES);
    write(output, toAvro(value));
  };

  return {
    writer: { id, fingerprint: type.fingerprint().toString('hex') },
    encode: (value) => {
      writeAfterHeader(value);
      const bytes = output.copy();
      bytes[0] = 0;
      bytes.writeInt32BE(id, 1);
      return bytes;
    },
    sizeOf: (value) => {
      writeAfterHeader(value);
      return output.size - HEADER_BYTES;
    },
    decode,
    prepare,
    ownAvroAt,
  };
}

/**
 * Reads values of any version of the writer, as long as its schema fits the reader's. It needs no schema of its own in
 * the registry, only those that the values name.
 */
export function createValueReader<T>({ schemas, schema, part, fromAvro }: ValueReaderOptions<T>) {
  const readerOf = createReaders(schema, part);
  const readers = new Map<number, ReadAvro | null>();
  /** The ids of the reader's own schema, if it decodes all of it. */
  const own = new Set<number>();
  const learning = new Map<number, Promise<void>>();
  /** Ids that the registry does not know, oldest first: other writers' records may name any number of them. */
  const unknown = new Set<number>();

  const remember = (writerId: number, writer: Type | null): void => {
    const { read, isOwn } = writer === null ? { read: null, isOwn: false } : readerOf(writer);
    readers.set(writerId, read);
    if (isOwn && part === undefined) own.add(writerId);
    if (read !== null) return;
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
    const read = readers.get(writerId);
    // It was forgotten already, because very many ids are unknown.
    const isForgotten = read === undefined && unknown.size === MOST_UNKNOWN;
    if (read === undefined && !isForgotten) throw new Error(`decode before prepare: schema id ${writerId}`);
    if (read === undefined || read === null)
      return unreadable('unknown-schema', `the registry has no fitting schema with id ${writerId}`);
    try {
      return { ok: true, value: fromAvro(read(bytes, HEADER_BYTES)) };
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

/** Makes the reader of a writer schema: compiled if it is our own schema. */
function createReaders({ text }: AvroSchema, part: Schema | undefined) {
  const whole = typeOf(text);
  const wanted = part === undefined ? whole : typeOf(part);
  const fingerprint = whole.fingerprint();
  const readOwn = compileReader(whole, wanted, { recurring: RECURRING_FIELDS, skip: 'by size' });
  return (writer: Type): { readonly read: ReadAvro | null; readonly isOwn: boolean } => {
    const isOwn = writer.fingerprint().equals(fingerprint);
    return { read: isOwn ? readOwn : resolved(wanted, writer), isOwn };
  };
}

/** Null: our schema cannot read the writer's. */
function resolved(reader: Type, writer: Type): ReadAvro | null {
  let resolver: ReturnType<Type['createResolver']>;
  try {
    resolver = reader.createResolver(writer);
  } catch {
    return null;
  }
  return (bytes, at) => {
    const decoded: { value: unknown; offset: number } = reader.decode(bytes, at, resolver);
    if (decoded.offset !== bytes.length) throw new Error('the bytes are not one value');
    return decoded.value as object;
  };
}

function unreadable<T>(reason: UnreadableReason, message: string): Decoded<T> {
  return { ok: false, reason, message };
}
