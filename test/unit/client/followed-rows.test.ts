import { afterEach, describe, expect, test } from '@jest/globals';
import { FollowedRows, type FollowOptions } from '../../../src/client/followed-rows';
import { toConversation } from '../../../src/client/rows';
import type { QueueConversation as Row, RecordProblem } from '../../../src/client/types';
import type { QueueConversation } from '../../../src/conversation';
import { createLocalSchemas, createRowReader, type Log } from '../../../src/log';
import { QUIET } from '../../support/clickhouse/store-rows';
import { aRow } from '../../support/conversation/rows';
import { aRowTopic } from '../../support/log/row-topic';
import { eventually } from '../../support/processes/until';

const disposers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});

/** A topic in memory, and tables of it. The names of memory logs tell topics apart as ids do: a new one, another topic. */
async function aTopic() {
  const remade = { count: 0 };
  const { cluster, log, topic, put, row } = await aRowTopic('client');
  return {
    ...{ cluster, topic, put, row },
    remake: () => {
      cluster.deleteTopic(topic);
      remade.count += 1;
    },
    follow(more: Partial<Omit<FollowOptions<QueueConversation, Row>, 'log'>> & { readonly log?: Partial<Log> } = {}) {
      const topicId = () => Promise.resolve(String(remade.count));
      const source = { topic, reader: createRowReader(createLocalSchemas()), toRow: toConversation };
      const { log: other, ...rest } = more;
      const rows = new FollowedRows<QueueConversation, Row>({
        ...{ source, logger: QUIET, retryMs: 5, checkMs: 5, ...rest },
        log: { ...log, topicId, ...other },
      });
      disposers.push(() => rows.stop());
      return rows;
    },
  };
}

/** Keeps a map by what it is told. */
function aMap(rows: FollowedRows<QueueConversation, Row>) {
  const map = new Map<string, Row>();
  const types: string[] = [];
  void (async () => {
    for await (const change of rows.changes()) {
      types.push(change.type === 'reset' ? 'reset' : `${change.type} ${change.id}`);
      if (change.type === 'reset') map.clear();
      else if (change.type === 'delete') map.delete(change.id);
      else map.set(change.id, change.row);
    }
    types.push('end');
  })();
  return { map, types };
}

