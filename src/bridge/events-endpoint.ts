import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ingest, Ingested } from '../ingest';
import { type Answer, createRateLimit, type Metrics, readBody, type Route, secretCheck } from '../ops';
import { type Handshake, MOST_EVENTS, readEventsBody } from './events-body';
import { countsOf, type Intake } from './intake';

/** `POST /events`: takes events from an EventBridge API destination, or from any other sender that has the secret. */
export interface EventsEndpoint {
  readonly route: Route;
  /** From now on the endpoint answers 503. It still waits for the log to acknowledge the events that it took. */
  close(): void;
}

export interface EventsLimits {
  /** The length of a request's body. */
  readonly maxBytes: number;
  /** Events of all requests together. */
  readonly perSecond: number;
}

/**
 * EventBridge and SNS send events of at most 256 KiB; other senders cut their batches as they like. 1,000 events a
 * second are several times what a large organization sends, and ten times what a bridge needs to catch up. A faster
 * sender gets 429 and tries again.
 */
export const EVENTS_LIMITS: EventsLimits = { maxBytes: 1024 * 1024, perSecond: 1_000 };

export interface EventsEndpointOptions extends EventsLimits {
  /** `EVENTS_SECRET` */
  readonly secret: string;
  readonly ingest: Ingest;
  readonly intake: Intake;
  readonly metrics: Metrics;
  /** Whether the log takes more records at the moment. */
  readonly available: () => boolean;
  /** `flushed` of the sender. */
  readonly flushed: () => Promise<void>;
  /** Amazon SNS sends events only after somebody has opened this address. The endpoint never opens it. */
  readonly onConfirm?: (address: string) => void;
  readonly withinMs?: Partial<EventsTimeouts>;
}

export interface EventsTimeouts {
  /** From the headers to the end of the body. */
  readonly body: number;
  /** From the body to Kafka's acknowledgement. */
  readonly acknowledgement: number;
}

/** EventBridge gives an API destination 5 s for the whole request. */
const WITHIN_MS: EventsTimeouts = { body: 5_000, acknowledgement: 4_000 };
/** Requests that send their body or wait for Kafka. Each holds at most one body in memory. */
const MOST_AT_ONCE = 64;
const RETRY_AFTER_S = 5;

export function createEventsEndpoint(options: EventsEndpointOptions): EventsEndpoint {
  const { maxBytes, perSecond, ingest, intake, metrics, available, flushed } = options;
  const withinMs: EventsTimeouts = { ...WITHIN_MS, ...options.withinMs };
  const isSecret = secretCheck(options.secret);
  const rate = createRateLimit(perSecond);
  let atOnce = 0;
  let closed = false;

  const handle = async (request: IncomingMessage): Promise<Answer> => {
    if (request.method === 'OPTIONS') return mayBeSentTo(request.headers, perSecond);
    if (!isSecret(presented(request.headers))) {
      return refusal(401, 'the secret is missing or wrong', { 'www-authenticate': 'Bearer' });
    }
    const waitMs = rate.waitMs();
    if (waitMs > 0) return refusal(429, `more than ${perSecond} events a second`, retryAfter(waitMs / 1_000));
    if (closed) return refusal(503, 'this bridge is stopping', retryAfter(RETRY_AFTER_S));
    if (atOnce >= MOST_AT_ONCE) return refusal(503, 'too many requests at once', retryAfter(1));
    if ((request.headers['content-encoding'] ?? 'identity') !== 'identity') {
      return refusal(415, 'send the body without a content-encoding');
    }
    atOnce++;
    try {
      return await take(request);
    } finally {
      atOnce--;
    }
  };

  const take = async (request: IncomingMessage): Promise<Answer> => {
    const body = await readBody(request, { maxBytes, withinMs: withinMs.body });
    switch (body.kind) {
      case 'too-large':
        return refusal(413, `more than ${maxBytes} bytes`);
      case 'too-slow':
        return refusal(408, `the body took longer than ${withinMs.body} ms`);
      case 'aborted':
        return refusal(400, 'the body is incomplete');
      case 'whole':
        break;
    }
    const read = readEventsBody(body.bytes, ingest, Date.now());
    if (read.kind === 'not-json') return refusal(400, 'the body is not a JSON object, an array of objects or NDJSON');
    if (read.kind === 'too-many') return refusal(413, `${read.count} events, but ${MOST_EVENTS} are allowed`);
    rate.spend(read.ingested.length);
    const shaken = handshakeAnswer(read.handshakes, options.onConfirm);
    return shaken !== null && read.ingested.length === 1 ? shaken : send(read.ingested);
  };

  /** While the log is away the endpoint takes nothing: a sender that tries again and again must not fill the memory. */
  const send = async (ingested: readonly Ingested[]): Promise<Answer> => {
    if (closed) return refusal(503, 'this bridge is stopping', retryAfter(RETRY_AFTER_S));
    if (!available()) return refusal(503, 'Kafka takes no records at the moment', retryAfter(RETRY_AFTER_S));
    for (const each of ingested) intake(each, 'http');
    const acknowledged = await settled(flushed(), withinMs.acknowledgement);
    if (!acknowledged) return refusal(503, 'Kafka has not acknowledged the events yet', retryAfter(RETRY_AFTER_S));
    const counts = countsOf(ingested);
    if (counts.invalid < ingested.length) return json(200, counts);
    // No event of this body can be taken, so the sender must keep it or report it.
    const [first] = ingested;
    const why = first?.kind === 'invalid' ? first.message : 'it is empty';
    return json(400, { error: `no event in the body is valid: ${why}`, ...counts }, CLOSES);
  };

  const counted = async (request: IncomingMessage): Promise<Answer> => {
    const answer = inItsWords(request.headers, await handle(request));
    metrics.eventsRequests.inc({ status: String(answer.status) });
    return answer;
  };
  return { route: { methods: ['POST', 'OPTIONS'], handle: counted }, close: () => void (closed = true) };
}

