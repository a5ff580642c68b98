/** Kafka's variable-length integers (zigzag, base 128), for whole numbers up to 2^53. */

/** @returns the number of bytes */
export function sizeOfVarint(value: number): number {
  let rest = zigzag(value);
  let size = 1;
  while (rest >= 0x80) {
    rest = Math.floor(rest / 0x80);
    size += 1;
  }
  return size;
}

/** @returns the offset after it */
export function writeVarint(buffer: Buffer, offset: number, value: number): number {
  let rest = zigzag(value);
  let at = offset;
  while (rest >= 0x80) {
    buffer[at] = (rest % 0x80) + 0x80;
    at += 1;
    rest = Math.floor(rest / 0x80);
  }
  buffer[at] = rest;
  return at + 1;
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

/** Reads along a buffer. It is an object, so that functions need not return a position beside each value. */
export interface VarintReader {
  readonly buffer: Buffer;
  offset: number;
}

export function readVarint(reader: VarintReader): number {
  const { buffer } = reader;
  let byte = buffer[reader.offset++] ?? 0;
  let value = byte & 0x7f;
  let factor = 0x80;
  while (byte >= 0x80) {
    byte = buffer[reader.offset++] ?? 0;
    value += (byte & 0x7f) * factor;
    factor *= 0x80;
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
