import { beforeAll, describe, expect, test } from '@jest/globals';
import { DEFAULT_LIMITS } from '../../../src/conversation';
import { createIngest, type Ingest, type IngestOptions } from '../../../src/ingest/ingest';
import { topicNames } from '../../../src/log';
import { generateEvents } from '../../../src/simulator';
import { ingestOptions } from '../../support/ingest/ingest-options';

const topics = topicNames('test');
let base: IngestOptions;
const ingestWith = (changed: Partial<IngestOptions>): Ingest => createIngest({ ...base, ...changed });

beforeAll(async () => {
  base = await ingestOptions({ topics });
});

const MARK = 'zzPRIVATEzz';
const NOW = Date.parse('2026-03-02T09:00:00Z');

describe('the way into Kafka', () => {
  test('personal data that the table does not use are in no record, broken frames included', () => {
    const ingest = ingestWith({});
    let frames = 0;
    let marked = 0;
    for (const { frame } of generateEvents({ seed: 3, conversations: 40, personalData: true, mark: MARK })) {
      const text = JSON.stringify(frame);
      const participants = (frame.eventBody as { participants?: unknown[] }).participants ?? [];
      const broken = JSON.stringify({
        ...frame,
        eventBody: { ...frame.eventBody, participants: [...participants, { name: MARK }] },
      });
      for (const line of [text, text.slice(0, -20), broken]) {
        frames++;
        if (line.includes(MARK)) marked++;
        const ingested = ingest.line(Buffer.from(line), NOW, 'test');
        if (ingested === null || ingested.kind === 'skip') continue;
        const { key, value, headers } = ingested.record;
        expect(`${String(key)} ${value?.toString('latin1') ?? ''} ${JSON.stringify(headers)}`).not.toContain(MARK);
      }
    }
    expect(marked).toBeGreaterThan(frames / 2);
  });

  const call = {
    id: 'c1',
    participants: [
      {
        id: 'p',
        purpose: 'customer',
        calls: [
          { id: 'k', state: 'connected', self: { addressRaw: 'tel:+15551' }, other: { addressRaw: 'tel:+15552' } },
        ],
        emails: [{ id: 'e', state: 'connected', subject: 'my secret matter' }],
      },
    ],
  };

  test('PRIVACY_MASK replaces addresses and subject by an HMAC, equal for equal values', () => {
    const mask = { columns: new Set(['ani', 'subject'] as const), key: 'k' };
    const ingested = ingestWith({ mask }).line(Buffer.from(JSON.stringify(call)), NOW, 'test');
    if (ingested?.kind !== 'event') throw new Error('expected an event');
    const bytes = ingested.record.value?.toString('latin1') ?? '';
    for (const value of ['+15551', '+15552', 'secret matter']) expect(bytes).not.toContain(value);
    expect(bytes.match(/hmac-sha256:[0-9a-f]{64}/g)).toHaveLength(3);
  });

  test('what does not parse is told by length, hash and place', () => {
    const line = '{"id": "c1", "participants": [{"name": "Jane Doe"';
    const ingested = ingestWith({}).line(Buffer.from(line), NOW, 'file:7');
    if (ingested?.kind !== 'invalid') throw new Error('expected a dead letter');
    expect(ingested.record.headers).toMatchObject({ 'error.reason': 'not-json', source: 'file:7' });
    expect(ingested.record.headers?.['error.message']).toMatch(/at character \d+$/);
    const body = JSON.parse(ingested.record.value?.toString() ?? '') as object;
    expect(Object.keys(body)).toEqual(['bytes', 'sha256']);
  });

  test('what parses is told without its texts: strings become their length', () => {
    const line = JSON.stringify({
      id: 'c1',
      participants: [{ name: 'Jane Doe', purpose: 'agent', attributes: { a: 'b' } }],
    });
    const ingested = ingestWith({}).line(Buffer.from(line), NOW, 'test');
    if (ingested?.kind !== 'invalid') throw new Error('expected a dead letter');
    expect(JSON.parse(ingested.record.value?.toString() ?? '')).toEqual({
      id: 'c1',
      participants: [{ name: 8, purpose: 'agent', attributes: 1 }],
    });
  });

  test('a snapshot over the limit in bytes is dead-lettered as too large', () => {
    const ingest = ingestWith({ limits: { ...DEFAULT_LIMITS, bytes: 50 } });
    expect(ingest.line(Buffer.from(JSON.stringify(call)), NOW, 'test')).toMatchObject({
      kind: 'invalid',
      reason: 'too-large',
    });
  });

  test('blank lines are not counted', () => {
    expect(ingestWith({}).line(Buffer.from(' \t\r'), NOW, 'test')).toBeNull();
  });
});
