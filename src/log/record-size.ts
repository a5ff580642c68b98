import type { Headers } from './port';

/** A batch's header: 61 bytes. */
const BATCH_BYTES = 64;
/** A record's attributes, deltas and lengths, all as varints. */
const RECORD_BYTES = 40;
/** A header's two lengths. */
const HEADER_BYTES = 10;

export interface Sized {
  readonly key: string | Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: Headers | undefined;
}

/** The size of a record within a batch, in bytes, rounded up. */
export function recordBytes({ key, value, headers }: Sized): number {
  let bytes = RECORD_BYTES + textBytes(key) + (value?.length ?? 0);
  if (headers !== undefined) {
    for (const name in headers) bytes += HEADER_BYTES + name.length + textBytes(headers[name] ?? null);
  }
  return bytes;
}

/** The size that `max.message.bytes` limits: the batch with this record alone, in bytes, rounded up. */
export function aloneBytes(record: Sized): number {
  return BATCH_BYTES + recordBytes(record);
}

function textBytes(text: string | Buffer | null): number {
  if (text === null) return 0;
  return typeof text === 'string' ? Buffer.byteLength(text) : text.length;
}
