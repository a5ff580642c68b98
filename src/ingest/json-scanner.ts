/**
 * Finds where JSON documents begin and end in bytes that come in pieces: objects that follow one another, and the elements
 * of arrays at the top. Looks at each byte once and keeps none. It knows the grammar as far as it takes to tell a document
 * that goes on from one that was cut off; what it calls a document may still be no JSON, which its parser says.
 */
export interface JsonScanner {
  /** Looks at more bytes; stops behind the first error. `at` counts from the first byte that was ever fed. */
  feed(bytes: Uint8Array): void;
  /** What has been found since the last call. */
  take(): readonly Found[];
  state(): ScanState;
  /** Where the document that is open began; null: none is. */
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
 * `between`: a document may begin, and everything may end here; `open`: something has begun that may go on in the next
 * line; `in-text`: a string is open, which no line end may be in; `failed`: this is no JSON.
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
/** Of numbers, `true`, `false` and `null`. */
const isScalar = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x2d || byte === 0x2b || byte === 0x2e || byte === 0x45; // prettier-ignore

/** @param deepest objects and arrays within one another; more is an error */
export function createJsonScanner(deepest: number): JsonScanner {
  const containers: number[] = [];
  let expect = Expect.Top;
  let isKey = false;
  let at = 0;
  let began: number | null = null;
  let found: Found[] = [];

  /** The top, or the inside of an array at the top. */
  const isAtTop = (): boolean => containers.length === 0 || (containers.length === 1 && containers[0] === ARRAY);
  const fail = (): void => void (expect = Expect.Failed);
  const beginValue = (): void => {
    if (isAtTop()) began = at;
  };
  const endValue = (): void => {
    if (isAtTop() && began !== null) {
      found.push({ from: began, to: at + 1, isElement: containers.length === 1 });
      began = null;
    }
    expect = containers.length === 0 ? Expect.Top : Expect.CommaOrEnd;
  };
  const open = (kind: number): void => {
    // An array at the top is none itself: its elements are.
    if (containers.length > 0 || kind === OBJECT) beginValue();
    containers.push(kind);
    if (containers.length > deepest) fail();
    else expect = kind === OBJECT ? Expect.KeyOrEnd : Expect.ValueOrEnd;
  };
  const close = (kind: number): void => {
    if (containers.pop() !== kind) fail();
    else if (containers.length === 0 && kind === ARRAY) expect = Expect.Top;
    else endValue();
  };

  const beginAny = (byte: number): void => {
    if (byte === OPEN_OBJECT) open(OBJECT);
    else if (byte === OPEN_ARRAY) open(ARRAY);
    else if (byte === QUOTE) {
      beginValue();
      isKey = false;
      expect = Expect.Text;
    } else if (isScalar(byte)) {
      beginValue();
      expect = Expect.Scalar;
    } else fail();
  };

  const inText = (byte: number): void => {
    if (byte === BACKSLASH) expect = Expect.Escape;
    else if (byte < SPACE) fail();
    else if (byte === QUOTE) {
      if (isKey) expect = Expect.Colon;
      else endValue();
    }
  };

  const afterValue = (byte: number): void => {
    const isObject = containers[containers.length - 1] === OBJECT;
    if (byte === COMMA) expect = isObject ? Expect.Key : Expect.Value;
    else if (byte === CLOSE_OBJECT) close(OBJECT);
    else if (byte === CLOSE_ARRAY) close(ARRAY);
    else if (!isSpace(byte)) fail();
  };

  const step = (byte: number): void => {
    switch (expect) {
      case Expect.Text:
        inText(byte);
        return;
      case Expect.Escape:
        expect = byte < SPACE ? Expect.Failed : Expect.Text;
        return;
      case Expect.Scalar:
        if (isScalar(byte)) return;
        at -= 1;
        endValue();
        at += 1;
        step(byte);
        return;
      case Expect.CommaOrEnd:
        afterValue(byte);
        return;
      case Expect.Failed:
        return;
      default:
        if (!isSpace(byte)) begin(byte);
    }
  };

  const begin = (byte: number): void => {
    switch (expect) {
      case Expect.Top:
        // Of texts and numbers nobody could tell where they end.
        if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) beginAny(byte);
        else fail();
        return;
      case Expect.ValueOrEnd:
        if (byte === CLOSE_ARRAY) close(ARRAY);
        else beginAny(byte);
        return;
      case Expect.KeyOrEnd:
      case Expect.Key:
        if (byte === QUOTE) {
          isKey = true;
          expect = Expect.Text;
        } else if (byte === CLOSE_OBJECT && expect === Expect.KeyOrEnd) close(OBJECT);
        else fail();
        return;
      case Expect.Colon:
        if (byte === COLON) expect = Expect.Value;
        else fail();
        return;
      default:
        beginAny(byte);
    }
  };

  return {
    feed(bytes) {
      for (let index = 0; index < bytes.length && expect !== Expect.Failed; index++, at++) step(bytes[index] as number);
    },
    take() {
      const taken = found;
      found = [];
      return taken;
    },
    state() {
      if (expect === Expect.Failed) return 'failed';
      if (expect === Expect.Text || expect === Expect.Escape) return 'in-text';
      return expect === Expect.Top ? 'between' : 'open';
    },
    openedAt: () => began,
  };
}
