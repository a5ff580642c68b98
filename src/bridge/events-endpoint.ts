import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ingest, Ingested } from '../ingest';
import { type Answer, createRateLimit, type Metrics, readBody, type Route } from '../ops';
import { MOST_EVENTS, readEventsBody } from './events-body';
import { countsOf, type Intake } from './intake';

/** `POST /events`: events for an EventBridge API destination, or anybody else who has the secret. */
export interface EventsEndpoint {
  readonly route: Route;
  /** From now on the answer is 503; what was taken is still waited for. */
  close(): void;
}

export interface EventsEndpointOptions {
  /** `EVENTS_SECRET` */
  readonly secret: string;
  readonly maxBytes: number;
  readonly perSecond: number;
  readonly ingest: Ingest;
  readonly intake: Intake;
  readonly metrics: Metrics;
  /** Whether the log takes more at the moment. */
  readonly available: () => boolean;
  /** As the sender's. */
  readonly flushed: () => Promise<void>;
  readonly withinMs?: Partial<EventsTimeouts>;
}

export interface EventsTimeouts {
  /** From the headers to the end of the body. */
  readonly body: number;
  /** From the body to Kafka's acknowledgement. */
  readonly acknowledgement: number;
}

/** EventBridge gives an API destination 5 s for all of it. */
const WITHIN_MS: EventsTimeouts = { body: 5_000, acknowledgement: 4_000 };
/** Requests of which the body is being read or Kafka's answer waited for: each holds at most a body. */
const MOST_AT_ONCE = 64;
const RETRY_AFTER_S = 5;
const STOPPING = refusal(503, 'this bridge is stopping', retryAfter(RETRY_AFTER_S));

export function createEventsEndpoint(options: EventsEndpointOptions): EventsEndpoint {
  const { maxBytes, perSecond, ingest, intake, metrics, available, flushed } = options;
  const withinMs: EventsTimeouts = { ...WITHIN_MS, ...options.withinMs };
  const isSecret = secretCheck(options.secret);
  const rate = createRateLimit(perSecond);
  let atOnce = 0;
  let closed = false;

  const handle = async (request: IncomingMessage): Promise<Answer> => {
    if (!isSecret(presented(request.headers))) {
      return refusal(401, 'the secret is missing or wrong', { 'www-authenticate': 'Bearer' });
    }
    const waitMs = rate.waitMs();
    if (waitMs > 0) return refusal(429, `more than ${perSecond} events a second`, retryAfter(waitMs / 1_000));
    if (closed) return STOPPING;
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
        return refusal(400, 'the body did not come to its end');
      case 'whole':
        break;
    }
    const read = readEventsBody(body.bytes, ingest, Date.now());
    if (read.kind === 'not-json') return refusal(400, 'the body is no JSON object, array of objects or NDJSON');
    if (read.kind === 'too-many') return refusal(413, `${read.count} events, allowed are ${MOST_EVENTS}`);
    rate.spend(read.ingested.length);
    return send(read.ingested);
  };

  /** Nothing is taken while the log is away: who sends again and again must not fill the memory. */
  const send = async (ingested: readonly Ingested[]): Promise<Answer> => {
    if (closed) return STOPPING;
    if (!available()) return refusal(503, 'Kafka takes nothing at the moment', retryAfter(RETRY_AFTER_S));
    for (const each of ingested) intake(each, 'http');
    const acknowledged = await settled(flushed(), withinMs.acknowledgement);
    if (!acknowledged) return refusal(503, 'Kafka has not acknowledged it yet', retryAfter(RETRY_AFTER_S));
    return { status: 200, contentType: 'application/json', body: `${JSON.stringify(countsOf(ingested))}\n` };
  };

  const counted = async (request: IncomingMessage): Promise<Answer> => {
    const answer = await handle(request);
    metrics.eventsRequests.inc({ status: String(answer.status) });
    return answer;
  };
  return { route: { methods: ['POST'], handle: counted }, close: () => void (closed = true) };
}

/** `Authorization: Bearer …`, or a header that no proxy has ideas about. */
function presented({ authorization, 'x-queuefold-secret': own }: IncomingHttpHeaders): string {
  if (typeof own === 'string') return own;
  return /^Bearer +(.*)$/i.exec(authorization ?? '')?.[1] ?? '';
}

/** Takes as long for every guess: hashes are compared, of equal length and in constant time. */
function secretCheck(secret: string): (given: string) => boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  const expected = hash(secret);
  return (given) => timingSafeEqual(hash(given), expected);
}

/** Whether it resolved in time; one that rejects did not. */
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

/** The connection ends with it: whatever else of the body is under way is not waited for. */
function refusal(status: number, error: string, headers: Readonly<Record<string, string>> = {}): Answer {
  const body = `${JSON.stringify({ error })}\n`;
  return { status, contentType: 'application/json', body, headers: { connection: 'close', ...headers } };
}
