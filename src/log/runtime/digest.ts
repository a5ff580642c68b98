import { createHash } from 'node:crypto';
import type { LogRecord } from '../port';

const DIGEST_BYTES = 8;
const NO_VALUE = Buffer.from([0]);
const VALUE = Buffer.from([1]);

/** Identifies a record at any offset: by its time, key and value. */
export function digestOf({ timestamp, key, value }: Pick<LogRecord, 'timestamp' | 'key' | 'value'>): Buffer {
  const hash = createHash('sha256');
  hash.update(String(timestamp));
  for (const part of [key, value]) hash.update(part === null ? NO_VALUE : VALUE).update(part ?? NO_VALUE);
  return hash.digest().subarray(0, DIGEST_BYTES);
}
