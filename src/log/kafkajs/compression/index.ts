import type { Codec } from './codec';
import { GZIP } from './gzip';
import { LZ4 } from './lz4';
import { SNAPPY } from './snappy';
import { ZSTD } from './zstd';

export { BatchTooLarge, type Codec } from './codec';

export type Compression = 'gzip' | 'snappy' | 'lz4' | 'zstd';

interface NamedCodec {
  readonly name: Compression;
  readonly codec: Codec;
}

/** By the number in the attributes of a batch. */
const CODECS: Readonly<Record<number, NamedCodec>> = {
  1: { name: 'gzip', codec: GZIP },
  2: { name: 'snappy', codec: SNAPPY },
  3: { name: 'lz4', codec: LZ4 },
  4: { name: 'zstd', codec: ZSTD },
};

/** Undefined: Kafka has not assigned the number. */
export function codecOf(id: number): NamedCodec | undefined {
  return CODECS[id];
}
