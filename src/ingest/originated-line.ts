import { invalid, isGoneRecording, isObject, withoutPersonalData } from '../conversation';
import { documentsIn } from './documents';
import { unwrap, type Payload, type Unwrapped } from './envelopes';
import type { Ingest, Ingested } from './ingest';
import type { Line } from './lines';

/** A line, or a document over several lines, with its origin. */
export interface OriginatedLine {
  readonly line: Line;
  /** For dead letters, such as `events.ndjson:7`. */
  readonly origin: string;
}

export interface Reading {
  readonly ingest: Ingest;
  readonly origin: string;
  /** The receive time if nothing else gives one, epoch ms. */
  readonly now: number;
  /**
   * `anybody`: the sender may be another person than the recorder, and gets a message about unreadable input. The
   * reader then refuses a *gone*, and an object that has only the id of a conversation.
   */
  readonly from: 'owner' | 'anybody';
  readonly onHandshake?: (handshake: Extract<Unwrapped, { kind: 'handshake' }>) => void;
}

/** How deeply envelopes may be nested: SNS in SQS in a Lambda's event, and one more. */
const MOST_ENVELOPES = 4;

/** A value in the shapes of the specification, or the outcome of an input that is none. */
export type Input =
  | { readonly kind: 'value'; readonly value: unknown; readonly now: number; readonly origin: string }
  | Exclude<Ingested, { kind: 'event' }>;

/** Reads a line, or everything in the envelope that the line holds. Empty for a blank line, which does not count. */
export function readInput(line: Line, reading: Reading): readonly Ingested[] {
  return inputsOf(line, reading).map((input) =>
    input.kind === 'value' ? readOne(input.value, { ...reading, ...input }) : input,
  );
}

/** The same, before the values are read. */
export function inputsOf(line: Line, reading: Reading, depth = 0): readonly Input[] {
  const { ingest, origin } = reading;
  if ('tooLong' in line) {
    return [ingest.refuse(invalid('too-large', `a line of ${line.tooLong} bytes`), origin, { bytes: line.tooLong })];
  }
  const parsed = ingest.parse(line, origin);
  if (parsed === null) return [];
  return parsed.kind === 'parsed' ? unwrapped(parsed.value, reading, depth) : [parsed];
}

function unwrapped(value: unknown, reading: Reading, depth: number): readonly Input[] {
  const { origin, now } = reading;
  const envelope = depth < MOST_ENVELOPES ? unwrap(value) : null;
  if (envelope === null) return [{ kind: 'value', value, now, origin }];
  if (envelope.kind === 'handshake') {
    reading.onHandshake?.(envelope);
    return [{ kind: 'skip', reason: 'handshake' }];
  }
  const { payloads } = envelope;
  const all = payloads.flatMap((payload, index) => {
    const place = payloads.length === 1 ? origin : `${origin}, record ${index + 1}`;
    return inPayload(payload, { ...reading, origin: place, now: payload.at ?? now }, depth + 1);
  });
  return all.length > 0 ? all : [{ kind: 'skip', reason: 'no-events' }];
}

function inPayload({ content }: Payload, reading: Reading, depth: number): readonly Input[] {
  if ('value' in content) return unwrapped(content.value, reading, depth);
  return documentsIn(content).flatMap(({ line }) => inputsOf(line, reading, depth));
}

function readOne(value: unknown, { ingest, origin, now, from }: Reading): Ingested {
  if (from === 'anybody' && isGoneRecording(value)) {
    const problem = invalid('gone-not-taken', 'only the bridge itself may say that a conversation is gone');
    return ingest.refuse(problem, origin, withoutPersonalData(value));
  }
  const ingested = ingest.value(value, now, origin);
  if (from === 'owner' || ingested.kind !== 'skip' || ingested.reason !== 'no-communications') return ingested;
  if (!isObject(value) || ['participants', 'topicName', 'eventBody', 'detail', 'event'].some((key) => key in value)) {
    return ingested;
  }
  const problem = invalid('not-a-conversation', 'neither an event nor a conversation nor a known envelope');
  return ingest.refuse(problem, origin, withoutPersonalData(value));
}
