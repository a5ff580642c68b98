/**
 * Finds where JSON documents begin and end in bytes that come in pieces. Documents are objects that follow one another,
 * and the elements of arrays at the top. The scanner looks at each byte once and keeps none. It knows enough of the
 * grammar to distinguish a document that continues from one that was cut off. A document that it finds may still be
 * invalid JSON. The parser finds that out.
 */
export interface JsonScanner {
  /** Looks at more bytes, and stops behind the first error. */
  feed(bytes: Uint8Array): void;
  /** What it has found since the last call. Places count from the first byte of all. */
  take(): readonly Found[];
  state(): ScanState;
  /** Where the open document began; null: none is open. */
  openedAt(): number | null;
}

export interface Found {
  readonly from: number;
  /** Behind its last byte. */
  readonly to: number;
  /** An element of an array at the top. */
  readonly isElement: boolean;
}

/**
 * `between`: a document may begin, and the input may end here; `open`: a document has begun that may continue in the
 * next line; `in-text`: a string is open, which may contain no line end; `failed`: this is no JSON.
 */
export type ScanState = 'between' | 'open' | 'in-text' | 'failed';

const enum Expect {
  Top,
  Value,
  ValueOrEnd,
  Key,
  KeyOrEnd,
  Colon,
  CommaOrEnd,
  Text,
  Escape,
  Scalar,
  Failed,
}

const OBJECT = 0;
const ARRAY = 1;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

const isSpace = (byte: number): boolean => byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;
/** The bytes of numbers, `true`, `false` and `null`. */
const isScalar = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x2d || byte === 0x2b || byte === 0x2e || byte === 0x45; // prettier-ignore

/** @param deepest how deeply objects and arrays may be nested; more is an error */
export function createJsonScanner(deepest: number): JsonScanner {
  return new Scanner(deepest);
}

class Scanner implements JsonScanner {
  readonly #containers: number[] = [];
  #expect = Expect.Top;
  #isKey = false;
  #at = 0;
  #began: number | null = null;
  #found: Found[] = [];

  constructor(private readonly deepest: number) {}

  feed(bytes: Uint8Array): void {
    for (let index = 0; index < bytes.length && this.#expect !== Expect.Failed; index++, this.#at++) {
      this.#step(bytes[index] as number);
    }
  }

  take(): readonly Found[] {
    const taken = this.#found;
    this.#found = [];
    return taken;
  }

  state(): ScanState {
    if (this.#expect === Expect.Failed) return 'failed';
    if (this.#expect === Expect.Text || this.#expect === Expect.Escape) return 'in-text';
    return this.#expect === Expect.Top ? 'between' : 'open';
  }

  openedAt(): number | null {
    return this.#began;
  }

  #step(byte: number): void {
    switch (this.#expect) {
      case Expect.Text:
        this.#inText(byte);
        return;
      case Expect.Escape:
        this.#expect = byte < SPACE ? Expect.Failed : Expect.Text;
        return;
      case Expect.Scalar:
        if (isScalar(byte)) return;
        this.#at -= 1;
        this.#endValue();
        this.#at += 1;
        this.#step(byte);
        return;
      case Expect.CommaOrEnd:
        this.#afterValue(byte);
        return;
      case Expect.Failed:
        return;
      default:
        if (!isSpace(byte)) this.#begin(byte);
    }
  }

  #begin(byte: number): void {
    switch (this.#expect) {
      case Expect.Top:
        // A text or a number at the top would have no certain end.
        if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) this.#beginAny(byte);
        else this.#fail();
        return;
      case Expect.ValueOrEnd:
        if (byte === CLOSE_ARRAY) this.#close(ARRAY);
        else this.#beginAny(byte);
        return;
      case Expect.KeyOrEnd:
      case Expect.Key:
        if (byte === QUOTE) {
          this.#isKey = true;
          this.#expect = Expect.Text;
        } else if (byte === CLOSE_OBJECT && this.#expect === Expect.KeyOrEnd) this.#close(OBJECT);
        else this.#fail();
        return;
      case Expect.Colon:
        if (byte === COLON) this.#expect = Expect.Value;
        else this.#fail();
        return;
      default:
        this.#beginAny(byte);
    }
  }

  #beginAny(byte: number): void {
    if (byte === OPEN_OBJECT) this.#open(OBJECT);
    else if (byte === OPEN_ARRAY) this.#open(ARRAY);
    else if (byte === QUOTE) {
      this.#beginValue();
      this.#isKey = false;
      this.#expect = Expect.Text;
    } else if (isScalar(byte)) {
      this.#beginValue();
      this.#expect = Expect.Scalar;
    } else this.#fail();
  }

  #inText(byte: number): void {
    if (byte === BACKSLASH) this.#expect = Expect.Escape;
    else if (byte < SPACE) this.#fail();
    else if (byte === QUOTE) {
      if (this.#isKey) this.#expect = Expect.Colon;
      else this.#endValue();
    }
  }

  #afterValue(byte: number): void {
    const isObject = this.#containers[this.#containers.length - 1] === OBJECT;
    if (byte === COMMA) this.#expect = isObject ? Expect.Key : Expect.Value;
    else if (byte === CLOSE_OBJECT) this.#close(OBJECT);
    else if (byte === CLOSE_ARRAY) this.#close(ARRAY);
    else if (!isSpace(byte)) this.#fail();
  }

  #beginValue(): void {
    if (this.#isAtTop()) this.#began = this.#at;
  }

  #endValue(): void {
    if (this.#isAtTop() && this.#began !== null) {
      this.#found.push({ from: this.#began, to: this.#at + 1, isElement: this.#containers.length === 1 });
      this.#began = null;
    }
    this.#expect = this.#containers.length === 0 ? Expect.Top : Expect.CommaOrEnd;
  }

  #open(kind: number): void {
    // An array at the top is no document itself. Its elements are.
    if (this.#containers.length > 0 || kind === OBJECT) this.#beginValue();
    this.#containers.push(kind);
    if (this.#containers.length > this.deepest) this.#fail();
    else this.#expect = kind === OBJECT ? Expect.KeyOrEnd : Expect.ValueOrEnd;
  }

  #close(kind: number): void {
    if (this.#containers.pop() !== kind) this.#fail();
    else if (this.#containers.length === 0 && kind === ARRAY) this.#expect = Expect.Top;
    else this.#endValue();
  }

  #fail(): void {
    this.#expect = Expect.Failed;
  }

  /** The top, or the inside of an array at the top. */
  #isAtTop(): boolean {
    const { length } = this.#containers;
    return length === 0 || (length === 1 && this.#containers[0] === ARRAY);
  }
}
