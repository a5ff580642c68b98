import { createJsonScanner, type Found, type JsonScanner } from './json-scanner';
import type { Line } from './lines';

/** A document of a stream, as bytes. In a recording it is a line. Elsewhere its line ends may be anywhere. */
export interface PlacedDocument {
  readonly line: Line;
  /** The line in which it begins, and its number if several begin there: `7` or `7, event 2`. */
  readonly place: string;
}

export interface DocumentLimits {
  /** The largest line, bytes. The reader skips the rest of a longer line and reports only its length. */
  readonly line: number;
  /** How many bytes the reader keeps of documents that continue over several lines, or of lines with many documents. */
  readonly kept: number;
}

const DOCUMENT_LIMITS: DocumentLimits = { line: 64 * 1024 * 1024, kept: 16 * 1024 * 1024 };

const NEWLINE = 0x0a;
const BOM = [0xef, 0xbb, 0xbf];
const DEEPEST = 501;
/**
 * A line may begin a document that turns out not to continue. The reader looks at a line again this often. After that
 * the line stands alone.
 */
const MOST_LOOKS = 8;

interface PhysicalLine {
  readonly bytes: Buffer;
  readonly number: number;
  readonly looks: number;
}

/**
 * The documents of a stream of bytes, one at a time. Mostly each line is a document, and such a stream gives exactly
 * its lines. Other documents are objects and arrays over several lines, objects that follow one another in a line, and
 * the elements of arrays at the top. A line that is none of these stays a line. Its reader refuses it, and reads the
 * lines behind it.
 */
export async function* documentsOf(
  stream: AsyncIterable<Buffer>,
  limits: DocumentLimits = DOCUMENT_LIMITS,
): AsyncGenerator<PlacedDocument> {
  const splitter = new Splitter(limits);
  for await (const chunk of stream) yield* splitter.push(chunk);
  yield* splitter.end();
}

/** The same for bytes that are complete. */
export function documentsIn(bytes: Buffer, limits: DocumentLimits = DOCUMENT_LIMITS): readonly PlacedDocument[] {
  const splitter = new Splitter(limits);
  return [...splitter.push(bytes), ...splitter.end()];
}

class Splitter {
  readonly #limits: DocumentLimits;
  /** The line that has not ended. If it is too long, only its length is kept. */
  #parts: Buffer[] = [];
  #length = 0;
  #number = 1;
  /** Of that line: how many documents were taken, and whether it is useless to look for more. */
  #begun = 0;
  #isTried = false;
  #open: OpenDocuments | null = null;

  constructor(limits: DocumentLimits) {
    this.#limits = limits;
  }

  *push(chunk: Buffer): Generator<PlacedDocument> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#add(chunk.subarray(start, end));
      yield* this.#endLine();
      start = end + 1;
    }
    if (start < chunk.length) this.#add(chunk.subarray(start));
    const { kept, line } = this.#limits;
    const isLong = this.#length > kept && this.#length <= line;
    if (isLong && this.#open === null && !this.#isTried) yield* this.#takeBegun();
  }

  *end(): Generator<PlacedDocument> {
    if (this.#length > 0) yield* this.#endLine();
    yield* this.#giveUp();
  }

  #add(part: Buffer): void {
    this.#length += part.length;
    if (this.#length <= this.#limits.line) this.#parts.push(part);
    else this.#parts = [];
  }

  /** A line may have no end, such as objects that follow one another. Its complete documents need not wait for one. */
  *#takeBegun(): Generator<PlacedDocument> {
    const bytes = Buffer.concat(this.#parts);
    const found = wholeDocuments(bytes);
    this.#isTried = found === null;
    if (found === null) return;
    for (const { from, to } of found) {
      this.#begun += 1;
      yield { line: bytes.subarray(from, to), place: `${this.#number}, event ${this.#begun}` };
    }
    const rest = Buffer.from(bytes.subarray(found.at(-1)?.to ?? 0));
    this.#parts = [rest];
    this.#length = rest.length;
  }

  *#endLine(): Generator<PlacedDocument> {
    const [only] = this.#parts;
    const bytes = this.#parts.length === 1 && only ? only : Buffer.concat(this.#parts);
    const line = { bytes, number: this.#number, looks: 0 };
    const tooLong = this.#length > this.#limits.line ? this.#length : null;
    this.#parts = [];
    this.#length = this.#begun = 0;
    this.#isTried = false;
    this.#number += 1;
    if (tooLong === null) yield* this.#take([line]);
    else {
      yield* this.#giveUp();
      yield { line: { tooLong }, place: String(line.number) };
    }
  }

  /** Takes lines one after the other. If a document does not continue, it looks at the others again. */
  *#take(lines: readonly PhysicalLine[]): Generator<PlacedDocument> {
    const waiting = [...lines].reverse();
    for (let line = waiting.pop(); line !== undefined; line = waiting.pop()) {
      if (this.#open === null && isOneDocument(line.bytes)) {
        yield alone(line);
        continue;
      }
      this.#open ??= openDocuments(line, this.#limits.kept);
      const { isOver, documents, left } = this.#open.add(line);
      if (isOver) this.#open = null;
      yield* documents;
      for (const again of [...left].reverse()) waiting.push(again);
    }
  }

  *#giveUp(): Generator<PlacedDocument> {
    while (this.#open !== null) {
      const { documents, left } = this.#open.giveUp();
      this.#open = null;
      yield* documents;
      yield* this.#take(left);
    }
  }
}

