/**
 * Reads JSON and leaves out the values of keys that nobody wants. It checks these values, but makes no objects of them.
 * A notification consists mostly of such values, and `JSON.parse` spends its time on them.
 */
export interface WantedReader {
  /**
   * Returns the value of `JSON.parse`, without the members whose keys are not wanted, and with 0 for each number.
   * Undefined for rare inputs: text that is no JSON or no object, that is nested too deeply, or that has a key with an
   * escape. `JSON.parse` has to read these.
   */
  read(bytes: Buffer): object | undefined;
}

/** @param depth how deeply objects and arrays may be nested; 64 at most */
export function createWantedReader(keys: Iterable<string>, depth = MOST_DEPTH): WantedReader {
  return new Reader(keys, Math.min(depth, MOST_DEPTH));
}

/** The reader calls itself for each level. */
const MOST_DEPTH = 64;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;
/** The bit that distinguishes small from capital letters, and `{` from `[`. */
const SMALL = 0x20;
const LETTER = { e: 0x65, f: 0x66, n: 0x6e, t: 0x74, u: 0x75 };

/** The class of a byte within a text. */
const PLAIN = 0;
const FOREIGN = 1;
const ENDS = 2;
const CLASSES = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === QUOTE || byte === BACKSLASH || byte < SPACE) return ENDS;
  return byte < 0x80 ? PLAIN : FOREIGN;
});
const ESCAPED = new Set(Buffer.from('"\\/bfnrt'));
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');
const NOTHING = Buffer.alloc(0);

/** Thrown, because it ends many calls at once. */
const RARE = new Error('JSON that JSON.parse has to read');

/** Bytes that are not UTF-8 become U+FFFD, as in `parseLine`. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Node.js's own method behind `toString('latin1', from, to)`, without its checks, if it is there. */
interface Slicing {
  latin1Slice?(from: number, to: number): string;
}

const latin1Of: (bytes: Buffer, from: number, to: number) => string =
  typeof (Buffer.prototype as Slicing).latin1Slice === 'function'
    ? (bytes, from, to) => (bytes as Buffer & Required<Slicing>).latin1Slice(from, to)
    : (bytes, from, to) => bytes.toString('latin1', from, to);

interface WantedKey {
  readonly key: string;
  readonly bytes: Buffer;
}

class Reader implements WantedReader {
  /** The wanted keys, by `slotOf`. */
  readonly #wanted: readonly (readonly WantedKey[])[];
  readonly #mostDepth: number;
  #bytes: Buffer = NOTHING;
  #at = 0;
  #depth = 0;

  constructor(keys: Iterable<string>, mostDepth: number) {
    this.#mostDepth = mostDepth;
    const wanted: WantedKey[][] = Array.from({ length: SLOTS }, () => []);
    for (const key of keys) {
      const bytes = Buffer.from(key);
      wanted[slotOf(bytes, 0, bytes.length)]?.push({ key, bytes });
    }
    this.#wanted = wanted;
  }

  read(bytes: Buffer): object | undefined {
    this.#bytes = bytes;
    this.#at = 0;
    this.#depth = 0;
    try {
      if (this.#next() !== OPEN_OBJECT) return undefined;
      const value = this.#object();
      this.#skipSpace();
      return this.#at === bytes.length ? value : undefined;
    } catch (error) {
      if (error !== RARE) throw error;
      return undefined;
    } finally {
      this.#bytes = NOTHING;
    }
  }

  /** The byte behind white space. It is not passed. */
  #next(): number {
    if ((this.#bytes[this.#at] as number) <= SPACE) this.#skipSpace();
    return this.#bytes[this.#at] as number;
  }

  #skipSpace(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    for (let byte = bytes[at]; byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = bytes[++at]);
    this.#at = at;
  }

  #value(byte: number): unknown {
    switch (byte) {
      case QUOTE:
        return this.#text();
      case OPEN_OBJECT:
        return this.#object();
      case OPEN_ARRAY:
        return this.#array();
      case LETTER.t:
        this.#word(TRUE);
        return true;
      case LETTER.f:
        this.#word(FALSE);
        return false;
      case LETTER.n:
        this.#word(NULL);
        return null;
      default:
        this.#number();
        return 0;
    }
  }

  #object(): object {
    const object: Record<string, unknown> = {};
    this.#open();
    if (this.#next() === CLOSE_OBJECT) {
      this.#close();
      return object;
    }
    for (;;) {
      if (this.#next() !== QUOTE) throw RARE;
      const key = this.#key();
      if (this.#next() !== COLON) throw RARE;
      this.#at += 1;
      const byte = this.#next();
      if (key === null) this.#skip(byte);
      else object[key] = this.#value(byte);
      const end = this.#next();
      if (end === CLOSE_OBJECT) {
        this.#close();
        return object;
      }
      if (end !== COMMA) throw RARE;
      this.#at += 1;
    }
  }

  #array(): unknown[] {
    const array: unknown[] = [];
    this.#open();
    if (this.#next() === CLOSE_ARRAY) {
      this.#close();
      return array;
    }
    for (;;) {
      array.push(this.#value(this.#next()));
      const end = this.#next();
      if (end === CLOSE_ARRAY) {
        this.#close();
        return array;
      }
      if (end !== COMMA) throw RARE;
      this.#at += 1;
    }
  }

  #skip(byte: number): void {
    if (byte === QUOTE) this.#at = this.#endOfText(this.#at + 1) + 1;
    else if (byte === OPEN_OBJECT) this.#skipObject();
    else if (byte === OPEN_ARRAY) this.#skipArray();
    else this.#value(byte);
  }

