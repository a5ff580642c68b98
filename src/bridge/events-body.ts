import type { Ingest, Ingested } from '../ingest';

/** What a body of `POST /events` holds, before anything of it is sent. */
export type EventsBody =
  | { readonly kind: 'events'; readonly ingested: readonly Ingested[] }
  | { readonly kind: 'not-json' }
  | { readonly kind: 'too-many'; readonly count: number };

/** Each may become a dead letter: they must stay in proportion to the body. */
export const MOST_EVENTS = 1_000;

const NEWLINE = 0x0a;
const NOT_JSON: EventsBody = { kind: 'not-json' };

/** One JSON object, an array of them, or NDJSON; in each any of the shapes of the specification's section 2. */
export function readEventsBody(bytes: Buffer, ingest: Ingest, now: number): EventsBody {
  const origin = (index: number): string => `POST /events, event ${index + 1}`;
  const whole = parse(bytes);
  if (whole !== null) {
    if (typeof whole.value !== 'object' || whole.value === null) return NOT_JSON;
    const values: readonly unknown[] = Array.isArray(whole.value) ? whole.value : [whole.value];
    if (values.length > MOST_EVENTS) return { kind: 'too-many', count: values.length };
    return { kind: 'events', ingested: values.map((value, index) => ingest.value(value, now, origin(index))) };
  }
  const lines = linesIn(bytes);
  if (lines.length > MOST_EVENTS) return { kind: 'too-many', count: lines.length };
  // A line among others that is no object is a dead letter; a body without any is a mistake of who sends it.
  if (!lines.some(isObjectText)) return NOT_JSON;
  const ingested = lines.map((line, index) => ingest.line(line, now, origin(index))).filter((each) => each !== null);
  return { kind: 'events', ingested };
}

function isObjectText(line: Buffer): boolean {
  const parsed = parse(line)?.value;
  return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
}

/** Without a BOM; bytes that are not UTF-8 become U+FFFD. */
function parse(bytes: Buffer): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(new TextDecoder().decode(bytes)) };
  } catch {
    return null;
  }
}

function linesIn(bytes: Buffer): readonly Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return start < bytes.length ? [...lines, bytes.subarray(start)] : lines;
}
