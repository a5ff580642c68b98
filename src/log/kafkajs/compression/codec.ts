import { createRequire } from 'node:module';
import { messageOf, OperatorError } from '../../../common';

/** One of Kafka's ways to compress the records of a batch. */
export interface Codec {
  compress(records: Buffer): Buffer | Promise<Buffer>;
  /**
   * @param limit bytes; what would be larger is refused before memory is taken for it
   * @throws BatchTooLarge, or whatever the library says of bytes that are no such format
   */
  decompress(compressed: Buffer, limit: number): Buffer | Promise<Buffer>;
}

/** A few bytes can claim to be gigabytes: the claim is looked at, not followed. */
export class BatchTooLarge extends Error {
  override readonly name = 'BatchTooLarge';
}

/** @throws BatchTooLarge */
export function checkSize(bytes: number, limit: number): void {
  if (bytes > limit) throw new BatchTooLarge(`it is more than ${limit / (1024 * 1024)} MiB when it is decompressed`);
}

const load = createRequire(__filename);

/**
 * A library with a prebuilt binary for each platform, loaded when the first batch needs it.
 * @throws OperatorError where the binary of this platform is not installed
 */
export function loadCodec(library: 'snappy' | 'lz4-napi' | 'fzstd', codec: string): unknown {
  try {
    return load(library);
  } catch (error) {
    throw new OperatorError(
      `Kafka: records are compressed with ${codec}, but the package ${library} cannot be loaded here ` +
        `(${messageOf(error).split('\n', 1)[0] ?? ''}). Install queuefold without --omit=optional.`,
      { cause: error },
    );
  }
}