describe('a table that follows its topic', () => {
  test('a table has what its topic has, with Dates; later changes and deletions follow', async () => {
    const { row, put, follow } = await aTopic();
    await row({ conversation_id: 'a' });
    await row({ conversation_id: 'gone' });
    await put('gone', null);
    const rows = follow();
    await rows.loaded;
    expect(rows.size).toBe(1);
    expect(rows.get('a')?.connected_time).toEqual(new Date(aRow().connected_time));
    const { map, types } = aMap(rows);
    await row({ conversation_id: 'b', state: 'parked' });
    await put('a', null);
    await eventually(() => map.has('b') && !map.has('a'));
    expect(types).toEqual(['upsert a', 'upsert b', 'delete a']);
    expect(rows.freshness()).toMatchObject({ isReading: true, problem: null, skippedRecords: 0 });
    await rows.stop();
    await eventually(() => types.at(-1) === 'end');
    expect(rows.freshness()).toMatchObject({ isReading: false, problem: 'the table is closed' });
    expect(rows.get('b')?.state).toBe('parked');
  });

  test('an unreadable record is counted, reported and skipped: its conversation stays as it was', async () => {
    const { row, put, follow } = await aTopic();
    await row({ conversation_id: 'a' });
    const problems: RecordProblem[] = [];
    const rows = follow({
      onProblem: (problem) => {
        problems.push(problem);
        throw new Error('whatever a program does');
      },
    });
    await rows.loaded;
    await put('a', Buffer.from('garbage'));
    await put('b', Buffer.from([0, 0, 0, 9, 9, 1, 2]));
    await put(null, Buffer.from('x'));
    await row({ conversation_id: 'after' });
    await eventually(() => rows.get('after') !== undefined && problems.length === 3);
    expect(problems.map(({ reason }) => reason).sort()).toEqual(['no-key', 'not-avro', 'unknown-schema']);
    expect(rows.freshness()).toMatchObject({ isReading: true, skippedRecords: 3 });
    expect([...rows.rows()].map(({ conversation_id }) => conversation_id).sort()).toEqual(['a', 'after']);
  });

  test('a table of a recreated topic says reset, and starts over', async () => {
    const { row, remake, follow } = await aTopic();
    await row({ conversation_id: 'old' });
    await row({ conversation_id: 'both', state: 'parked' });
    const rows = follow();
    await rows.loaded;
    const { map, types } = aMap(rows);
    await eventually(() => map.size === 2);
    remake();
    await row({ conversation_id: 'both', state: 'connected' });
    await row({ conversation_id: 'new' });
    await eventually(() => map.has('new'));
    expect([...map.keys()].sort()).toEqual(['both', 'new']);
    expect(map.get('both')?.state).toBe('connected');
    expect(types.slice(2)).toEqual(['reset', expect.stringMatching(/^upsert/), expect.stringMatching(/^upsert/)]);
    expect(rows.freshness().isReading).toBe(true);
  });

  test('a reading that ends begins again: meanwhile the table stays and says why, and then reports only what differs', async () => {
    const { row, put, follow, cluster } = await aTopic();
    for (const conversation_id of ['same', 'changed', 'gone']) await row({ conversation_id });
    const log = cluster.connect();
    const enders: ((error: Error) => void)[] = [];
    const waits: Promise<void>[] = [];
    const read: Log['read'] = async (request) => {
      await waits.shift();
      let isOver = false;
      const reading = await log.read({
        ...request,
        onRecord: (record) => {
          if (!isOver) request.onRecord(record);
        },
      });
      const ended = new Promise<never>((_resolve, reject) =>
        enders.push((error) => {
          isOver = true;
          reject(error);
        }),
      );
      ended.catch(() => undefined);
      return { ...reading, done: Promise.race([reading.done, ended]) };
    };
    const rows = follow({ log: { read } });
    await rows.loaded;
    const { map, types } = aMap(rows);
    await eventually(() => map.size === 3);
    let goOn: () => void = () => undefined;
    waits.push(new Promise((resolve) => (goOn = resolve)));
    enders[0]?.(new Error('the broker went'));
    await eventually(() => !rows.freshness().isReading);
    expect(rows.freshness().problem).toBe('the broker went');
    await row({ conversation_id: 'changed', state: 'parked' });
    await put('gone', null);
    expect(rows.size).toBe(3);
    goOn();
    await eventually(() => rows.freshness().isReading && types.length === 5);
    expect(types.slice(3).sort()).toEqual(['delete gone', 'upsert changed']);
    expect([...map.keys()].sort()).toEqual(['changed', 'same']);
  });

  test('records behind one whose schema the registry does not tell wait, and the picture does not count as fresh', async () => {
    const { topic, row, put, follow } = await aTopic();
    await row({ conversation_id: 'a' });
    let tell: () => void = () => undefined;
    const schemas = createLocalSchemas();
    const told = new Promise<void>((resolve) => (tell = resolve));
    const writerOf = async (id: number) => {
      if (id === 77) await told;
      return schemas.writerOf(id);
    };
    const source = { topic, reader: createRowReader({ writerOf }), toRow: toConversation };
    const rows = follow({ source });
    await rows.loaded;
    await put('a', Buffer.from([0, 0, 0, 0, 77, 1, 2]));
    await row({ conversation_id: 'behind' });
    await eventually(() => !rows.freshness().isReading);
    const since = Date.now();
    await eventually(() => Date.now() > since + 20);
    expect(rows.freshness().ageMs).toBeGreaterThanOrEqual(20);
    expect(rows.freshness().problem).toMatch(/schema registry/);
    expect(rows.get('behind')).toBeUndefined();
    tell();
    await eventually(() => rows.get('behind') !== undefined);
    expect(rows.freshness()).toMatchObject({ isReading: true, skippedRecords: 1 });
  });

  test('after a pause in which tombstones may have gone, a table is read again', async () => {
    const { row, follow, cluster } = await aTopic();
    await row({ conversation_id: 'a' });
    const log = cluster.connect();
    let readings = 0;
    let watermark = 0;
    const read: Log['read'] = async (request) => {
      readings += 1;
      const reading = await log.read(request);
      const begun = Date.now();
      return {
        ...reading,
        progress: () => ({ ...reading.progress(), watermark: watermark === 0 ? begun : watermark }),
      };
    };
    const rows = follow({ log: { read, tombstoneRetentionMs: () => Promise.resolve(200) } });
    await rows.loaded;
    await eventually(() => readings > 1);
    watermark = Infinity; // from here on it is always complete
    await eventually(() => rows.freshness().isReading);
    expect(rows.get('a')).toBeDefined();
  });

  test('a first reading that took longer than tombstones are kept says so, and begins again', async () => {
    const { row, follow, cluster } = await aTopic();
    await row({ conversation_id: 'a' });
    const log = cluster.connect();
    const keptMs = 1_000;
    let readings = 0;
    const read: Log['read'] = async (request) => {
      readings += 1;
      const reading = await log.read(request);
      if (readings > 1) return reading;
      const slept = new Promise<void>((resolve) => setTimeout(resolve, keptMs + 10));
      return { ...reading, caughtUp: Promise.all([reading.caughtUp, slept]).then(() => undefined) };
    };
    const rows = follow({ log: { read, tombstoneRetentionMs: () => Promise.resolve(keptMs) } });
    await expect(rows.loaded).rejects.toThrow(/keeps tombstones for 1 s only.*delete\.retention\.ms/);
    expect(rows.size).toBe(0);
    await eventually(() => rows.freshness().isReading);
    expect(readings).toBeGreaterThan(1);
    expect(rows.get('a')).toBeDefined();
  });

  test('rows that the source does not keep are not in the table, and those that it keeps no longer leave it', async () => {
    const { topic, row, follow } = await aTopic();
    let since = 10;
    const keeps = ({ connected_time }: Row): boolean => connected_time.getTime() >= since;
    const source = { topic, reader: createRowReader(createLocalSchemas()), toRow: toConversation, keeps };
    await row({ conversation_id: 'before', connected_time: 9 });
    await row({ conversation_id: 'first', connected_time: 10 });
    await row({ conversation_id: 'second', connected_time: 20 });
    const rows = follow({ source });
    await rows.loaded;
    const { types } = aMap(rows);
    await eventually(() => types.length === 2);
    // A version that says otherwise.
    await row({ conversation_id: 'second', connected_time: 5 });
    await eventually(() => types.at(-1) === 'delete second');
    since = 11;
    rows.sweep();
    await eventually(() => types.at(-1) === 'delete first');
    expect(rows.size).toBe(0);
  });
});
