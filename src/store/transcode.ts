import type { Columns } from '../conversation';

/**
 * A record of a topic as the values of a line of JSON, straight from its Avro. No text and no object is made of it, so it
 * takes a third of the time of decoding and encoding, and leaves nothing to collect.
 * Null: it is not plain, or it is damaged. Then it must be decoded, which tells. Plain is what nearly all records are:
 * texts of printable ASCII that JSON does not escape, and numbers from 0 to 2^48.
 * @param from where the fields begin in `avro`: they are the columns in their order, and the last thing in it
 * @returns the values with a comma after each, as `encodeRow` would write them
 */
export type Transcode = (avro: Uint8Array, from: number) => Uint8Array | null;

/** Lines are written into memory of this size, bytes. They keep it as long as one of them is kept. */
const CHUNK = 64 * 1024;
/** What a column may take beyond the bytes of its text: quotes and comma, or the digits of a number. */
const COLUMN = 20;

export function createTranscoder(columns: Columns): Transcode {
  const types = Object.values(columns);
  let chunk = Buffer.allocUnsafeSlow(CHUNK);
  let used = 0;
  const transcription = new Transcription();

  return (avro, from) => {
    const most = avro.length + types.length * COLUMN;
    if (used + most > chunk.length) {
      chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK, most));
      used = 0;
    }
    const begun = used;
    transcription.begin(avro, from, chunk, begun);
    for (const type of types) if (!transcription.column(type)) return null;
    if (!transcription.isWhole()) return null;
    used = transcription.written();
    return chunk.subarray(begun, used);
  };
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const ZERO = 0x30;
const NULL = Buffer.from('null,');
const TRUE = Buffer.from('true,');
const FALSE = Buffer.from('false,');
/** Avro's index of a branch, zigzag: null, and the value. */
const IS_NULL = 0;
const IS_VALUE = 2;

/** By byte: 1 for those that stand in a text of JSON as they are. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x7f && byte !== QUOTE && byte !== 0x5c ? 1 : 0,
);

/** From the source's bytes to the target's, column by column. Each step answers whether it could. */
class Transcription {
  #source: Uint8Array = NULL;
  #read = 0;
  #target: Uint8Array = NULL;
  #write = 0;

  begin(source: Uint8Array, read: number, target: Uint8Array, write: number): void {
    this.#source = source;
    this.#read = read;
    this.#target = target;
    this.#write = write;
  }

  column(type: Columns[string]): boolean {
    switch (type) {
      case 'text?':
        return this.#isNull() || (this.#isValue() && this.#text());
      case 'text':
      case 'outcome':
        return this.#text();
      case 'time?':
        return this.#isNull() || (this.#isValue() && this.#number());
      case 'time':
      case 'count':
        return this.#number();
      case 'flag':
        return this.#flag();
    }
  }

  /** Nothing is left, and nothing was read beyond the end. */
  isWhole(): boolean {
    return this.#read === this.#source.length;
  }

  written(): number {
    return this.#write;
  }

  #isNull(): boolean {
    if (this.#source[this.#read] !== IS_NULL) return false;
    this.#read += 1;
    this.#word(NULL);
    return true;
  }

  #isValue(): boolean {
    return this.#source[this.#read++] === IS_VALUE;
  }

  #text(): boolean {
    const length = this.#long();
    const source = this.#source;
    const target = this.#target;
    let read = this.#read;
    let write = this.#write;
    const end = read + length;
    if (length < 0 || end > source.length) return false;
    target[write++] = QUOTE;
    while (read < end) {
      const byte = source[read++] as number;
      if (PLAIN[byte] === 0) return false;
      target[write++] = byte;
    }
    target[write++] = QUOTE;
    target[write++] = COMMA;
    this.#read = read;
    this.#write = write;
    return true;
  }

  #number(): boolean {
    const value = this.#long();
    if (value < 0) return false;
    let digits = 1;
    for (let power = 10; power <= value; power *= 10) digits += 1;
    const target = this.#target;
    let left = value;
    for (let at = this.#write + digits - 1; at >= this.#write; at--) {
      const tenth = Math.floor(left / 10);
      target[at] = ZERO + left - tenth * 10;
      left = tenth;
    }
    this.#write += digits;
    target[this.#write++] = COMMA;
    return true;
  }

  #flag(): boolean {
    const byte = this.#source[this.#read++];
    if (byte !== 0 && byte !== 1) return false;
    this.#word(byte === 1 ? TRUE : FALSE);
    return true;
  }

  #word(word: Uint8Array): void {
    for (let at = 0; at < word.length; at++) this.#target[this.#write++] = word[at] as number;
  }

  /** −1: it is negative, longer than seven bytes (48 bits), or cut off. */
  #long(): number {
    const source = this.#source;
    let value = 0;
    let power = 1;
    for (let count = 0; count < 7; count++) {
      const byte = source[this.#read++];
      if (byte === undefined) return -1;
      value += (byte & 0x7f) * power;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -1;
      power *= 128;
    }
    return -1;
  }
}
