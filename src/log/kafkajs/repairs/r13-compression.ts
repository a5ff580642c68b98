import { messageOf, OperatorError } from '../../../common';
import { codecOf } from '../compression';
import { replaceExports, requireInternal } from '../internals';
import type { DecodeRecordBatch } from './r3-empty-batches';

/** The part of kafkajs's decoder that reads a batch here. */
interface BatchReader {
  readonly buffer: Buffer;
  readonly offset: number;
  forward(bytes: number): void;
}

/** A batch that stays unreadable if it is read again. */
class UnreadableBatch extends OperatorError {
  /** kafkajs reads this field. */
  readonly retriable = false;
}

/** Finds it among an error and its causes, because kafkajs wraps it. */
export function unreadableIn(error: unknown): OperatorError | null {
  for (let current: unknown = error; current instanceof Error; current = current.cause) {
    if (current instanceof UnreadableBatch) return current;
  }
  return null;
}

/** The end of the first offset and the length, by which kafkajs finds the next batch. */
const LENGTH_END = 12;
const ATTRIBUTES_AT = 21;
const RECORDS_AT = 61;
const CODEC_MASK = 0b111;

const MIB = 1024 * 1024;
/** Eight times the largest record: no writer of our topics makes such a batch. */
const LARGEST_BATCH = 64 * MIB;
/** Once this much of a partition's answer is decompressed, the rest of it is left for the next fetch. */
const ENOUGH = 32 * MIB;

/**
 * R13: kafkajs decompresses only gzip, into as much memory as a batch claims, and everything that a fetch has answered
 * at once. Repair: batches of all four codecs are decompressed before kafkajs sees them, each within a limit. Once
 * enough of a partition's answer is decompressed, kafkajs sees its rest as a batch that the answer has cut off.
 */
export function repairCompression(): void {
  replaceExports<DecodeRecordBatch>('protocol/recordBatch/v0/decoder', (stock) => {
    const Decoder = requireInternal('protocol/decoder') as new (buffer: Buffer) => BatchReader;
    const { KafkaJSPartialMessageError } = requireInternal('errors') as {
      KafkaJSPartialMessageError: new (message: string) => Error;
    };
    const decompressed = new WeakMap<object, number>();

    return async (given) => {
      const reader = given as BatchReader;
      const { buffer, offset } = reader;
      const end = offset + LENGTH_END + (buffer.length < offset + LENGTH_END ? 0 : buffer.readInt32BE(offset + 8));
      const isWhole = end <= buffer.length && end >= offset + RECORDS_AT;
      if (!isWhole || (buffer.readInt16BE(offset + ATTRIBUTES_AT) & CODEC_MASK) === 0) return stock(given);
      const before = decompressed.get(reader) ?? 0;
      if (before >= ENOUGH) throw new KafkaJSPartialMessageError('enough for now');
      const batch = await decompress(buffer.subarray(offset, end));
      decompressed.set(reader, before + batch.length);
      reader.forward(end - offset);
      return stock(new Decoder(batch));
    };
  });
}

/** The same batch, not compressed. Its checksum is no longer right, but kafkajs does not check it. */
async function decompress(batch: Buffer): Promise<Buffer> {
  const attributes = batch.readInt16BE(ATTRIBUTES_AT);
  const found = codecOf(attributes & CODEC_MASK);
  const compressed = batch.subarray(RECORDS_AT);
  const records = found === undefined ? null : await decompressWith(found, compressed, batch);
  if (found === undefined || records === null) {
    throw new UnreadableBatch(`Kafka: ${placeOf(batch)} has a compression that this version does not know.`);
  }
  const whole = Buffer.allocUnsafe(RECORDS_AT + records.length);
  batch.copy(whole, 0, 0, RECORDS_AT);
  records.copy(whole, RECORDS_AT);
  whole.writeInt32BE(whole.length - LENGTH_END, 8);
  whole.writeInt16BE(attributes & ~CODEC_MASK, ATTRIBUTES_AT);
  return whole;
}

async function decompressWith(
  { name, codec }: NonNullable<ReturnType<typeof codecOf>>,
  compressed: Buffer,
  batch: Buffer,
): Promise<Buffer> {
  // A producer's last batch keeps its codec even if compaction has removed all its records.
  if (compressed.length === 0) return compressed;
  try {
    return await codec.decompress(compressed, LARGEST_BATCH);
  } catch (error) {
    throw new UnreadableBatch(
      `Kafka: ${placeOf(batch)} cannot be read (${name}: ${messageOf(error)}). ` +
        'Find out who wrote it. kafka-delete-records removes it, with all records before it.',
      { cause: error },
    );
  }
}

function placeOf(batch: Buffer): string {
  return `the batch at offset ${batch.readBigInt64BE(0)}`;
}
