import { replaceExports } from '../internals';
import { readVarint, type VarintReader } from './varint';

interface BatchContext {
  readonly firstOffset: string;
  readonly firstTimestamp: string;
  readonly magicByte: number;
  readonly isControlBatch?: boolean;
  readonly timestampType?: number;
  readonly maxTimestamp?: string;
}
type HeaderValue = Buffer | null;
type DecodedHeaders = Record<string, HeaderValue | HeaderValue[]>;
export type DecodeRecord = (decoder: VarintReader, batchContext: BatchContext) => object;

const LOG_APPEND_TIME = 1;

/**
 * R11: decoding a record calculates its offset and timestamp as BigInts (every byte of a delta, too) and copies the
 * headers object once for each header. It is a third of a consumer's work. Repair: whole numbers (exact to 2^53), and
 * headers on demand.
 */
export function repairRecordDecoding(): void {
  replaceExports<DecodeRecord>('protocol/recordBatch/record/v0/decoder', () => decode);
}

const decode: DecodeRecord = (decoder, batchContext) => {
  const attributes = decoder.buffer.readInt8(decoder.offset);
  decoder.offset += 1;
  const timestampDelta = readVarint(decoder);
  const offsetDelta = readVarint(decoder);
  const { firstOffset, firstTimestamp, timestampType, maxTimestamp } = batchContext;
  const isAppendTime = timestampType === LOG_APPEND_TIME && maxTimestamp !== undefined;
  const timestamp = isAppendTime ? maxTimestamp : String(Number(firstTimestamp) + timestampDelta);
  const offset = String(Number(firstOffset) + offsetDelta);
  const key = readBytes(decoder);
  const value = readBytes(decoder);
  return new DecodedRecord(batchContext, attributes, timestamp, offset, key, value, decoder);
};

/** A class for the getter on its prototype: every record read needs one. */
class DecodedRecord {
  readonly magicByte: number;
  readonly isControlRecord: boolean;

  constructor(
    readonly batchContext: BatchContext,
    readonly attributes: number,
    readonly timestamp: string,
    readonly offset: string,
    readonly key: Buffer | null,
    readonly value: Buffer | null,
    private readonly rest: VarintReader,
  ) {
    this.magicByte = batchContext.magicByte;
    this.isControlRecord = batchContext.isControlBatch ?? false;
  }

  get headers(): DecodedHeaders {
    const reader = this.headerReader();
    // Without a prototype: a header may be called "__proto__" or "constructor" (which stock kafkajs mishandles).
    const headers = Object.create(null) as DecodedHeaders;
    for (let left = readVarint(reader); left > 0; left--) {
      const name = readBytes(reader)?.toString() ?? 'null';
      const value = readBytes(reader);
      const earlier = headers[name];
      if (earlier === undefined) headers[name] = value;
      else headers[name] = Array.isArray(earlier) ? [...earlier, value] : [earlier, value];
    }
    return headers;
  }

  /** The headers as texts, without a buffer for each. If a name has several values, the last one counts. */
  headerTexts(): Record<string, string> {
    const reader = this.headerReader();
    const entries: [string, string][] = [];
    for (let left = readVarint(reader); left > 0; left--) {
      const name = readText(reader) ?? 'null';
      const value = readText(reader);
      if (value !== null) entries.push([name, value]);
    }
    return Object.fromEntries(entries);
  }

  /** One header as text, without a string or a buffer for the others; undefined: none of this name has a text. */
  headerText(name: string): string | undefined {
    const reader = this.headerReader();
    let text: string | undefined;
    for (let left = readVarint(reader); left > 0 && reader.offset < reader.buffer.length; left--) {
      if (readIs(reader, name)) text = readText(reader) ?? text;
      else skipBytes(reader);
    }
    return text;
  }

  private headerReader(): VarintReader {
    const { buffer, offset } = this.rest;
    return { buffer, offset };
  }
}

/** A message's headers as texts; none if the message was not decoded here (an old format). */
export function headerTextsOf(message: object): Record<string, string> {
  return message instanceof DecodedRecord ? message.headerTexts() : {};
}

/** @see DecodedRecord.headerText */
export function headerTextOf(message: object, name: string): string | undefined {
  return message instanceof DecodedRecord ? message.headerText(name) : undefined;
}

/** Reads a name, and answers whether it is this one, which must be ASCII. */
function readIs(reader: VarintReader, name: string): boolean {
  const { buffer } = reader;
  const length = Math.max(0, readVarint(reader));
  const from = reader.offset;
  reader.offset = from + length;
  if (length !== name.length) return false;
  for (let i = 0; i < length; i++) if (buffer[from + i] !== name.charCodeAt(i)) return false;
  return true;
}

function skipBytes(reader: VarintReader): void {
  const length = readVarint(reader);
  if (length > 0) reader.offset += length;
}

function readText(reader: VarintReader): string | null {
  const length = readVarint(reader);
  if (length < 0) return null;
  const from = reader.offset;
  reader.offset = from + length;
  return reader.buffer.toString('utf8', from, reader.offset);
}

function readBytes(reader: VarintReader): Buffer | null {
  const length = readVarint(reader);
  if (length < 0) return null;
  const from = reader.offset;
  reader.offset = from + length;
  return reader.buffer.subarray(from, reader.offset);
}