/**
 * `Authorization: Bearer …`, or a header that proxies leave alone. Amazon SNS can only put a user and a password into
 * its address (the password is the secret). Firehose has a header of its own.
 */
function presented(headers: IncomingHttpHeaders): string {
  const { authorization = '', 'x-queuefold-secret': own, 'x-amz-firehose-access-key': firehose } = headers;
  if (typeof own === 'string') return own;
  if (typeof firehose === 'string') return firehose;
  const basic = /^Basic +([\w+/=]+)$/i.exec(authorization)?.[1];
  if (basic !== undefined)
    return Buffer.from(basic, 'base64')
      .toString('utf8')
      .replace(/^[^:]*:/, '');
  return /^Bearer +(.*)$/i.exec(authorization)?.[1] ?? '';
}

/**
 * CloudEvents, HTTP webhooks, section 4: whether the origin may send events here. The answer reveals nothing, so it
 * needs no secret.
 */
function mayBeSentTo(headers: IncomingHttpHeaders, perSecond: number): Answer {
  const { 'webhook-request-origin': origin } = headers;
  if (typeof origin !== 'string' || !/^[\w.*-]{1,200}$/.test(origin)) {
    return refusal(
      400,
      'the header WebHook-Request-Origin is missing: OPTIONS is for the handshake of CloudEvents only',
    );
  }
  const allowed = { 'webhook-allowed-origin': origin, 'webhook-allowed-rate': String(perSecond * 60) };
  return { ...json(200, {}), headers: { ...allowed, allow: 'POST, OPTIONS' } };
}

/** Null: the body holds no handshake. */
function handshakeAnswer(handshakes: readonly Handshake[], onConfirm?: (address: string) => void): Answer | null {
  const [first] = handshakes;
  if (first === undefined) return null;
  if (first.code !== null) return json(200, { validationResponse: first.code });
  if (first.confirmAt !== null && OF_SNS.test(first.confirmAt)) onConfirm?.(first.confirmAt);
  return json(200, { confirm: 'open the address that the bridge has logged' });
}

/** The bridge logs only such an address: otherwise a stranger could make people open any address. */
const OF_SNS = /^https:\/\/sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?\/[^\s]{1,2000}$/;

/** Firehose accepts an answer only if it names its request. */
function inItsWords({ 'x-amz-firehose-request-id': requestId }: IncomingHttpHeaders, answer: Answer): Answer {
  if (typeof requestId !== 'string') return answer;
  const said = {
    requestId,
    timestamp: Date.now(),
    ...(answer.status === 200 ? {} : { errorMessage: answer.body.trim() }),
  };
  return { ...answer, contentType: 'application/json', body: `${JSON.stringify(said)}\n` };
}

/** Whether it resolved in time. A rejection counts as no. */
async function settled(work: Promise<void>, withinMs: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(withinMs, false, { signal: timer.signal }).catch(() => false);
  try {
    return await Promise.race([
      work.then(
        () => true,
        () => false,
      ),
      late,
    ]);
  } finally {
    timer.abort();
  }
}

function retryAfter(seconds: number): Readonly<Record<string, string>> {
  return { 'retry-after': String(Math.max(1, Math.ceil(seconds))) };
}

/** Ends the connection, so that the server does not wait for the rest of the body. */
const CLOSES = { connection: 'close' };

function refusal(status: number, error: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return json(status, { error }, { ...CLOSES, ...headers });
}

function json(status: number, said: object, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(said)}\n`, headers };
}
