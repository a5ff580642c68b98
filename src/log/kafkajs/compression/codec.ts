import { createRequire } from 'node:module';
import { messageOf, OperatorError } from '../../../common';

/** One of Kafka's ways to compress the records of a batch. */
export interface Codec {
  compress(records: Buffer): Buffer | Promise<Buffer>;
  /**
   * @param limit in bytes; a larger result is refused before memory is allocated for it
   * @throws BatchTooLarge, or the library's error if the bytes are not in its format
   */
  decompress(compressed: Buffer, limit: number): Buffer | Promise<Buffer>;
}

/** A few bytes can claim to be gigabytes, so the claim is checked before it is trusted. */
export class BatchTooLarge extends Error {
  override readonly name = 'BatchTooLarge';
}

/** @throws BatchTooLarge */
export function checkSize(bytes: number, limit: number): void {
  if (bytes > limit) throw new BatchTooLarge(`it is more than ${limit / (1024 * 1024)} MiB when it is decompressed`);
}

const load = createRequire(__filename);

/**
 * Loads a library with a prebuilt binary for each platform when the first batch needs it.
 * @throws OperatorError if the binary of this platform is not installed
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
