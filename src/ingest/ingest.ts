import { randomUUID } from 'node:crypto';
import { newTraceparent } from '../common';
import {
  type ConversationEvent,
  type GoneEvent,
  createWantedReader,
  type InputLimits,
  invalid,
  type Invalid,
  type InvalidReason,
  isDeeperThan,
  type Limits,
  maskEvent,
  type Outcome,
  type PrivacyMask,
  parseLine,
  readWire,
  type SkipReason,
  withFingerprint,
  WIRE_KEYS,
  withoutPersonalData,
} from '../conversation';
import {
  cloudEventHeaders,
  deadLetterRecord,
  type OutRecord,
  type TopicNames,
  unreadable,
  type ValueCodec,
} from '../log';

/** The way into Kafka, for bridge and replay. Personal data that the table does not use do not pass. */
export interface Ingest {
  /**
   * Reads one frame or line, as bytes.
   * @param now the receive time if the input carries none, epoch ms
   * @param origin for dead letters: a file's line, a socket
   * @returns null for a blank line, which does not count
   */
  line(bytes: Uint8Array, now: number, origin: string): Ingested | null;
  /**
   * The first step of `line`. Returns null for a blank line, a value for `value`, or the reason why there is no value.
   */
  parse(bytes: Uint8Array, origin: string): { readonly kind: 'parsed'; readonly value: unknown } | Refused | null;
  /** The second step: reads a value that is parsed already. */
  value(parsed: unknown, now: number, origin: string): Ingested;
  /** Genesys no longer has the conversation. */
  gone(
    conversationId: string,
    askedAt: number,
    table: 'has-row' | 'has-none',
  ): { readonly event: ConversationEvent; readonly record: OutRecord };
  /** Refuses an input that never became a line, such as one beyond all limits of size. */
  refuse(problem: Invalid, origin: string, body: unknown): Refused;
}

export type Refused = Extract<Ingested, { kind: 'invalid' }>;

export type Ingested =
  | { readonly kind: 'event'; readonly event: ConversationEvent; readonly record: OutRecord }
  | { readonly kind: 'skip'; readonly reason: SkipReason }
  | { readonly kind: 'invalid'; readonly reason: InvalidReason; readonly message: string; readonly record: OutRecord };

export interface IngestOptions {
  readonly stage: 'bridge' | 'replay';
  readonly topics: TopicNames;
  readonly events: ValueCodec<ConversationEvent>;
  readonly limits: Limits;
  readonly input: InputLimits;
  readonly mask: PrivacyMask | null;
  /** Called for an event whose receive time was in the future. It has become the present time. */
  readonly onFutureTime?: () => void;
  /** The traceparent of an event, which begins its trace. Default: a trace that nobody reports. */
  readonly beginTrace?: () => string;
}

/** How far another clock may be ahead of ours. */
const MOST_AHEAD_MS = 5 * 60_000;
/** The bytes in front of the Avro, in Confluent's wire format. */
const HEADER_BYTES = 5;

