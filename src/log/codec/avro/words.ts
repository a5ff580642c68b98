import { utf8Of } from './utf8';

/**
 * Texts that recur in millions of values (states, purposes, ids of queues and users): a table from their bytes to one
 * string each. A string out of the table costs a fraction of one that is decoded, takes no memory, and compares equal
 * at once. A text that falls on the same place replaces the one before.
 */

const SLOTS = 4096;
const SLOT_BITS = 12;
/** Bytes. A longer text is no word. Ids have 36. */
const LONGEST_WORD = 40;

const texts: string[] = Array.from({ length: SLOTS }, () => '');
const sizes = new Uint8Array(SLOTS);
const bytesOf = new Uint8Array(SLOTS * LONGEST_WORD);

/** The text of these bytes of UTF-8. The caller has checked the bounds. */
export function wordOf(bytes: Buffer, from: number, size: number): string {
  if (size > LONGEST_WORD) return utf8Of(bytes, from, from + size);
  const slot = slotOf(bytes, from, size);
  const at = slot * LONGEST_WORD;
  let same = sizes[slot] === size;
  for (let i = 0; same && i < size; i++) same = bytesOf[at + i] === bytes[from + i];
  if (same) return texts[slot] as string;
  const text = utf8Of(bytes, from, from + size);
  texts[slot] = text;
  sizes[slot] = size;
  for (let i = 0; i < size; i++) bytesOf[at + i] = bytes[from + i] as number;
  return text;
}

/** From the first four bytes, the last four and the size: the middle of two ids differs no more than their ends. */
function slotOf(bytes: Buffer, from: number, size: number): number {
  const end = from + size;
  let hash = size;
  if (size < 8) {
    for (let at = from; at < end; at++) hash = Math.imul(hash, 31) + (bytes[at] as number);
  } else {
    hash ^= fourBytes(bytes, from) ^ Math.imul(fourBytes(bytes, end - 4), 0x85ebca6b);
  }
  return Math.imul(hash, 0x9e3779b1) >>> (32 - SLOT_BITS);
}

function fourBytes(bytes: Buffer, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}
