import { connect } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createEventsEndpoint, type EventsEndpointOptions } from '../../../src/bridge/events-endpoint';
import { createIngest, type Ingest, type Ingested } from '../../../src/ingest';
import { createMetrics, type OpsHttp, startOpsHttp } from '../../../src/ops';
import { aConversation, type Wire } from '../../support/conversation/conversation-builders';
import { ingestOptions } from '../../support/ingest/ingest-options';

const SECRET = 'a secret of this test';
const logger = pino({ level: 'silent' });
const running: OpsHttp[] = [];
let ingest: Ingest;

beforeAll(async () => {
  ingest = createIngest(await ingestOptions());
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
    [
      'over several lines, one after the other',
      both.map((each) => JSON.stringify(JSON.parse(each), null, 2)).join(''),
      ['c1', 'c2'],
    ],
    ['side by side', both.join(''), ['c1', 'c2']],
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

  test('a body without any valid event gets a 400 with the reason, so that its sender keeps it, and becomes a dead letter', async () => {
    const { post, taken } = await serve();
    const broken = {
      ...envelope('c1'),
      detail: { topicName: 'v2.users.u.conversations', eventBody: { participants: 1 } },
    };
    expect(await post(JSON.stringify(broken))).toMatchObject({
      status: 400,
      said: { error: expect.stringContaining('has no id') as unknown, events: 0, skipped: 0, invalid: 1 },
    });
    expect((await post('{"id":"an order","amount":3}')).status).toBe(400);
    expect((await post(JSON.stringify({ receivedAt: '2026-03-02T09:00:00Z', gone: { id: 'c1' } }))).status).toBe(400);
    expect(ids(taken)).toEqual(['invalid', 'invalid', 'invalid']);
  });

  test('of which something is understood is taken: the rest is a dead letter', async () => {
    const { post, taken } = await serve();
    expect(await post(`${JSON.stringify(envelope('c2'))}\n{"id":`)).toMatchObject({
      status: 200,
      said: { events: 1, skipped: 0, invalid: 1 },
    });
    expect(ids(taken)).toEqual(['c2', 'invalid']);
  });

  test.each(['', ' \n ', '42', '[]', '{"id":', 'id=c1&a=b', '{"id":\n"c1"'])(
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
    [{ authorization: `Basic ${Buffer.from(`sns:${SECRET}`).toString('base64')}` }, 200],
    [{ 'x-amz-firehose-access-key': SECRET }, 200],
    [{ 'x-amz-firehose-access-key': 'other' }, 401],
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
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
    }
  });
});

describe('POST /events, the hops', () => {
  const SECRET_HEADER = { authorization: `Bearer ${SECRET}` };

  test('Firehose is answered with its request, whatever became of it', async () => {
    const { post, taken } = await serve();
    const records = [{ data: Buffer.from(JSON.stringify(envelope('c1'))).toString('base64') }];
    const headers = { 'x-amz-firehose-access-key': SECRET, 'x-amz-firehose-request-id': 'r1' };
    const delivered = await post(JSON.stringify({ requestId: 'r1', timestamp: Date.now(), records }), headers);
    expect(delivered).toMatchObject({
      status: 200,
      said: { requestId: 'r1', timestamp: expect.any(Number) as unknown },
    });
    expect(ids(taken)).toEqual(['c1']);
    const refused = await post('{"id":"x"}', headers);
    expect(refused).toMatchObject({
      status: 400,
      said: { requestId: 'r1', errorMessage: expect.any(String) as unknown },
    });
  });

  test('Azure Event Grid is told that it may send, by OPTIONS and by its own event', async () => {
    const { http, post, taken } = await serve();
    const asked = await fetch(`${http.url}/events`, {
      method: 'OPTIONS',
      headers: { 'webhook-request-origin': 'eventgrid.azure.net' },
    });
    expect([asked.status, asked.headers.get('webhook-allowed-origin')]).toEqual([200, 'eventgrid.azure.net']);
    expect(Number(asked.headers.get('webhook-allowed-rate'))).toBeGreaterThan(0);
    expect((await fetch(`${http.url}/events`, { method: 'OPTIONS' })).status).toBe(400);
    const validation = [
      { eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent', data: { validationCode: 'c0de' } },
    ];
    expect(await post(JSON.stringify(validation))).toMatchObject({ status: 200, said: { validationResponse: 'c0de' } });
    expect((await post(JSON.stringify(validation), {})).status).toBe(401);
    expect(taken).toEqual([]);
    const event = { specversion: '1.0', type: 'x', source: '/', id: '1', data: envelope('c1') };
    expect(
      (await post(JSON.stringify(event), { ...SECRET_HEADER, 'content-type': 'application/cloudevents+json' })).status,
    ).toBe(200);
    expect(ids(taken)).toEqual(['c1']);
  });

  test('the confirmation of Amazon SNS is shown to people, and opened by nobody', async () => {
    const shown: string[] = [];
    const { post, taken } = await serve({ onConfirm: (address) => void shown.push(address) });
    const ask = (SubscribeURL: string) =>
      post(JSON.stringify({ Type: 'SubscriptionConfirmation', MessageId: 'm', Token: 't', SubscribeURL }));
    const address = 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t';
    expect((await ask(address)).status).toBe(200);
    await ask('https://sns.eu-west-1.amazonaws.com.evil.example/?x');
    await ask('http://169.254.169.254/latest');
    expect(shown).toEqual([address]);
    expect(taken).toEqual([]);
  });
});

describe('POST /events, how much', () => {
  test('a body over its limit is a 413, whether it says its length or not', async () => {
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
    expect((await post('{"message":1}\n'.repeat(1_000))).status).toBe(200);
  });

  test('faster than its limit is a 429 that tells when to come again', async () => {
    const { post, taken } = await serve({ perSecond: 10 });
    expect((await post('{"message":1}\n'.repeat(400))).status).toBe(200);
    const answer = await post(JSON.stringify(envelope('c1')));
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(3);
    expect(taken).toHaveLength(400);
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
  const head = `POST /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${SECRET}\r\n`;
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
