import { describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { LogProducer, OutRecord } from '../../../src/log/port';
import { createSender } from '../../../src/pipeline/sender';

const record = (key: number): OutRecord => ({ topic: 'events', key: String(key), value: Buffer.from('v') });

/** A log that takes, refuses or leaves unanswered what it is sent. */
function aLog() {
  const taken: (string | Buffer | null)[] = [];
  const calls: number[] = [];
  let answer: 'take' | 'refuse' | 'hang' | 'hold' = 'take';
  let release: () => void = () => undefined;
  const producer: LogProducer = {
    send: (records) => {
      calls.push(records.length);
      if (answer === 'refuse') return Promise.reject(new Error('not enough replicas'));
      if (answer === 'hang') return new Promise(() => undefined);
      const take = () => void taken.push(...records.map(({ key }) => key));
      if (answer === 'hold') return new Promise<void>((resolve) => (release = resolve)).then(take);
      take();
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
  return { producer, taken, calls, answers: (next: typeof answer) => void (answer = next), release: () => release() };
}

function aSender(log: ReturnType<typeof aLog>) {
  const told: string[] = [];
  const sender = createSender({
    producer: log.producer,
    logger: pino({ enabled: false }),
    onFull: () => told.push('full'),
    onRoom: () => told.push('room'),
    onSent: (records) => told.push(`sent ${records.length}`),
  });
  return { sender, told };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('records on their way into the log', () => {
  test('arrive in their order, many at once', async () => {
    const log = aLog();
    const { sender } = aSender(log);
    const keys = Array.from({ length: 1_200 }, (_, key) => key);
    for (const key of keys) sender.add(record(key));
    await until(() => sender.pending() === 0);
    expect(log.taken).toEqual(keys.map(String));
    expect(log.calls.length).toBeLessThan(10);
  });

  test('are tried again while the log refuses them: none is lost, and none overtakes', async () => {
    const log = aLog();
    const { sender } = aSender(log);
    log.answers('refuse');
    for (const key of [1, 2, 3]) sender.add(record(key));
    await until(() => sender.problem() !== null);
    expect(sender.problem()).toBe('not enough replicas');
    sender.add(record(4));
    log.answers('take');
    await until(() => sender.pending() === 0);
    expect(log.taken).toEqual(['1', '2', '3', '4']);
    expect(sender.problem()).toBeNull();
  });

  test('when too many wait, the source is told to stop, once, and to go on when half of them are gone', async () => {
    const log = aLog();
    const { sender, told } = aSender(log);
    log.answers('refuse');
    for (let key = 0; key < 20_001; key++) sender.add(record(key));
    expect(told.filter((each) => each === 'full')).toHaveLength(1);
    log.answers('take');
    await until(() => sender.pending() === 0);
    expect(told.filter((each) => each === 'room')).toHaveLength(1);
    expect(told.slice(0, told.indexOf('room')).filter((each) => each === 'sent 500')).toHaveLength(20);
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
