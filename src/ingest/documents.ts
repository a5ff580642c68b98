import { createJsonScanner, type Found, type JsonScanner } from './json-scanner';
import type { Line } from './lines';

/** A document of a stream, as bytes: what one line is in a recording, wherever its line ends may be. */
export interface PlacedDocument {
  readonly line: Line;
  /** The line that it begins in, and which of several it is: `7` or `7, event 2`. */
  readonly place: string;
}

export interface DocumentLimits {
  /** The largest line, bytes. The reader skips the rest of a longer line and reports only its length. */
  readonly line: number;
  /** So much is kept at once of what goes on over several lines, or of lines that hold many documents. Bytes. */
  readonly kept: number;
}

const DOCUMENT_LIMITS: DocumentLimits = { line: 64 * 1024 * 1024, kept: 16 * 1024 * 1024 };

const NEWLINE = 0x0a;
const BOM = [0xef, 0xbb, 0xbf];
const DEEPEST = 501;
/** A line may begin what turns out not to go on; so often it is looked at again, and after that it stands alone. */
const MOST_LOOKS = 8;

interface PhysicalLine {
  readonly bytes: Buffer;
  readonly number: number;
  readonly looks: number;
}

/**
 * The documents of a stream of bytes, one at a time. One a line is what they are as a rule, and such a stream gives exactly
 * its lines. Besides: objects and arrays over several lines, objects that follow one another in a line, and the elements
 * of arrays at the top. A line that is none of these stays a line, which its reader refuses: the ones behind it are read.
 */
export async function* documentsOf(
  stream: AsyncIterable<Buffer>,
  limits: DocumentLimits = DOCUMENT_LIMITS,
): AsyncGenerator<PlacedDocument> {
  const splitter = createSplitter(limits);
  for await (const chunk of stream) yield* splitter.push(chunk);
  yield* splitter.end();
}

/** The same of bytes that are there as a whole. */
export function documentsIn(bytes: Buffer, limits: DocumentLimits = DOCUMENT_LIMITS): readonly PlacedDocument[] {
  const splitter = createSplitter(limits);
  return [...splitter.push(bytes), ...splitter.end()];
}

interface Splitter {
  push(chunk: Buffer): Generator<PlacedDocument>;
  end(): Generator<PlacedDocument>;
}

function createSplitter(limits: DocumentLimits): Splitter {
  let parts: Buffer[] = [];
  let length = 0;
  let number = 1;
  let open: OpenDocuments | null = null;
  /** Of the line that has not ended: how many documents were taken, and whether looking for more is in vain. */
  let begun = 0;
  let isTried = false;

  const add = (part: Buffer): void => {
    length += part.length;
    if (length <= limits.line) parts.push(part);
    else parts = [];
  };
  /** A line without an end, such as objects that follow one another: what is complete of it need not wait. */
  function* takeBegun(): Generator<PlacedDocument> {
    const bytes = Buffer.concat(parts);
    const found = wholeDocuments(bytes);
    isTried = found === null;
    if (found === null) return;
    for (const { from, to } of found) {
      begun += 1;
      yield { line: bytes.subarray(from, to), place: `${number}, event ${begun}` };
    }
    parts = [Buffer.from(bytes.subarray(found.at(-1)?.to ?? 0))];
    length = parts[0]?.length ?? 0;
  }
  function* endLine(): Generator<PlacedDocument> {
    const bytes = parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
    const line = { bytes, number, looks: 0 };
    const tooLong = length > limits.line ? length : null;
    parts = [];
    length = begun = 0;
    isTried = false;
    number += 1;
    if (tooLong === null) yield* take([line]);
    else {
      yield* giveUp();
      yield { line: { tooLong }, place: String(line.number) };
    }
  }

  /** Lines one after the other; those of something that does not go on are looked at once more, but for the first. */
  function* take(lines: readonly PhysicalLine[]): Generator<PlacedDocument> {
    const waiting = [...lines].reverse();
    for (let line = waiting.pop(); line !== undefined; line = waiting.pop()) {
      if (open === null && isOneDocument(line.bytes)) {
        yield alone(line);
        continue;
      }
      open ??= openDocuments(line, limits.kept);
      const { isOver, documents, left } = open.add(line);
      if (isOver) open = null;
      yield* documents;
      for (const again of [...left].reverse()) waiting.push(again);
    }
  }

  function* giveUp(): Generator<PlacedDocument> {
    while (open !== null) {
      const { documents, left } = open.giveUp();
      open = null;
      yield* documents;
      yield* take(left);
    }
  }

  return {
    *push(chunk) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        add(chunk.subarray(start, end));
        yield* endLine();
        start = end + 1;
      }
      if (start < chunk.length) add(chunk.subarray(start));
      if (open === null && !isTried && length > limits.kept && length <= limits.line) yield* takeBegun();
    },
    *end() {
      if (length > 0) yield* endLine();
      yield* giveUp();
    },
  };
}

const alone = ({ bytes, number }: PhysicalLine): PlacedDocument => ({ line: bytes, place: String(number) });

interface Step {
  /** Nothing is open any more. */
  readonly isOver: boolean;
  readonly documents: readonly PlacedDocument[];
  /** To be looked at once more. */
  readonly left: readonly PhysicalLine[];
}

interface OpenDocuments {
  add(line: PhysicalLine): Step;
  /** It does not go on. */
  giveUp(): Step;
}

/** What begins in this line, until it ends, or turns out to be no JSON. */
function openDocuments(first: PhysicalLine, kept: number): OpenDocuments {
  const scanner: JsonScanner = createJsonScanner(DEEPEST);
  let lines: PhysicalLine[] = [];
  let bytes = 0;
  /** Of what was handed over because it was too much to keep: then the rest stands for itself. */
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
    // The parser says where it is no JSON.
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

/** Spaces, so that places stay what they are. */
function withoutBom(line: Buffer): Buffer {
  if (!BOM.every((byte, index) => line[index] === byte)) return line;
  return Buffer.concat([Buffer.from('   '), line.subarray(BOM.length)]);
}

/** Null: there is none, or it is no JSON. */
function wholeDocuments(bytes: Buffer): readonly Found[] | null {
  const scanner = createJsonScanner(DEEPEST);
  scanner.feed(withoutBom(bytes));
  const found = scanner.take();
  // Elements of an array need the array: the rest could not be read without it.
  return scanner.state() === 'failed' || found.length === 0 || found.some(({ isElement }) => isElement) ? null : found;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const CURLY = 0x20;
const OPENING = 0x7b;
const CLOSING = 0x7d;
const OPEN_ARRAY = 0x5b;

/** Whether a line is to be read as it is: one object, or something that begins none. Looks at each byte once at most. */
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
