import { codecOf, type Codec } from '../compression';
import { replaceExports, requireInternal } from '../internals';
import type { EncodeRecord, RecordBatchModule } from './r8-max-timestamp';
import { sizeOfVarint, writeVarint } from './varint';

type Text = Buffer | string;
interface RecordInput {
  readonly offsetDelta?: number;
  readonly timestampDelta?: number;
  readonly key?: Text | null;
  readonly value?: Text | null;
  readonly headers?: Readonly<Record<string, Text | readonly Text[]>>;
}
interface BatchInput {
  readonly compression?: number;
  readonly firstTimestamp?: number | string;
  readonly records?: readonly RecordInput[];
  readonly partitionLeaderEpoch?: number;
  readonly firstOffset?: unknown;
  readonly lastOffsetDelta?: number;
  readonly transactional?: boolean;
  readonly producerId?: unknown;
  readonly producerEpoch?: number;
  readonly firstSequence?: number;
}

const HEADER_BYTES = 61;
const CRC_FROM = 21;
const TRANSACTIONAL = 16;

/**
 * R10: encoding records is most of a producer's work. Each record and each header gets its own encoder with 512 zeroed
 * bytes. Every integer of variable length becomes an array and then a buffer, and timestamps are calculated as BigInts.
 * The bytes of a record are copied six times through buffers that grow by doubling. Repair: measure, allocate the batch
 * once, write into it: the same bytes (a test compares them). Compression comes after that.
 */
export function repairRecordEncoding(): void {
  const encodeStock = requireInternal('protocol/recordBatch/record/v0/index') as EncodeRecord;
  const crc32C = requireInternal('protocol/recordBatch/crc32C/index') as (buffer: Buffer) => number;
  // The batch encodes its records.
  replaceExports<EncodeRecord>('protocol/recordBatch/record/v0/index', () => (record) => record);
  replaceExports<RecordBatchModule>('protocol/recordBatch/v0/index', (stock) => ({
    ...stock,
    RecordBatch(batch: BatchInput) {
      const { compression = 0, records = [], firstTimestamp } = batch;
      const codec = codecOf(compression)?.codec;
      if (firstTimestamp === undefined || (compression !== 0 && codec === undefined)) {
        const { firstTimestamp: first = Date.now() } = batch;
        return stock.RecordBatch({ ...batch, firstTimestamp: first, records: records.map(encodeStock) });
      }
      const plain = encodeBatch(batch, records, Number(firstTimestamp));
      if (codec === undefined) return Promise.resolve(asEncoder(sealed(plain, crc32C)));
      return compressed(plain, compression, codec).then((whole) => asEncoder(sealed(whole, crc32C)));
    },
  }));
}

/** Fills in the fields that depend on everything else in the batch. */
function sealed(batch: Buffer, crc32C: (buffer: Buffer) => number): Buffer {
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeUInt32BE(crc32C(batch.subarray(CRC_FROM)), 17);
  return batch;
}

/** Leaves the batch as it is if compression does not make it smaller. */
async function compressed(batch: Buffer, id: number, codec: Codec): Promise<Buffer> {
  const records = await codec.compress(batch.subarray(HEADER_BYTES));
  if (HEADER_BYTES + records.length >= batch.length) return batch;
  const whole = Buffer.concat([batch.subarray(0, HEADER_BYTES), records]);
  whole.writeInt16BE(whole.readInt16BE(CRC_FROM) | id, CRC_FROM);
  return whole;
}

/** Without the batch's length and checksum. */
function encodeBatch(batch: BatchInput, records: readonly RecordInput[], firstTimestamp: number): Buffer {
  const bodies = records.map(sizeOfBody);
  let size = HEADER_BYTES;
  let greatest = 0;
  for (const [i, body] of bodies.entries()) {
    size += sizeOfVarint(body) + body;
    greatest = Math.max(greatest, records[i]?.timestampDelta ?? 0);
  }
  const buffer = Buffer.allocUnsafe(size);
  buffer.writeBigInt64BE(toBigInt(batch.firstOffset ?? 0), 0);
  buffer.writeInt32BE(batch.partitionLeaderEpoch ?? 0, 12);
  buffer.writeInt8(2, 16);
  buffer.writeInt16BE(batch.transactional === true ? TRANSACTIONAL : 0, 21);
  buffer.writeInt32BE(batch.lastOffsetDelta ?? 0, 23);
  buffer.writeBigInt64BE(BigInt(firstTimestamp), 27);
  buffer.writeBigInt64BE(BigInt(firstTimestamp + greatest), 35);
  buffer.writeBigInt64BE(toBigInt(batch.producerId ?? -1), 43);
  buffer.writeInt16BE(batch.producerEpoch ?? 0, 51);
  buffer.writeInt32BE(batch.firstSequence ?? 0, 53);
  buffer.writeInt32BE(records.length, 57);
  let at = HEADER_BYTES;
  for (const [i, record] of records.entries()) at = writeRecord(buffer, at, record, bodies[i] ?? 0);
  return buffer;
}

/** The form of encoder that kafkajs's requests take. */
function asEncoder(buffer: Buffer): object {
  return { buf: buffer, buffer, size: () => buffer.length };
}

function sizeOfBody({ timestampDelta = 0, offsetDelta = 0, key, value, headers }: RecordInput): number {
  let size = 1 + sizeOfVarint(timestampDelta) + sizeOfVarint(offsetDelta) + sizeOfBytes(key) + sizeOfBytes(value);
  let count = 0;
  for (const name in headers) {
    for (const one of valuesOf(headers[name])) {
      size += sizeOfBytes(name) + sizeOfBytes(one);
      count += 1;
    }
  }
  return size + sizeOfVarint(count);
}

function writeRecord(buffer: Buffer, offset: number, record: RecordInput, bodySize: number): number {
  const { timestampDelta = 0, offsetDelta = 0, key, value, headers } = record;
  let at = writeVarint(buffer, offset, bodySize);
  buffer[at] = 0;
  at = writeVarint(buffer, at + 1, timestampDelta);
  at = writeVarint(buffer, at, offsetDelta);
  at = writeBytes(buffer, at, key);
  at = writeBytes(buffer, at, value);
  let count = 0;
  for (const name in headers) count += valuesOf(headers[name]).length;
  at = writeVarint(buffer, at, count);
  for (const name in headers) {
    for (const one of valuesOf(headers[name])) at = writeBytes(buffer, writeBytes(buffer, at, name), one);
  }
  return at;
}

/** A header may have several values, and then appears several times. */
function valuesOf(value: Text | readonly Text[] | undefined): readonly (Text | undefined)[] {
  return Array.isArray(value) ? (value as readonly Text[]) : [value as Text | undefined];
}

function sizeOfBytes(value: Text | null | undefined): number {
  if (value === null || value === undefined) return 1;
  const length = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
  return sizeOfVarint(length) + length;
}

function writeBytes(buffer: Buffer, offset: number, value: Text | null | undefined): number {
  if (value === null || value === undefined) return writeVarint(buffer, offset, -1);
  if (typeof value !== 'string') {
    const at = writeVarint(buffer, offset, value.length);
    value.copy(buffer, at);
    return at + value.length;
  }
  const at = writeVarint(buffer, offset, Buffer.byteLength(value));
  return at + buffer.write(value, at);
}

/** kafkajs has numbers, texts and its own Long for 64-bit integers. */
function toBigInt(value: unknown): bigint {
  return BigInt(String(value));
}