export function createIngest(options: IngestOptions): Ingest {
  const { stage, topics, events, limits, input, mask, beginTrace = newTraceparent } = options;
  const wanted = createWantedReader(WIRE_KEYS, input.depth);
  const refuse = (problem: Invalid, origin: string, body: unknown): Refused => ({
    ...problem,
    record: deadLetterRecord(topics.deadLetters, {
      stage,
      reason: problem.reason,
      message: problem.message,
      key: null,
      origin: { source: origin },
      body,
    }),
  });

  const recordOf = (event: ConversationEvent): OutRecord & { readonly value: Buffer } => {
    const headers = cloudEventHeaders({
      id: randomUUID(),
      source: `queuefold/${stage}`,
      type: 'queuefold.conversation.event',
      time: event.receivedAt,
      traceparent: beginTrace(),
    });
    return { topic: topics.events, key: event.conversationId, value: events.encode(event), headers };
  };

  /**
   * A single wrong clock could make a partition forget the ends of all its conversations. A replay uses the clock of
   * its events.
   */
  const receivedByNow = (event: ConversationEvent): ConversationEvent => {
    const now = Date.now();
    if (event.receivedAt <= now + MOST_AHEAD_MS) return event;
    options.onFutureTime?.();
    return { ...event, receivedAt: now };
  };

  const ingest = (outcome: Outcome, origin: string, body: () => unknown): Ingested => {
    if (outcome.kind === 'skip') return outcome;
    if (outcome.kind === 'invalid') return refuse(outcome, origin, body());
    const known = stage === 'bridge' ? receivedByNow(outcome.event) : outcome.event;
    const event = withFingerprint(mask === null ? known : maskEvent(known, mask));
    const record = recordOf(event);
    const problem = tooLarge(event, record.value.length - HEADER_BYTES, options);
    if (problem !== null) return refuse(problem, origin, body());
    return { kind: 'event', event, record };
  };

  const value: Ingest['value'] = (parsed, now, origin) =>
    ingest(readWire(parsed, now, limits), origin, () => withoutPersonalData(parsed));
  const parse: Ingest['parse'] = (bytes, origin) => {
    const problem = refusedUnparsed(bytes, input);
    if (problem !== null) return refuse(problem, origin, unreadable(bytes));
    const parsed = parseLine(bytes);
    if (parsed === null) return null;
    return 'kind' in parsed ? refuse(parsed, origin, unreadable(bytes)) : { kind: 'parsed', value: parsed.value };
  };

  return {
    refuse,
    value,
    gone: (conversationId, askedAt, table) => {
      const event = goneEvent(conversationId, askedAt, table);
      return { event, record: recordOf(event) };
    },
    parse,
    line: (bytes, now, origin) => {
      const some = bytes.length > input.bytes ? undefined : wanted.read(bufferOf(bytes));
      if (some !== undefined) {
        return ingest(readWire(some, now, limits), origin, () => withoutPersonalData(wholeOf(bytes)));
      }
      const parsed = parse(bytes, origin);
      return parsed?.kind === 'parsed' ? value(parsed.value, now, origin) : parsed;
    },
  };
}

function goneEvent(conversationId: string, askedAt: number, table: 'has-row' | 'has-none'): GoneEvent {
  return {
    ...{ conversationId, receivedAt: askedAt, source: 'rest', gone: true, hasRow: table === 'has-row' },
    ...{ participants: [], fingerprint: null },
  };
}

/** Null: the event is within the limits. */
function tooLarge(event: ConversationEvent, size: number, { limits, input }: IngestOptions): Invalid | null {
  if (size > limits.bytes) return invalid('too-large', `${size} bytes of Avro, but ${limits.bytes} are allowed`);
  // No text is longer than the record.
  if (size <= input.textBytes) return null;
  const longest = longestText(event);
  if (longest <= input.textBytes) return null;
  return invalid('too-large', `a text of ${longest} bytes, but ${input.textBytes} are allowed`);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * The reader has read only the wanted keys of this JSON. A dead letter also shows the rest, so the text is parsed
 * again.
 */
function wholeOf(bytes: Uint8Array): unknown {
  const parsed = parseLine(bytes);
  return parsed === null || 'kind' in parsed ? null : parsed.value;
}

/** Null: the input may be parsed. */
function refusedUnparsed(bytes: Uint8Array, { bytes: most, depth }: InputLimits): Invalid | null {
  if (bytes.length > most) return invalid('too-large', `${bytes.length} bytes, but ${most} are allowed`);
  if (isDeeperThan(depth, bytes)) return invalid('too-deep', `nested more than ${depth} levels deep`);
  return null;
}

/** The longest text, in bytes of UTF-8. */
function longestText(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return 0;
  return Object.values(value).reduce((longest: number, item: unknown) => Math.max(longest, longestText(item)), 0);
}
