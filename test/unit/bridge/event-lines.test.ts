import { beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { sendEventLines } from '../../../src/bridge/event-lines';
import { createIntake } from '../../../src/bridge/intake';
import { createSender } from '../../../src/bridge/sender';
import { type ConversationEvent, DEFAULT_LIMITS } from '../../../src/conversation';
import { createIngest, type Ingest, type OriginatedLine } from '../../../src/ingest';
import { type OutRecord, topicNames, type ValueCodec } from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { aConversation } from '../../support/conversation/conversation-builders';
import { ingestOptions } from '../../support/ingest/ingest-options';

const topics = topicNames('test');
const logger = pino({ level: 'silent' });
const LINE = Buffer.from(JSON.stringify(aConversation('c1').called().body));
let events: ValueCodec<ConversationEvent>;
let ingest: Ingest;

beforeAll(async () => {
  const options = await ingestOptions({ topics });
  events = options.events;
  ingest = createIngest(options);
});

/** The lines on their way into a log that takes records only when it is told to. */
function sending(lines: Iterable<OriginatedLine['line']>) {
  const sent: OutRecord[] = [];
  const waiting: (() => void)[] = [];
  let open = false;
  let read = 0;
  const sender = createSender({
    onRefused: () => null,
    producer: {
      send: async (records) => {
        if (!open) await new Promise<void>((resolve) => waiting.push(resolve));
        sent.push(...records);
      },
      close: () => Promise.resolve(),
    },
    logger,
    events,
    limits: DEFAULT_LIMITS,
    pendingBytes: 64 * 1024 * 1024,
    onCoalesced: () => undefined,
    onPending: () => undefined,
    onFull: () => undefined,
    onRoom: () => undefined,
    onSent: () => undefined,
  });
  const told = new AbortController();
  async function* numbered(): AsyncGenerator<OriginatedLine> {
    for (const line of lines) {
      read++;
      yield await Promise.resolve({ line, origin: `events.ndjson:${read}` });
    }
  }
  const metrics = createMetrics();
  const intake = createIntake(sender, metrics, logger);
  const done = sendEventLines({ lines: numbered(), ingest, intake, sender, signal: told.signal });
  const openLog = (): void => {
    open = true;
    waiting.forEach((go) => go());
  };
  return { done, sent, openLog, sender, read: () => read };
}

const passed = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));

describe('events of files', () => {
  test('are sent, and invalid ones to the dead letters with their place; what became of them is counted', async () => {
    const { done, sent, openLog } = sending([
      LINE,
      Buffer.from('{"id":'),
      Buffer.from('  '),
      Buffer.from('{"message":"pong"}'),
      { tooLong: 70_000_000 },
    ]);
    openLog();
    expect(await done).toEqual({ events: 1, skipped: 1, invalid: 2 });
    expect(sent.map(({ topic, headers }) => [topic, headers?.['source']])).toEqual([
      [topics.events, undefined],
      [topics.deadLetters, 'events.ndjson:2'],
      [topics.deadLetters, 'events.ndjson:5'],
    ]);
  });

  test('are not read further than two pieces while the log takes none, and are all acknowledged in the end', async () => {
    const lines = 20_000;
    const { done, sent, openLog, read } = sending(Array.from({ length: lines }, () => LINE));
    await passed();
    expect(read()).toBeGreaterThan(0);
    expect(read()).toBeLessThanOrEqual(2_000);
    openLog();
    expect(await done).toEqual({ events: lines, skipped: 0, invalid: 0 });
    expect(sent).toHaveLength(lines);
  });

  test('are not done when the bridge stops before the log has them', async () => {
    const { done, sender } = sending([LINE]);
    const failed = expect(done).rejects.toThrow(/stopped before/);
    await passed();
    await sender.stop();
    await failed;
  });
});
