import { connect } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createEventsEndpoint, type EventsEndpointOptions } from '../../../src/bridge/events-endpoint';
import { DEFAULT_INPUT_LIMITS, DEFAULT_LIMITS } from '../../../src/conversation/limits';
import { createIngest, type Ingest, type Ingested } from '../../../src/ingest';
import { createEventCodec, createLocalSchemas, topicNames } from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { startOpsHttp, type OpsHttp } from '../../../src/ops/http';
import { aConversation, type Wire } from '../../support/conversation-builders';

const SECRET = 'a secret of this test';
const topics = topicNames('test');
const logger = pino({ level: 'silent' });
const running: OpsHttp[] = [];
let ingest: Ingest;

beforeAll(async () => {
  const events = await createEventCodec(createLocalSchemas(), topics);
  ingest = createIngest({
    stage: 'bridge',
    topics,
    events,
    limits: DEFAULT_LIMITS,
    input: DEFAULT_INPUT_LIMITS,
    mask: null,
  });
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((http) => http.stop()));
});

async function serve(changed: Partial<EventsEndpointOptions> = {}) {
  const taken: Ingested[] = [];
  const metrics = createMetrics();
  const endpoint = createEventsEndpoint({
    secret: SECRET,
    maxBytes: 100_000,
    perSecond: 10_000,
    ingest,
    intake: (ingested) => void taken.push(ingested),
    metrics,
    available: () => true,
    flushed: () => Promise.resolve(),
    ...changed,
  });
  const { registry } = metrics;
  const routes = { '/events': endpoint.route };
  const http = await startOpsHttp({ host: '127.0.0.1', port: 0, registry, ready: {}, routes, logger });
  running.push(http);
  const post = async (
    body: string | Buffer,
    headers: Record<string, string> = { authorization: `Bearer ${SECRET}` },
  ) => {
    const answer = await fetch(`${http.url}/events`, { method: 'POST', body, headers });
    return { status: answer.status, headers: answer.headers, said: await answer.json() };
  };
  return { http, taken, post, endpoint, metrics };
}

const body = (id: string): Wire => aConversation(id).called().body;

function envelope(id: string, timestamp = '2026-03-02T09:00:00.395Z'): Wire {
  const topicName = 'v2.routing.queues.Q1.conversations';
  return {
    version: '0',
    id: 'aws-id',
    'detail-type': 'v2.routing.queues.{id}.conversations',
    source: 'aws.partner/genesys.com/cloud/org/bus',
    time: timestamp,
    detail: { topicName, version: '2', eventBody: body(id), metadata: { CorrelationId: 'x' }, timestamp },
  };
}

const ids = (taken: readonly Ingested[]): string[] =>
  taken.map((each) => (each.kind === 'event' ? each.event.conversationId : each.kind));

describe('POST /events, the body', () => {
  const both = [envelope('c1'), envelope('c2')].map((each) => JSON.stringify(each));
  test.each([
    ['one object', JSON.stringify(envelope('c1')), ['c1']],
    ['one object over many lines, after a BOM', `\uFEFF${JSON.stringify(envelope('c1'), null, 2)}`, ['c1']],
    ['an array', `[${both.join()}]`, ['c1', 'c2']],
    ['NDJSON', both.join('\r\n'), ['c1', 'c2']],
    ['NDJSON that ends with its line', `${both.join('\n')}\n\n`, ['c1', 'c2']],
    ['other shapes of a line', `[${JSON.stringify(body('c3'))},{"message":"pong"}]`, ['c3', 'skip']],
    ['nothing in an array', '[]', []],
  ])('may be %s', async (_, text, expected) => {
    const { post, taken } = await serve();
    const events = expected.filter((each) => each !== 'skip').length;
    expect(await post(text)).toMatchObject({
      status: 200,
      said: { events, skipped: expected.length - events, invalid: 0 },
    });
    expect(ids(taken)).toEqual(expected);
  });

  test('carries its receive time, as EventBridge says it; without one it is stamped', async () => {
    const { post, taken } = await serve();
    const before = Date.now();
    await post(JSON.stringify([envelope('c1', '2026-02-26T08:00:00.123Z'), body('c2')]));
    const [first, second] = taken.map((each) => (each.kind === 'event' ? each.event.receivedAt : 0));
    expect(first).toBe(Date.parse('2026-02-26T08:00:00.123Z'));
    expect(second).toBeGreaterThanOrEqual(before);
  });

  test('with an event that is invalid for ever is taken, so that nobody sends it again for days', async () => {
    const { post, taken } = await serve();
    const broken = {
      ...envelope('c1'),
      detail: { topicName: 'v2.users.u.conversations', eventBody: { participants: 1 } },
    };
    expect(await post(JSON.stringify(broken))).toMatchObject({
      status: 200,
      said: { events: 0, skipped: 0, invalid: 1 },
    });
    expect(await post(`${JSON.stringify(envelope('c2'))}\n{"id":`)).toMatchObject({
      status: 200,
      said: { events: 1, skipped: 0, invalid: 1 },
    });
    expect(ids(taken)).toEqual(['invalid', 'c2', 'invalid']);
  });

  test.each(['', ' \n ', '42', '{"id":', 'id=c1&a=b', '{"id":\n"c1"'])(
    'that is no JSON at all is a 400: %j',
    async (text) => {
      const { post, taken } = await serve();
      expect((await post(text)).status).toBe(400);
      expect(taken).toEqual([]);
    },
  );

  test('nested too deeply ends as an answer, not as the process', async () => {
    const { post } = await serve({ maxBytes: 1_000_000 });
    const deep = '['.repeat(200_000) + ']'.repeat(200_000);
    expect([200, 400]).toContain((await post(deep)).status);
    expect([200, 400]).toContain((await post(`[{"id":"c1","participants":${deep}}]`)).status);
  });
});

