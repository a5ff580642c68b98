import { beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createSender } from '../../../src/bridge/sender';
import { type ConversationEvent, DEFAULT_LIMITS } from '../../../src/conversation';
import { createIngest, type Ingest } from '../../../src/ingest';
import { type LogProducer, type OutRecord, RefusedRecordsError, type ValueCodec } from '../../../src/log';
import { ingestOptions } from '../../support/ingest/ingest-options';
import { eventually } from '../../support/processes/until';

const record = (key: number): OutRecord => ({ topic: 'events', key: String(key), value: Buffer.from('v') });

/** A log that takes, refuses or leaves unanswered what it is sent. */
function aLog() {
  const taken: (string | Buffer | null)[] = [];
  const sent: OutRecord[] = [];
  const calls: number[] = [];
  let answer: 'take' | 'refuse' | 'hang' | 'hold' = 'take';
  let release: () => void = () => undefined;
  let isRefused: (key: OutRecord['key']) => boolean = () => false;
  const producer: LogProducer = {
    send: (records) => {
      calls.push(records.length);
      if (answer === 'refuse') return Promise.reject(new Error('not enough replicas'));
      const refused = records.filter(({ key }) => isRefused(key));
      if (refused.length > 0) {
        const stored = records.filter((each) => !refused.includes(each));
        sent.push(...stored);
        taken.push(...stored.map(({ key }) => key));
        return Promise.reject(new RefusedRecordsError(refused, 'MESSAGE_TOO_LARGE'));
      }
      if (answer === 'hang') return new Promise(() => undefined);
      const take = () => {
        sent.push(...records);
        taken.push(...records.map(({ key }) => key));
      };
      if (answer === 'hold') return new Promise<void>((resolve) => (release = resolve)).then(take);
      take();
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
  return {
    producer,
    taken,
    records: sent,
    calls,
    answers: (next: typeof answer) => void (answer = next),
    refuses: (next: typeof isRefused) => void (isRefused = next),
    release: () => release(),
  };
}

let events: ValueCodec<ConversationEvent>;
let ingest: Ingest;
beforeAll(async () => {
  const options = await ingestOptions();
  events = options.events;
  ingest = createIngest(options);
});

const MIB = 1024 * 1024;

function aSender(log: ReturnType<typeof aLog>, pendingBytes = 64 * MIB) {
  const told: string[] = [];
  const seen = { coalesced: 0, conversations: 0, bytes: 0, mostBytes: 0 };
  const sender = createSender({
    onRefused: ({ topic, key }) => (topic === 'letters' ? null : { topic: 'letters', key, value: null }),
    producer: log.producer,
    logger: pino({ enabled: false }),
    events,
    limits: DEFAULT_LIMITS,
    pendingBytes,
    onCoalesced: (snapshots) => (seen.coalesced += snapshots),
    onPending: (pending) => Object.assign(seen, pending, { mostBytes: Math.max(seen.mostBytes, pending.bytes) }),
    onFull: () => told.push('full'),
    onRoom: () => told.push('room'),
    onSent: (records) => told.push(`sent ${records.length}`),
  });
  return { sender, told, seen };
}

describe('records on their way into the log', () => {
  test('arrive in their order, many at once', async () => {
    const log = aLog();
    const { sender } = aSender(log);
    const keys = Array.from({ length: 1_200 }, (_, key) => key);
    for (const key of keys) sender.add(record(key));
    await eventually(() => sender.pending() === 0);
    expect(log.taken).toEqual(keys.map(String));
    expect(log.calls.length).toBeLessThan(10);
  });

  test('are tried again while the log refuses them: none is lost, and none overtakes', async () => {
    const log = aLog();
    const { sender } = aSender(log);
    log.answers('refuse');
    for (const key of [1, 2, 3]) sender.add(record(key));
    await eventually(() => sender.problem() !== null);
    expect(sender.problem()).toBe('not enough replicas');
    sender.add(record(4));
    log.answers('take');
    await eventually(() => sender.pending() === 0);
    expect(log.taken).toEqual(['1', '2', '3', '4']);
    expect(sender.problem()).toBeNull();
  });

  test('when too many wait, the sender stops the source once, and lets it continue when half of them are gone', async () => {
    const log = aLog();
    const { sender, told } = aSender(log, 8 * MIB);
    log.answers('refuse');
    for (let key = 0; key < 20_001; key++) sender.add(record(key));
    expect(told.filter((each) => each === 'full')).toHaveLength(1);
    log.answers('take');
    await eventually(() => sender.pending() === 0);
    expect(told.filter((each) => each === 'room')).toHaveLength(1);
    const batches = told.slice(0, told.indexOf('room')).filter((each) => each === 'sent 500').length;
    expect(batches * 500).toBeGreaterThan(15_000);
  });

  test('a stop sends what waits', async () => {
    const log = aLog();
    const { sender } = aSender(log);
    for (let key = 0; key < 700; key++) sender.add(record(key));
    expect(await sender.stop()).toEqual({ unsent: 0 });
    expect(log.taken).toHaveLength(700);
  });

  test.each(['refuse', 'hang'] as const)(
    'a stop ends although the log does not take them (%s), and tells how many',
    async (answer) => {
      const log = aLog();
      const { sender } = aSender(log);
      log.answers(answer);
      for (const key of [1, 2, 3]) sender.add(record(key));
      expect(await sender.stop()).toEqual({ unsent: 3 });
    },
  );

  test('flushed waits for the log to acknowledge what was added before, and for nothing added after', async () => {
    const log = aLog();
    const { sender } = aSender(log);
    const settled: string[] = [];
    log.answers('hold');
    sender.add(record(1));
    const first = sender.flushed().then(() => settled.push('first'));
    sender.add(record(2));
    const second = sender.flushed().then(() => settled.push('second'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(settled).toEqual([]);
    log.release();
    await first;
    expect(settled).toEqual(['first']);
    log.release();
    await second;
    expect(log.taken).toEqual(['1', '2']);
  });

  test('flushed resolves at once when nothing waits', async () => {
    await expect(aSender(aLog()).sender.flushed()).resolves.toBeUndefined();
  });

  test('flushed rejects when the sender is stopped with something unsent, before or after the stop', async () => {
    const log = aLog();
    const { sender } = aSender(log);
    log.answers('hang');
    sender.add(record(1));
    const before = expect(sender.flushed()).rejects.toThrow(/stopped before/);
    await sender.stop();
    await before;
    await expect(sender.flushed()).rejects.toThrow(/stopped before/);
  });
});

const at = Date.parse('2026-03-02T09:00:00Z');

/** A snapshot of a conversation that is being handled; `step` changes something that the table shows. */
function snapshot(conversation: number, step: number): { record: OutRecord; event: ConversationEvent } {
  const connectedTime = new Date(at).toISOString();
  const leg = (id: string) => ({ id: `${id}-${conversation}`, state: 'connected', connectedTime, provider: 'Edge' });
  const participants = [
    { id: 'caller', purpose: 'customer', calls: [leg('caller')] },
    { id: 'queue', purpose: 'acd', queueId: 'Q1', connectedTime, calls: [leg('queue')] },
    { id: 'agent', purpose: 'agent', userId: `u${step}`, calls: [{ ...leg('agent'), disconnectType: `step ${step}` }] },
  ];
  const body = JSON.stringify({ id: `c${conversation}`, participants });
  const ingested = ingest.line(Buffer.from(body), at + step * 20_000, 'test');
  if (ingested?.kind !== 'event') throw new Error('expected an event');
  return ingested;
}

/** The last words of each conversation. */
function lastOf(records: readonly OutRecord[]): ReadonlyMap<string, string | null> {
  const last = new Map<string, string | null>();
  for (const { key, value } of records) {
    const decoded = events.decode(value ?? Buffer.alloc(0));
    if (decoded.ok) last.set(String(key), decoded.value.participants.at(-1)?.userId ?? null);
  }
  return last;
}

/** `ABSENT_SNAPSHOTS=1000000` looks longer. */
const SNAPSHOTS = Number(process.env['ABSENT_SNAPSHOTS'] ?? 30_000);

describe('while Kafka does not answer', () => {
  test('what waits is bounded by the conversations, not by their snapshots, and each one’s last word is kept', async () => {
    const conversations = 1_000;
    const log = aLog();
    const { sender, told, seen } = aSender(log, 8 * MIB);
    log.answers('refuse');
    let most = 0;
    for (let count = 0; count < SNAPSHOTS; count++) {
      const { record, event } = snapshot(count % conversations, Math.floor(count / conversations));
      sender.add(record, event);
      most = Math.max(most, sender.pending());
      // The log refuses what is sent meanwhile.
      if (count % 5_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(told).not.toContain('full');
    expect(seen.conversations).toBe(conversations);
    // What is in flight, what was there before the threshold, and one of each.
    expect(most).toBeLessThan(2_000 + conversations + 500);
    expect(seen.mostBytes).toBeLessThan(8 * MIB);
    log.answers('take');
    await eventually(() => sender.pending() === 0);
    const step = `u${Math.floor((SNAPSHOTS - 1) / conversations)}`;
    expect([...lastOf(log.records).values()]).toEqual(Array<string>(conversations).fill(step));
    expect(log.records.length + seen.coalesced).toBe(SNAPSHOTS);
    expect(seen.conversations).toBe(0);
  });

  test('more conversations than fit stop the source', async () => {
    const log = aLog();
    const { sender, told } = aSender(log, 8 * MIB);
    log.answers('refuse');
    for (let conversation = 0; !told.includes('full'); conversation++) {
      const { record, event } = snapshot(conversation, 0);
      sender.add(record, event);
      if (conversation > 20_000) throw new Error('never told to stop');
    }
    log.answers('take');
    await eventually(() => sender.pending() === 0);
    expect(told.filter((each) => each === 'room')).toHaveLength(1);
  });

  test('nothing is merged below the threshold, and nothing that is on its way is changed', async () => {
    const log = aLog();
    const { sender, seen } = aSender(log);
    log.answers('hold');
    const first = snapshot(1, 0);
    sender.add(first.record, first.event);
    for (let step = 1; step < 1_900; step++) {
      const { record, event } = snapshot(1, step);
      sender.add(record, event);
    }
    expect(seen.coalesced).toBe(0);
    for (let step = 1_900; step < 2_100; step++) {
      const { record, event } = snapshot(1, step);
      sender.add(record, event);
    }
    expect(seen.coalesced).toBeGreaterThan(2_000);
    log.answers('take');
    log.release();
    await eventually(() => sender.pending() === 0);
    expect(log.records[0]?.value).toBe(first.record.value);
    expect(lastOf(log.records).get('c1')).toBe('u2099');
  });

  test('an acknowledged merge acknowledges all that went into it, and no more', async () => {
    const log = aLog();
    const { sender } = aSender(log);
    log.answers('hold');
    for (let conversation = 0; conversation < 2_100; conversation++) {
      const { record, event } = snapshot(conversation, 0);
      sender.add(record, event);
    }
    const again = snapshot(2_099, 1);
    sender.add(again.record, again.event);
    let flushed = false;
    const done = sender.flushed().then(() => (flushed = true));
    while (log.records.length < 2_000) {
      expect(flushed).toBe(false);
      log.release();
      await new Promise((resolve) => setImmediate(resolve));
    }
    log.answers('take');
    log.release();
    await done;
    expect(lastOf(log.records).get('c2099')).toBe('u1');
  });

  test('what the log will never take is a dead letter, the others are sent, and what follows is not held up', async () => {
    const log = aLog();
    const { sender } = aSender(log);
    const times = new Map<string, number>();
    // Of 7 the record, of 8 the dead letter, too.
    log.refuses((key) => {
      const before = times.get(String(key)) ?? 0;
      times.set(String(key), before + 1);
      return key === '8' || (key === '7' && before === 0);
    });
    for (let key = 0; key < 10; key++) sender.add(record(key));
    await sender.flushed();
    log.refuses(() => false);
    sender.add(record(10));
    await sender.flushed();
    expect(log.records.filter(({ topic }) => topic === 'events').map(({ key }) => Number(key))).toEqual([
      0, 1, 2, 3, 4, 5, 6, 9, 10,
    ]);
    expect(log.records.filter(({ topic }) => topic === 'letters').map(({ key }) => key)).toEqual(['7']);
    await sender.stop();
  });
});
