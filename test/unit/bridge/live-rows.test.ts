import { afterEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { followLiveRows, type LiveRowsOptions, type RowBack } from '../../../src/bridge/live-rows';
import { createLocalSchemas, createRowReader, type Log } from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { aRow } from '../../support/conversation/rows';
import { aRowTopic } from '../../support/log/row-topic';
import { eventually } from '../../support/processes/until';

const disposers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});

/** A state topic, and tables that are read back from it. */
async function aTopic() {
  const { log, topic, put, row } = await aRowTopic('live');
  const metrics = createMetrics();
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const counted = async (): Promise<string> =>
    metrics.registry.getSingleMetricAsString('queuefold_bridge_unreadable_rows_total');
  const follow = (more: Partial<LiveRowsOptions> = {}) => {
    const reader = createRowReader(createLocalSchemas());
    const live = followLiveRows({ log, topic, reader, metrics, logger, retryMs: 5, ...more });
    disposers.push(live.stop);
    return live;
  };
  return { log, put, row, follow, lines, counted };
}

/** The log, with readings that end when the test says so. */
function breakable(log: Log) {
  const enders: ((error: Error) => void)[] = [];
  const read: Log['read'] = async (request) => {
    const reading = await log.read(request);
    const ended = new Promise<never>((_resolve, reject) => enders.push(reject));
    ended.catch(() => undefined);
    return { ...reading, done: Promise.race([reading.done, ended]) };
  };
  return {
    log: { ...log, read },
    breakFirst: (message: string) => enders[0]?.(new Error(message)),
    readings: () => enders.length,
  };
}

describe('the table, read back', () => {
  test('an unreadable record is counted, named and left out, and the others are read', async () => {
    const topic = await aTopic();
    const unknownSchema = Buffer.from([0, 0, 0, 9, 9, 1, 2]);
    await topic.row({ conversation_id: 'before' });
    await topic.put('garbage', Buffer.from('garbage'));
    await topic.put('unknown', unknownSchema);
    await topic.put(null, Buffer.from('x'));
    const live = topic.follow();
    await live.caughtUp;
    await topic.put('later', Buffer.from('garbage'));
    await topic.row({ conversation_id: 'after' });
    await eventually(() => live.entry('after') !== null);
    expect([...live.rows()].map((row) => row.conversation_id).sort()).toEqual(['after', 'before']);
    expect(live.problem()).toBeNull();
    const counts = await topic.counted();
    expect(counts).toMatch(/reason="not-avro"\} 2/);
    expect(counts).toMatch(/reason="unknown-schema"\} 1/);
    expect(counts).toMatch(/reason="no-key"\} 1/);
    expect(topic.lines.filter((line) => line.includes('cannot read a state record'))).toHaveLength(4);
    expect(topic.lines.join()).toMatch(/"topic":"live\.queue-conversation\.v1","partition":\d,"offset":\d/);
  });

  test('a reading that ends begins again; meanwhile its owner knows that, and the table stays as it was', async () => {
    const topic = await aTopic();
    await topic.row({ conversation_id: 'a' });
    const { log, breakFirst, readings } = breakable(topic.log);
    const live = topic.follow({ log, retryMs: 200 });
    await live.caughtUp;
    breakFirst('it broke');
    await eventually(() => live.problem() === 'it broke');
    expect(live.entry('a')).not.toBeNull();
    await topic.row({ conversation_id: 'b' });
    await eventually(() => live.entry('b') !== null);
    expect(live.problem()).toBeNull();
    expect(readings()).toBe(2);
  });

  test('a log or a registry that refuses at the start ends nobody', async () => {
    const topic = await aTopic();
    await topic.row({ conversation_id: 'a' });
    const refused = { log: 0, registry: 0 };
    const read: Log['read'] = (request) =>
      (refused.log += 1) < 3 ? Promise.reject(new Error('not there')) : topic.log.read(request);
    const known = createRowReader(createLocalSchemas());
    const prepare: typeof known.prepare = (values) =>
      (refused.registry += 1) < 3 ? Promise.reject(new Error('not registered')) : known.prepare(values);
    const live = topic.follow({ log: { ...topic.log, read }, reader: { ...known, prepare } });
    await live.caughtUp;
    expect(live.entry('a')).not.toBeNull();
  });

  test('a row that becomes again what it was is told, with the receive time that did it', async () => {
    const topic = await aTopic();
    const backs: RowBack[] = [];
    const states = ['connected', 'parked', 'connected', 'parked', 'disconnected'];
    const at = (n: number): number => Date.parse('2026-03-02T09:00:00Z') + n * 10_000;
    // What was there at the start is no news, but it is known.
    for (const [n, state] of states.slice(0, 3).entries())
      await topic.row({ conversation_id: 'old', state, db_last_updated: at(n) });
    const live = topic.follow({ onBack: (back) => void backs.push(back) });
    await live.caughtUp;
    expect([live.entry('old')?.row.state, live.entry('old')?.isBack, backs]).toEqual(['connected', true, []]);
    await topic.row({ conversation_id: 'old', state: 'parked', db_last_updated: at(3) });
    await eventually(() => backs.length === 1);
    expect(backs.splice(0).map(({ row }) => row.conversation_id)).toEqual(['old']);
    for (const [n, state] of states.entries()) await topic.row({ conversation_id: 'a', state, db_last_updated: at(n) });
    await eventually(() => live.entry('a')?.row.state === 'disconnected');
    expect(backs.map(({ row, before }) => [row.state, before.state, row.db_last_updated])).toEqual([
      ['connected', 'parked', at(2)],
      ['parked', 'connected', at(3)],
    ]);
  });

  test('a row that is written again is no news, and a row is back until it is another', async () => {
    const topic = await aTopic();
    const backs: RowBack[] = [];
    const live = topic.follow({ onBack: (back) => void backs.push(back) });
    await live.caughtUp;
    const write = async (states: readonly string[]): Promise<boolean | undefined> => {
      for (const state of states) await topic.row({ conversation_id: 'a', state });
      await topic.row(aRow({ conversation_id: `after ${states.join()}` }));
      await eventually(
        () => live.entry(`after ${states.join()}`) !== null && live.entry('a')?.row.state === states.at(-1),
      );
      return live.entry('a')?.isBack;
    };
    expect(await write(['parked', 'parked', 'parked'])).toBe(false);
    expect(await write(['connected', 'parked'])).toBe(true);
    expect(await write(['parked'])).toBe(true);
    expect(backs.map(({ row }) => row.state)).toEqual(['parked']);
    expect(await write(['disconnected'])).toBe(false);
  });

  test('a row that went back while the topic was not read is told when it is read again', async () => {
    const topic = await aTopic();
    const backs: RowBack[] = [];
    const { log, breakFirst } = breakable(topic.log);
    const live = topic.follow({ log, onBack: (back) => void backs.push(back), retryMs: 100 });
    await live.caughtUp;
    for (const state of ['parked', 'connected']) await topic.row({ conversation_id: 'a', state });
    await eventually(() => live.entry('a')?.row.state === 'connected');
    breakFirst('it broke');
    await eventually(() => live.problem() === 'it broke');
    await topic.row({ conversation_id: 'a', state: 'parked' });
    await eventually(() => live.entry('a')?.isBack === true);
    expect(backs.map(({ row }) => row.state)).toEqual(['parked']);
  });
});
