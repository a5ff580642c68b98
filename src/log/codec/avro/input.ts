import { utf8Of } from './utf8';
import { wordOf } from './words';

/** Avro's primitive values, read one after the other from bytes. Each method throws if the bytes end before its value. */
export class AvroInput {
  #bytes: Buffer = Buffer.alloc(0);
  /** The position of the next value. */
  #at = 0;

  /** Begins at a position of these bytes. */
  begin(bytes: Buffer, at: number): void {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Forgets the bytes, so that they need not stay in memory. Returns whether all of them were read. */
  end(): boolean {
    const isAll = this.#at === this.#bytes.length;
    this.#bytes = EMPTY;
    this.#at = 0;
    return isAll;
  }

  /** Whether the value of a union of null and something else is not null. */
  isPresent(): boolean {
    const branch = this.#number();
    if (branch !== 0 && branch !== 1) throw new Error(`no branch ${branch}`);
    return branch === 1;
  }

  boolean(): boolean {
    return this.#byte() !== 0;
  }

  int(): number {
    const value = this.#number();
    // avsc takes any number here, and then cannot write what it has read.
    if (value !== (value | 0)) throw new Error(`${value} has more than 32 bits`);
    return value;
  }

  /** A number that is exact. */
  long(): number {
    const value = this.#number();
    if (!(value >= -LARGEST && value <= LARGEST)) throw new Error(`${value} is not exact`);
    return value;
  }

  /** The bytes' own copy: on V8's heap if it is small, where a piece of Node's pool would keep 8 KiB in memory. */
  fixed(size: number): Buffer {
    const from = this.#skip(size);
    const copy = Buffer.alloc(size);
    for (let i = 0; i < size; i++) copy[i] = this.#bytes[from + i] as number;
    return copy;
  }

  bytes(): Buffer {
    const size = this.#number();
    const from = this.#skip(size);
    return Buffer.from(this.#bytes.subarray(from, from + size));
  }

  text(): string {
    const size = this.#number();
    const from = this.#skip(size);
    return size === 0 ? '' : utf8Of(this.#bytes, from, from + size);
  }

  /** A text that probably recurs, see words.ts. */
  word(): string {
    const size = this.#number();
    const from = this.#skip(size);
    return wordOf(this.#bytes, from, size);
  }

  /** The number of items in an array's next block; 0: the array has ended. Each item takes a byte at least. */
  count(): number {
    let count = this.#number();
    if (count < 0) {
      count = -count;
      this.skipInt();
    }
    if (!(count <= this.#bytes.length - this.#at)) throw new Error(`${count} items in fewer bytes`);
    return count;
  }

  /** The same for a reader that skips the items. It skips blocks that have their size in front, and counts no items of them. */
  countUnskipped(): number {
    for (;;) {
      const count = this.#number();
      if (count >= 0) {
        if (!(count <= this.#bytes.length - this.#at)) throw new Error(`${count} items in fewer bytes`);
        return count;
      }
      this.skipSized();
    }
  }

  skipInt(): void {
    while (this.#byte() >= 0x80);
  }

  skipBoolean(): void {
    this.#skip(1);
  }

  skipFixed(size: number): void {
    this.#skip(size);
  }

  /** Skips a text or bytes. */
  skipSized(): void {
    this.#skip(this.#number());
  }

  /** A number of any size: whole, but not exact above 2^53. NaN if it has hundreds of bytes. */
  #number(): number {
    const first = this.#byte();
    if (first < 0x80) return (first >> 1) ^ -(first & 1);
    let low = first & 0x7f;
    let byte = 0x80;
    for (let shift = 7; byte >= 0x80 && shift < 28; shift += 7) {
      byte = this.#byte();
      low |= (byte & 0x7f) << shift;
    }
    return byte < 0x80 ? (low >> 1) ^ -(low & 1) : this.#restOfNumber(low);
  }

  /** Times have six bytes. */
  #restOfNumber(low: number): number {
    let high = 0;
    let byte = 0x80;
    for (let shift = 0; byte >= 0x80 && shift < 28; shift += 7) {
      byte = this.#byte();
      high |= (byte & 0x7f) << shift;
    }
    let value = high * 2 ** 28 + low;
    for (let factor = 2 ** 56; byte >= 0x80; factor *= 128) {
      byte = this.#byte();
      value += (byte & 0x7f) * factor;
    }
    return (value % 2 === 0 ? value : -(value + 1)) / 2;
  }

  #byte(): number {
    const at = this.#at;
    if (at >= this.#bytes.length) throw new Error('the bytes end too early');
    this.#at = at + 1;
    return this.#bytes[at] as number;
  }

  /** Returns where the skipped bytes begin. */
  #skip(size: number): number {
    const from = this.#at;
    if (!(size >= 0 && size <= this.#bytes.length - from)) throw new Error(`${size} bytes are not there`);
    this.#at = from + size;
    return from;
  }
}

const EMPTY = Buffer.alloc(0);

/** As in avsc. */
const LARGEST = 2 ** 53 - 2;
