import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { checkSize, type Codec } from './codec';

const compress = promisify<Buffer, Buffer>(gzip);
const decompress = promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip);

/** On Node's thread pool, because gzip is slow. */
export const GZIP: Codec = {
  compress,
  async decompress(compressed, limit) {
    try {
      return await decompress(compressed, { maxOutputLength: limit });
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') checkSize(Infinity, limit);
      throw error;
    }
  },
};
