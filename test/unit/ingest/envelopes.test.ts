import { beforeAll, describe, expect, test } from '@jest/globals';
import { createIngest, documentsIn, type Ingest, type Ingested, readInput } from '../../../src/ingest';
import { aConversation } from '../../support/conversation/conversation-builders';
import { ingestOptions } from '../../support/ingest/ingest-options';

const NOW = Date.parse('2026-03-02T12:00:00Z');
const SENT = Date.parse('2026-03-02T09:00:00.123Z');
let ingest: Ingest;
let futures = 0;

beforeAll(async () => {
  ingest = createIngest(await ingestOptions({ onFutureTime: () => (futures += 1) }));
});

const event = (id: string, timestamp?: string): object => ({
  id: 'aws-id',
  detail: {
    topicName: 'v2.routing.queues.Q1.conversations',
    eventBody: aConversation(id).called().body,
    ...(timestamp === undefined ? {} : { timestamp }),
  },
});
const text = (id: string): string => JSON.stringify(event(id));
const base64 = (said: string): string => Buffer.from(said).toString('base64');

function read(value: unknown, from: 'owner' | 'anybody' = 'anybody'): readonly Ingested[] {
  const bytes = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  return documentsIn(bytes).flatMap(({ line }) => readInput(line, { ingest, origin: 'test', now: NOW, from }));
}
const said = (all: readonly Ingested[]): string[] =>
  all.map((one) => (one.kind === 'event' ? one.event.conversationId : `${one.kind} ${one.reason}`));
const times = (all: readonly Ingested[]): number[] =>
  all.flatMap((one) => (one.kind === 'event' ? [one.event.receivedAt] : []));

const sns = (message: string): object => ({
  ...{ Type: 'Notification', MessageId: 'm', TopicArn: 'arn:aws:sns:eu-west-1:1:t', Message: message },
  ...{ Timestamp: new Date(SENT).toISOString(), SignatureVersion: '1' },
});
const sqs = (body: string): object => ({
  ...{ messageId: 'm', receiptHandle: 'r', body, attributes: { SentTimestamp: String(SENT) }, eventSource: 'aws:sqs' },
});
const cloudEvent = {
  specversion: '1.0',
  type: 'Genesys.Event',
  source: '/x',
  id: 'e',
  time: new Date(SENT).toISOString(),
};
const gridEvent = {
  id: 'e',
  topic: '/t',
  subject: 's',
  eventType: 'Genesys.Event',
  eventTime: new Date(SENT).toISOString(),
};

describe('the envelopes of the usual hops', () => {
  test.each<[string, unknown, string[]]>([
    ['SQS, as a Lambda gets it', { Records: [sqs(text('a')), sqs(text('b'))] }, ['a', 'b']],
    [
      'SQS, as the command line prints it',
      { Messages: [{ MessageId: 'm', Body: text('a'), Attributes: { SentTimestamp: String(SENT) } }] },
      ['a'],
    ],
    ['one message of SQS', { MessageId: 'm', Body: text('a'), Attributes: { SentTimestamp: SENT } }, ['a']],
    ['SNS over HTTP', sns(text('a')), ['a']],
    ['SNS, as a Lambda gets it', { Records: [{ EventSource: 'aws:sns', Sns: sns(text('a')) }] }, ['a']],
    ['SNS in SQS', { Records: [sqs(JSON.stringify(sns(text('a'))))] }, ['a']],
    [
      'Firehose',
      {
        requestId: 'r',
        timestamp: SENT,
        records: [{ data: base64(text('a')) }, { data: base64(`${text('b')}${text('c')}\n`) }],
      },
      ['a', 'b', 'c'],
    ],
    ['CloudEvents', { ...cloudEvent, data: event('a') }, ['a']],
    ['CloudEvents with text', { ...cloudEvent, data: text('a') }, ['a']],
    ['CloudEvents with base64', { ...cloudEvent, data_base64: base64(text('a')) }, ['a']],
    [
      'a batch of CloudEvents',
      [
        { ...cloudEvent, data: event('a') },
        { ...cloudEvent, data: event('b') },
      ],
      ['a', 'b'],
    ],
    ['Azure Event Grid', [{ ...gridEvent, data: event('a'), dataVersion: '1' }], ['a']],
  ])('%s', (_, value, expected) => {
    const all = read(value);
    expect(said(all)).toEqual(expected);
    // When it was sent is nearer to when it happened than when it is read.
    expect(times(all)).toEqual(expected.map(() => SENT));
  });

  test('the receive time of an event itself comes first', () => {
    expect(times(read(sns(JSON.stringify(event('a', '2026-03-01T08:00:00Z')))))).toEqual([
      Date.parse('2026-03-01T08:00:00Z'),
    ]);
  });

  test('what is in an envelope and no event is invalid for who sends it, never nothing', () => {
    expect(said(read(sns('hello')))).toEqual(['invalid not-json']);
    expect(said(read({ ...cloudEvent, data: { order: 1 } }))).toEqual(['invalid no-conversation-id']);
    expect(said(read({ id: 'x', order: 1 }))).toEqual(['invalid not-a-conversation']);
    expect(said(read({ id: 'x', order: 1 }, 'owner'))).toEqual(['skip no-communications']);
    expect(said(read({ requestId: 'r', timestamp: 1, records: [] }))).toEqual(['skip no-events']);
  });

  test('envelopes within envelopes have an end', () => {
    let value = text('a');
    for (let n = 0; n < 10; n += 1) value = JSON.stringify(sns(value));
    expect(said(read(value))).toEqual(['invalid no-conversation-id']);
  });

  test('a conversation with fields like those of an envelope is a conversation', () => {
    const conversation = {
      ...aConversation('a').called().body,
      Message: 'x',
      body: 'y',
      MessageId: 'z',
      data: {},
      records: [],
    };
    expect(said(read(conversation))).toEqual(['a']);
  });
});

describe('what only the bridge itself can know', () => {
  const gone = { receivedAt: '2026-03-02T09:00:00Z', gone: { id: 'a' } };

  test('a gone is taken from files, and from nobody else, in whatever envelope', () => {
    expect(said(read(gone, 'owner'))).toEqual(['a']);
    expect(said(read(gone))).toEqual(['invalid gone-not-taken']);
    expect(said(read(sns(JSON.stringify(gone))))).toEqual(['invalid gone-not-taken']);
  });

  test('a receive time in the future becomes the present time and is counted, but one that is only a little ahead stays', () => {
    const before = Date.now();
    const at = (ms: number): object => ({ receivedAt: new Date(ms).toISOString(), event: event('a') });
    const [ahead] = times(read(at(before + 6 * 3_600_000)));
    expect(ahead).toBeGreaterThanOrEqual(before);
    expect(ahead).toBeLessThanOrEqual(Date.now());
    expect(futures).toBe(1);
    expect(times(read(event('a', new Date(before + 6 * 3_600_000).toISOString())))[0]).toBeLessThanOrEqual(Date.now());
    expect(futures).toBe(2);
    expect(times(read(at(before + 60_000)))).toEqual([before + 60_000]);
    expect(futures).toBe(2);
  });
});
