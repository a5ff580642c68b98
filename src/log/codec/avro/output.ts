/** Avro's primitive values, written one after the other. Each method throws for a value of another type. */
export class AvroOutput {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #at = 0;

  /** Drops what was written, and leaves room for a header of this size. */
  begin(headerBytes: number): void {
    this.#at = headerBytes;
  }

  /** The size of what was written, with the header. */
  get size(): number {
    return this.#at;
  }

  /** A copy of what was written. The header's bytes are not set. */
  copy(): Buffer {
    const copy = Buffer.allocUnsafe(this.#at);
    this.#bytes.copy(copy, 0, 0, this.#at);
    return copy;
  }

  /** The index of null in its union. Also the end of an array. */
  absent(): void {
    this.#byte(0);
  }

  /** The index of the other branch. */
  present(): void {
    this.#byte(2);
  }

  boolean(value: boolean): void {
    if (typeof value !== 'boolean') throw invalid('boolean', value);
    this.#byte(value ? 1 : 0);
  }

  int(value: number): void {
    if (value !== (value | 0)) throw invalid('int', value);
    this.#number(value);
  }

  long(value: number): void {
    if (!Number.isSafeInteger(value) || value < -LARGEST || value > LARGEST) throw invalid('long', value);
    this.#number(value);
  }

  fixed(value: Buffer, size: number): void {
    if (!Buffer.isBuffer(value) || value.length !== size) throw invalid(`fixed of ${size} bytes`, value);
    this.#raw(value);
  }

  bytes(value: Buffer): void {
    if (!Buffer.isBuffer(value)) throw invalid('bytes', value);
    this.#number(value.length);
    this.#raw(value);
  }

  text(value: string): void {
    if (typeof value !== 'string') throw invalid('string', value);
    const { length } = value;
    if (length >= SHORT) {
      this.#longText(value);
      return;
    }
    this.#reserve(length + 1);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = length << 1;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) {
        this.#longText(value);
        return;
      }
      bytes[at++] = unit;
    }
    this.#at = at;
  }

  /** The number of an array's items, which follow; `absent` ends the array. */
  items(value: readonly unknown[]): number {
    if (!Array.isArray(value)) throw invalid('array', value);
    const { length } = value;
    if (length > 0) this.#number(length);
    return length;
  }

  /**
   * The same for an array in a block with its size in bytes, so that a reader can skip it without a look at its items.
   * After the items comes `closeBlock`, unless there are none.
   */
  openBlock(value: readonly unknown[]): number {
    if (!Array.isArray(value)) throw invalid('array', value);
    const { length } = value;
    if (length > 0) {
      this.#number(-length);
      this.#reserve(SIZE_BYTES);
      this.#at += SIZE_BYTES;
    }
    return length;
  }

  /** @param from the output's size when the block was opened */
  closeBlock(from: number): void {
    const end = this.#at;
    const size = end - from;
    const start = from - SIZE_BYTES;
    if (size >= 2 ** 6 && size < 2 ** 13) {
      this.#bytes[start] = ((size << 1) & 0x7f) | 0x80;
      this.#bytes[start + 1] = size >> 6;
      return;
    }
    // The size takes more or fewer bytes: written behind the items, it shows how many.
    this.#number(size);
    const number = Buffer.from(this.#bytes.subarray(end, this.#at));
    this.#bytes.copyWithin(start + number.length, from, end);
    number.copy(this.#bytes, start);
    this.#at = start + number.length + size;
  }

  #longText(value: string): void {
    const size = Buffer.byteLength(value);
    this.#number(size);
    this.#reserve(size);
    this.#bytes.write(value, this.#at, size, 'utf8');
    this.#at += size;
  }

  #raw(value: Buffer): void {
    this.#reserve(value.length);
    for (let i = 0; i < value.length; i++) this.#bytes[this.#at + i] = value[i] as number;
    this.#at += value.length;
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = value;
  }

  /** Zigzag, base 128. */
  #number(value: number): void {
    this.#reserve(LONGEST_NUMBER);
    const bytes = this.#bytes;
    let at = this.#at;
    let rest = value < 0 ? -2 * value - 1 : 2 * value;
    if (rest >= 2 ** 28) {
      // Times: four bytes of 7 bits each, then the rest below 2^26.
      let low = rest % 2 ** 28;
      rest = (rest - low) / 2 ** 28;
      for (let i = 0; i < 4; i++, low >>= 7) bytes[at++] = (low & 0x7f) | 0x80;
    }
    for (; rest >= 0x80; rest >>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
    bytes[at++] = rest;
    this.#at = at;
  }

  #reserve(size: number): void {
    if (this.#at + size > this.#bytes.length) this.#grow(size);
  }

  #grow(size: number): void {
    const grown = Buffer.allocUnsafe(2 * (this.#bytes.length + size));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}

/** As in avsc. */
const LARGEST = 2 ** 53 - 2;
const LONGEST_NUMBER = 8;
/** Of most blocks: from 64 bytes to 8 KiB. */
const SIZE_BYTES = 2;
/** The length of a text of ASCII below this takes one byte. */
const SHORT = 64;

function invalid(type: string, value: unknown): TypeError {
  return new TypeError(`invalid ${type}: ${String(value)}`);
}
