import { isObject, wireConversation } from '../conversation';
import { documentsIn, type Ingest, type Ingested, inputsOf } from '../ingest';

/** A frame as a line of a recording, which `replay` reads, or the reason for leaving it out. */
export type RecordedFrame =
  { readonly kind: 'line'; readonly line: string } | { readonly kind: 'skip' | 'invalid'; readonly reason: string };

/** One line for each event of the frame. */
export type RecordFrame = (text: string, receivedAt: number) => readonly RecordedFrame[];

/** The frame as it came, personal data included. */
export const recordRaw: RecordFrame = (text, receivedAt) => {
  // Line ends stand only between the tokens of JSON, where a space means the same.
  const oneLine = text.replace(/[\r\n]/g, ' ');
  return [{ kind: 'line', line: parse(text) === null ? oneLine : lineOf(receivedAt, oneLine) }];
};

/**
 * The part of a frame that Kafka would get, and no more: minimized, masked, within the limits. A replay of these lines
 * writes the same records as a replay of the raw ones. It leaves out frames that change no record.
 */
export function recordMinimised(ingest: Ingest): RecordFrame {
  return (text, receivedAt) => {
    const reading = { ingest, origin: 'a recording', now: receivedAt, from: 'owner' } as const;
    return documentsIn(Buffer.from(text))
      .flatMap(({ line }) => inputsOf(line, reading))
      .map((input) => (input.kind === 'value' ? minimised(input.value, receivedAt, ingest) : asFrame(input)));
  };
}

function minimised(frame: unknown, receivedAt: number, ingest: Ingest): RecordedFrame {
  // Reads the frame as a replay would read the raw line.
  const line = { receivedAt: new Date(receivedAt).toISOString(), event: frame };
  const ingested = ingest.value(line, receivedAt, 'a recording');
  if (ingested.kind !== 'event') return asFrame(ingested);
  const { event } = ingested;
  if (event.gone) return { kind: 'skip', reason: 'gone' };
  return { kind: 'line', line: lineOf(receivedAt, JSON.stringify(inItsShape(wireConversation(event), frame))) };
}

function asFrame(ingested: Exclude<Ingested, { kind: 'event' }>): RecordedFrame {
  return { kind: ingested.kind, reason: ingested.reason };
}

function lineOf(receivedAt: number, event: string): string {
  return `{"receivedAt":"${new Date(receivedAt).toISOString()}","event":${event}}`;
}

/** A topic that consists of ids. Anything may stand in the place of an id. */
const PLAIN_TOPIC = /^v2\.[a-z.]+\.[\w-]+\.conversations$/;

/** A notification stays a notification. */
function inItsShape(conversation: object, frame: unknown): object {
  const topicName = isObject(frame) ? frame['topicName'] : undefined;
  if (typeof topicName !== 'string' || !PLAIN_TOPIC.test(topicName)) return conversation;
  return { topicName, version: '2', eventBody: conversation };
}

function parse(text: string): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return null;
  }
}
