import { documentsIn, type Ingest, type Ingested, readInput } from '../ingest';

/** The content of a `POST /events` body, read before any of it is sent. */
export type EventsBody =
  | { readonly kind: 'events'; readonly ingested: readonly Ingested[]; readonly handshakes: readonly Handshake[] }
  | { readonly kind: 'not-json' }
  | { readonly kind: 'too-many'; readonly count: number };

export interface Handshake {
  /** The caller must send it back (Azure Event Grid). */
  readonly code: string | null;
  /** Somebody must open this address (Amazon SNS). */
  readonly confirmAt: string | null;
}

/** Each event may become a dead letter, so their number must stay in proportion to the body. */
export const MOST_EVENTS = 1_000;

/** The body is in memory already, and the endpoint has limited its length. */
const WHOLE = { line: Infinity, kept: Infinity };
const NOT_JSON: EventsBody = { kind: 'not-json' };

/**
 * Reads documents of any shape of the specification's section 2, and the envelopes that queues and gateways put around
 * them.
 */
export function readEventsBody(bytes: Buffer, ingest: Ingest, now: number): EventsBody {
  const documents = documentsIn(bytes, WHOLE).filter(({ line }) => !('tooLong' in line) && !isBlank(line));
  if (documents.length > MOST_EVENTS) return { kind: 'too-many', count: documents.length };
  // Among other lines, a line that is no object is a dead letter. A body without any object is the sender's mistake.
  if (!documents.some(({ line }) => !('tooLong' in line) && isObjectText(line))) return NOT_JSON;
  const handshakes: Handshake[] = [];
  const onHandshake = (one: Handshake): void => void handshakes.push(one);
  const ingested = documents.flatMap(({ line }, index) =>
    readInput(line, { ingest, origin: `POST /events, event ${index + 1}`, now, from: 'anybody', onHandshake }),
  );
  if (ingested.length > MOST_EVENTS) return { kind: 'too-many', count: ingested.length };
  return { kind: 'events', ingested, handshakes };
}

function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

function isObjectText(line: Buffer): boolean {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(line));
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  } catch {
    return false;
  }
}
