import { checkSize, loadCodec, type Codec } from './codec';

interface Lz4 {
  compressFrameSync(data: Buffer): Buffer;
  decompressFrameSync(data: Buffer): Buffer;
}

/** https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md */
const MAGIC = 0x184d2204;
const HAS = { blockChecksum: 0x10, contentSize: 0x08, contentChecksum: 0x04, dictionary: 0x01 } as const;
const STORED = 0x80000000;
/** A byte of a block decompresses to at most this many bytes. */
const MOST_RATIO = 255;

/** One frame of blocks that do not depend on each other, as every client writes it. */
export const LZ4: Codec = {
  compress: (records) => library().compressFrameSync(records),
  decompress(compressed, limit) {
    checkSize(mostBytesOf(compressed), limit);
    return library().decompressFrameSync(compressed);
  },
};

function library(): Lz4 {
  return loadCodec('lz4-napi', 'lz4') as Lz4;
}

/** The most that the frame can hold, from the sizes of its blocks: a block cannot hold more than its maximum. */
function mostBytesOf(frame: Buffer): number {
  if (frame.length < 7 || frame.readUInt32LE(0) !== MAGIC) throw new Error('lz4: no frame');
  const flags = frame.readUInt8(4);
  const blockBytes = 2 ** (8 + 2 * ((frame.readUInt8(5) >> 4) & 0b111));
  let at = 7 + ((flags & HAS.contentSize) === 0 ? 0 : 8) + ((flags & HAS.dictionary) === 0 ? 0 : 4);
  let most = 0;
  for (;;) {
    if (at + 4 > frame.length) throw new Error('lz4: the frame is cut off');
    const word = frame.readUInt32LE(at);
    at += 4;
    if (word === 0) break;
    const size = word % STORED;
    most += word >= STORED ? size : Math.min(blockBytes, size * MOST_RATIO);
    at += size + ((flags & HAS.blockChecksum) === 0 ? 0 : 4);
  }
  const end = at + ((flags & HAS.contentChecksum) === 0 ? 0 : 4);
  // The count above covers one frame only.
  if (end !== frame.length) throw new Error('lz4: bytes behind the frame');
  return most;
}