  #skipObject(): void {
    this.#open();
    if (this.#next() === CLOSE_OBJECT) {
      this.#close();
      return;
    }
    for (;;) {
      if (this.#next() !== QUOTE) throw RARE;
      this.#at = this.#endOfText(this.#at + 1) + 1;
      if (this.#next() !== COLON) throw RARE;
      this.#at += 1;
      this.#skip(this.#next());
      const end = this.#next();
      if (end === CLOSE_OBJECT) {
        this.#close();
        return;
      }
      if (end !== COMMA) throw RARE;
      this.#at += 1;
    }
  }

  #skipArray(): void {
    this.#open();
    if (this.#next() === CLOSE_ARRAY) {
      this.#close();
      return;
    }
    for (;;) {
      this.#skip(this.#next());
      const end = this.#next();
      if (end === CLOSE_ARRAY) {
        this.#close();
        return;
      }
      if (end !== COMMA) throw RARE;
      this.#at += 1;
    }
  }

  #open(): void {
    if (++this.#depth > this.#mostDepth) throw RARE;
    this.#at += 1;
  }

  #close(): void {
    this.#depth -= 1;
    this.#at += 1;
  }

  /** Null: nobody wants the key. */
  #key(): string | null {
    const bytes = this.#bytes;
    const from = this.#at + 1;
    let end = from;
    while (CLASSES[bytes[end] as number] === PLAIN) end++;
    if (bytes[end] !== QUOTE) {
      // A key with an escape might be a wanted one.
      while ((CLASSES[bytes[end] as number] as number) < ENDS) end++;
      if (bytes[end] !== QUOTE) throw RARE;
      this.#at = end + 1;
      return null;
    }
    this.#at = end + 1;
    const length = end - from;
    if (length === 0) return null;
    const wanted = this.#wanted[slotOf(bytes, from, length)] as readonly WantedKey[];
    for (let index = 0; index < wanted.length; index++) {
      const one = wanted[index] as WantedKey;
      if (one.bytes.length === length && isAt(one.bytes, bytes, from)) return one.key;
    }
    return null;
  }

  #text(): string {
    const bytes = this.#bytes;
    const from = this.#at + 1;
    let end = from;
    while (CLASSES[bytes[end] as number] === PLAIN) end++;
    if (bytes[end] === QUOTE) {
      this.#at = end + 1;
      return latin1Of(bytes, from, end);
    }
    end = this.#endOfText(end);
    this.#at = end + 1;
    return JSON.parse(decoder.decode(bytes.subarray(from - 1, end + 1))) as string;
  }

  /** Returns the place of the closing quote. */
  #endOfText(from: number): number {
    const bytes = this.#bytes;
    let at = from;
    for (;;) {
      while ((CLASSES[bytes[at] as number] as number) < ENDS) at++;
      if (bytes[at] === QUOTE) return at;
      if (bytes[at] !== BACKSLASH) throw RARE;
      const escaped = bytes[at + 1];
      if (escaped === LETTER.u) {
        for (let digit = at + 2; digit < at + 6; digit++) if (!isHex(bytes[digit] as number)) throw RARE;
        at += 6;
      } else if (escaped !== undefined && ESCAPED.has(escaped)) at += 2;
      else throw RARE;
    }
  }

  #word(word: Buffer): void {
    if (!isAt(word, this.#bytes, this.#at)) throw RARE;
    this.#at += word.length;
  }

  #number(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    if (bytes[at] === MINUS) at++;
    if (bytes[at] === ZERO) at++;
    else at = afterDigits(bytes, at);
    if (bytes[at] === DOT) at = afterDigits(bytes, at + 1);
    if (((bytes[at] as number) | SMALL) === LETTER.e) {
      const sign = bytes[at + 1];
      at = afterDigits(bytes, sign === MINUS || sign === 0x2b ? at + 2 : at + 1);
    }
    this.#at = at;
  }
}

/** At least one. */
function afterDigits(bytes: Buffer, from: number): number {
  let at = from;
  while ((bytes[at] as number) >= ZERO && (bytes[at] as number) <= NINE) at++;
  if (at === from) throw RARE;
  return at;
}

function isHex(byte: number): boolean {
  return (byte >= ZERO && byte <= NINE) || ((byte | SMALL) >= 0x61 && (byte | SMALL) <= 0x66);
}

function isAt(word: Buffer, bytes: Buffer, from: number): boolean {
  for (let index = 0; index < word.length; index++) if (bytes[from + index] !== word[index]) return false;
  return true;
}

const SLOTS = 256;

/** Spreads keys by their length and two of their bytes. */
function slotOf(bytes: Buffer, from: number, length: number): number {
  return ((length << 3) ^ (bytes[from] as number) ^ ((bytes[from + length - 1] as number) << 1)) & (SLOTS - 1);
}