const alone = ({ bytes, number }: PhysicalLine): PlacedDocument => ({ line: bytes, place: String(number) });

interface Step {
  /** Nothing is open anymore. */
  readonly isOver: boolean;
  readonly documents: readonly PlacedDocument[];
  /** The lines to look at once more. */
  readonly left: readonly PhysicalLine[];
}

interface OpenDocuments {
  add(line: PhysicalLine): Step;
  /** The document does not continue. */
  giveUp(): Step;
}

/** The documents that begin in this line, until the last one ends, or turns out to be no JSON. */
function openDocuments(first: PhysicalLine, kept: number): OpenDocuments {
  const scanner: JsonScanner = createJsonScanner(DEEPEST);
  let lines: PhysicalLine[] = [];
  let bytes = 0;
  /** How many bytes were handed over already, because they were too many to keep. */
  let dropped = 0;
  let count = 0;

  const whole = (): Buffer => Buffer.concat(lines.flatMap((line) => [line.bytes, Buffer.from('\n')]));
  const documentsOf = (found: readonly Found[], isOnly: boolean): PlacedDocument[] => {
    const text = whole();
    return found.map(({ from, to }) => {
      count += 1;
      const place = isOnly ? String(first.number) : `${first.number}, event ${count}`;
      return { line: text.subarray(from - dropped, to - dropped), place };
    });
  };
  const failed = (): Step => {
    const [cutOff, ...rest] = lines;
    if (cutOff === undefined) return { isOver: true, documents: [], left: [] };
    // The parser of the first line reports the place of the error.
    const left = rest.map((line) => ({ ...line, looks: line.looks + 1 }));
    return { isOver: true, documents: [alone(cutOff)], left };
  };
  let pending: Found[] = [];

  return {
    add(line) {
      lines.push(line);
      bytes += line.bytes.length + 1;
      if (line === first) scanner.feed(withoutBom(line.bytes));
      else scanner.feed(line.bytes);
      const mayGoOn = first.looks < MOST_LOOKS;
      if (scanner.state() === 'failed' || scanner.state() === 'in-text') return failed();
      scanner.feed(Buffer.from('\n'));
      pending.push(...scanner.take());
      if (scanner.state() === 'between') {
        if (pending.length === 0 && count === 0) return failed();
        return {
          isOver: true,
          documents: documentsOf(pending, pending.length === 1 && count === 0 && pending[0]?.isElement === false),
          left: [],
        };
      }
      if (!mayGoOn) return failed();
      if (bytes <= kept) return { isOver: false, documents: [], left: [] };
      if (pending.length === 0) return failed();
      const documents = documentsOf(pending, false);
      const to = pending.at(-1)?.to ?? 0;
      const rest = whole().subarray(to - dropped);
      dropped = to;
      pending = [];
      lines = [{ bytes: Buffer.from(rest.subarray(0, -1)), number: line.number, looks: MOST_LOOKS }];
      bytes = rest.length;
      return { isOver: false, documents, left: [] };
    },
    giveUp: failed,
  };
}

/** Puts spaces in the place of the BOM, so that all places stay the same. */
function withoutBom(line: Buffer): Buffer {
  if (!BOM.every((byte, index) => line[index] === byte)) return line;
  return Buffer.concat([Buffer.from('   '), line.subarray(BOM.length)]);
}

/** Null: there is no document, or the bytes are no JSON. */
function wholeDocuments(bytes: Buffer): readonly Found[] | null {
  const scanner = createJsonScanner(DEEPEST);
  scanner.feed(withoutBom(bytes));
  const found = scanner.take();
  // Elements need their array: without it, nobody could read the rest.
  return scanner.state() === 'failed' || found.length === 0 || found.some(({ isElement }) => isElement) ? null : found;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const CURLY = 0x20;
const OPENING = 0x7b;
const CLOSING = 0x7d;
const OPEN_ARRAY = 0x5b;

/**
 * Whether the line is complete by itself: one object, or something that begins no document. Looks at each byte once at
 * most.
 */
function isOneDocument(line: Buffer): boolean {
  let index = BOM.every((byte, at) => line[at] === byte) ? BOM.length : 0;
  let end = line.length;
  while (index < end && isSpace(line[index] as number)) index++;
  while (end > index && isSpace(line[end - 1] as number)) end--;
  if (line[index] === OPEN_ARRAY) return false;
  if (line[index] !== OPENING) return true;
  let depth = 0;
  for (; index < end; index++) {
    const byte = line[index] as number;
    if (byte === QUOTE) {
      for (index++; index < end && line[index] !== QUOTE; index++) if (line[index] === BACKSLASH) index++;
    } else if ((byte | CURLY) === OPENING) depth++;
    else if ((byte | CURLY) === CLOSING && --depth <= 0) return index === end - 1;
  }
  return false;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}