describe('POST /events, who may', () => {
  test.each([
    [{ authorization: `Bearer ${SECRET}` }, 200],
    [{ authorization: `bearer ${SECRET}` }, 200],
    [{ 'x-queuefold-secret': SECRET }, 200],
    [{ authorization: `Bearer ${SECRET}x` }, 401],
    [{ authorization: `Basic ${SECRET}` }, 401],
    [{ authorization: `Bearer` }, 401],
    [{ 'x-queuefold-secret': '' }, 401],
    [{}, 401],
  ] as [Record<string, string>, number][])('%j: %i', async (headers, status) => {
    const { post, taken } = await serve();
    const answer = await post(JSON.stringify(envelope('c1')), headers);
    expect(answer.status).toBe(status);
    expect(taken).toHaveLength(status === 200 ? 1 : 0);
    expect(JSON.stringify(answer.said)).not.toContain(SECRET);
  });

  test('another method is a 405 that names POST', async () => {
    const { http } = await serve();
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const answer = await fetch(`${http.url}/events`, { method, headers: { authorization: `Bearer ${SECRET}` } });
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
    }
  });
});

describe('POST /events, how much', () => {
  test('a body over EVENTS_MAX_BYTES is a 413, whether it says its length or not', async () => {
    const { http, post, taken } = await serve({ maxBytes: 1_000 });
    const padded = (bytes: number): string => JSON.stringify({ ...envelope('c1'), pad: 'x'.repeat(bytes) });
    expect((await post(padded(1_000))).status).toBe(413);
    expect(await rawPost(http.port, padded(200_000), 'chunked')).toMatch(/^HTTP\/1.1 413 /);
    expect(taken).toEqual([]);
  });

  test('more than 1,000 events are a 413', async () => {
    const { post, taken } = await serve();
    expect((await post(`[${'{},'.repeat(1_000)}{}]`)).status).toBe(413);
    expect((await post('{}\n'.repeat(1_001))).status).toBe(413);
    expect(taken).toEqual([]);
    expect((await post('{}\n'.repeat(1_000))).status).toBe(200);
  });

  test('faster than EVENTS_PER_SECOND is a 429 that tells when to come again', async () => {
    const { post, taken } = await serve({ perSecond: 10 });
    expect((await post('{}\n'.repeat(40))).status).toBe(200);
    const answer = await post(JSON.stringify(envelope('c1')));
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(3);
    expect(taken).toHaveLength(40);
  });

  test('a body that does not come to its end in time is a 408, and does not hold the connection', async () => {
    const { http } = await serve({ withinMs: { body: 100 } });
    expect(await rawPost(http.port, '{"id":', 'short')).toMatch(/^HTTP\/1.1 408 /);
  });

  test('a packed body is refused: its size would not be known', async () => {
    const { post } = await serve();
    const headers = { authorization: `Bearer ${SECRET}`, 'content-encoding': 'gzip' };
    expect((await post(JSON.stringify(envelope('c1')), headers)).status).toBe(415);
  });
});

describe('POST /events, the acknowledgement', () => {
  test('is waited for', async () => {
    let acknowledge: () => void = () => undefined;
    const flushed = new Promise<void>((resolve) => (acknowledge = resolve));
    const { post, taken } = await serve({ flushed: () => flushed });
    const answers: number[] = [];
    const posted = post(JSON.stringify(envelope('c1'))).then(({ status }) => answers.push(status));
    while (taken.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(answers).toEqual([]);
    acknowledge();
    await posted;
    expect(answers).toEqual([200]);
  });

  test.each([
    ['late', () => new Promise<void>(() => undefined)],
    ['never, as the bridge stops', () => Promise.reject(new Error('stopped'))],
  ])('that comes %s is a 503 with Retry-After', async (_, flushed) => {
    const { post, metrics } = await serve({ flushed, withinMs: { acknowledgement: 50 } });
    const answer = await post(JSON.stringify(envelope('c1')));
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(await metrics.registry.metrics()).toContain('queuefold_bridge_events_requests_total{status="503"} 1');
  });

  test('while Kafka is known to be away, nothing is taken: who sends again does not fill the memory', async () => {
    const { post, taken } = await serve({ available: () => false });
    expect((await post(JSON.stringify(envelope('c1')))).status).toBe(503);
    expect(taken).toEqual([]);
  });

  test('while the bridge stops, nothing is taken', async () => {
    const { post, taken, endpoint } = await serve();
    endpoint.close();
    expect((await post(JSON.stringify(envelope('c1')))).status).toBe(503);
    expect(taken).toEqual([]);
  });
});

/** A request as fetch does not send it. Resolves with all that comes until the server ends the connection. */
function rawPost(port: number, text: string, how: 'chunked' | 'short'): Promise<string> {
  const head = `POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${SECRET}\r\n`;
  const chunked = `Transfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(head + (how === 'chunked' ? chunked : `Content-Length: 1000\r\n\r\n${text}`));
    });
    socket.setEncoding('utf8').on('data', (part: string) => (answer += part));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}
