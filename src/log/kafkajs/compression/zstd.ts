import zlib from 'node:zlib';
import { OperatorError } from '../../../common';
import { checkSize, loadCodec, type Codec } from './codec';

interface Fzstd {
  decompress(data: Uint8Array): Uint8Array;
}
/** In Node.js since 22.15; our types are those of the oldest Node.js that we support. */
interface Native {
  readonly zstdCompressSync?: (data: Buffer) => Buffer;
  readonly zstdDecompressSync?: (data: Buffer, options: { readonly maxOutputLength: number }) => Buffer;
}
const native = zlib as Native;

/** RFC 8878, 3.1.1 */
const MAGIC = 0xfd2fb528;
const BLOCK_BYTES = 128 * 1024;
const COMPRESSED = 2;

/** With Node.js itself, or on older versions with fzstd, in JavaScript. */
export const ZSTD: Codec = {
  compress(records) {
    if (native.zstdCompressSync !== undefined) return native.zstdCompressSync(records);
    throw new OperatorError('KAFKA_COMPRESSION: zstd needs Node.js 22.15 or later. Use lz4, or another Node.');
  },
  decompress(compressed, limit) {
    checkSize(mostBytesOf(compressed, limit), limit);
    if (native.zstdDecompressSync !== undefined) {
      return native.zstdDecompressSync(compressed, { maxOutputLength: limit });
    }
    const { buffer, byteOffset, length } = (loadCodec('fzstd', 'zstd') as Fzstd).decompress(compressed);
    return Buffer.from(buffer, byteOffset, length);
  },
};

/** The most that the frame can hold, from the sizes of its blocks. Its window takes memory, too. */
function mostBytesOf(frame: Buffer, limit: number): number {
  if (frame.length < 6 || frame.readUInt32LE(0) !== MAGIC) throw new Error('zstd: no frame');
  const descriptor = frame.readUInt8(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeAt = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes;
  let at = sizeAt + sizeBytes;
  if (at > frame.length) throw new Error('zstd: the frame is cut off');
  if (sizeBytes > 0) checkSize(contentSize(frame, sizeAt, sizeBytes), limit);
  if (!isSingleSegment) checkSize(windowSize(frame.readUInt8(5)), limit);
  let most = 0;
  for (let isLast = false; !isLast;) {
    if (at + 3 > frame.length) throw new Error('zstd: the frame is cut off');
    const header = frame.readUIntLE(at, 3);
    const type = (header >> 1) & 3;
    const size = header >> 3;
    isLast = (header & 1) === 1;
    most += type === COMPRESSED ? BLOCK_BYTES : size;
    // The second type repeats one byte.
    at += 3 + (type === 1 ? 1 : size);
  }
  const end = at + ((descriptor & 4) === 0 ? 0 : 4);
  // The count above covers one frame only.
  if (end !== frame.length) throw new Error('zstd: bytes behind the frame');
  return most;
}

function contentSize(frame: Buffer, at: number, bytes: number): number {
  if (bytes === 8) return Number(frame.readBigUInt64LE(at));
  return frame.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0);
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}
