import { checkSize, loadCodec, type Codec } from './codec';

interface Snappy {
  compressSync(data: Buffer): Buffer;
  uncompressSync(data: Buffer, options: { readonly asBuffer: true }): Buffer;
}

/**
 * Java's clients and brokers write this header, two versions, and blocks with their lengths (snappy-java's own format).
 */
const JAVA_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const JAVA_HEADER_BYTES = 16;

/** One block, as librdkafka writes it, or Java's blocks; every client reads both. */
export const SNAPPY: Codec = {
  compress: (records) => library().compressSync(records),
  decompress(compressed, limit) {
    const blocks = blocksOf(compressed);
    checkSize(
      blocks.reduce((bytes, block) => bytes + claimOf(block), 0),
      limit,
    );
    const { uncompressSync } = library();
    const [first, ...others] = blocks.map((block) => uncompressSync(block, { asBuffer: true }));
    if (first === undefined) return Buffer.alloc(0);
    return others.length === 0 ? first : Buffer.concat([first, ...others]);
  },
};

function library(): Snappy {
  return loadCodec('snappy', 'snappy') as Snappy;
}

function blocksOf(compressed: Buffer): readonly Buffer[] {
  if (!compressed.subarray(0, JAVA_MAGIC.length).equals(JAVA_MAGIC)) return [compressed];
  const blocks: Buffer[] = [];
  for (let at = JAVA_HEADER_BYTES; at < compressed.length;) {
    const end = at + 4 + compressed.readUInt32BE(at);
    if (end > compressed.length) throw new Error('snappy: a block is cut off');
    blocks.push(compressed.subarray(at + 4, end));
    at = end;
  }
  return blocks;
}

/** A block begins with the length of its content, as a varint of at most five bytes. */
function claimOf(block: Buffer): number {
  let claim = 0;
  for (let at = 0; at < 5; at++) {
    const byte = block[at];
    if (byte === undefined) break;
    claim += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return claim;
  }
  throw new Error('snappy: a block without its length');
}
