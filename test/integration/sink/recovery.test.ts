import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { Log } from '../../../src/log';
import { cleanUp } from '../../../src/sink/cleanup';
import type { RunningSink } from '../../../src/sink/sink';
import { claimEpoch, createProgress, migrate, noteErasures, type Store, sweepErasures } from '../../../src/store';
import {
  aStateTopic,
  compacted,
  noteWatermark,
  startTestSink,
  STATE_TOPIC,
  tableOf,
  until,
  type StartedSink,
} from '../../support/clickhouse/sink';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { QUIET, tombstone, upsert, writerInto } from '../../support/clickhouse/store-rows';
import { aVisit } from '../../support/conversation/rows';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
let tests: TestStore;
const running: RunningSink[] = [];

beforeAll(async () => {
  tests = await storeForTests();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((sink) => sink.stop()));
  await tests.clear();
});
afterAll(() => tests.close());

const start = async (...args: Parameters<typeof startTestSink> extends [unknown, ...infer Rest] ? Rest : never) => {
  const started = await startTestSink(tests, ...args);
  running.push(started.sink);
  return started;
};
const table = () => tableOf(tests);
const storedUpTo = ({ sink }: StartedSink, offset: number) =>
  until(
    () => sink.stored().get(0),
    (stored) => stored === offset,
  );
const rereads = async ({ metrics }: StartedSink) =>
  (await metrics.sinkRereads.get()).values.map(({ labels }) => labels['reason']);

const awaySince = (ms: number, version: number) =>
  noteWatermark(tests, { topic: STATE_TOPIC, version, watermark: Date.now() - ms });

describe('a sink that was down', () => {
  const withoutB = (log: Log) => compacted(log, ({ key }) => key?.toString() === 'b');

  const storedAndLeft = async () => {
    const topic = aStateTopic();
    await topic.put(['a', '1'], ['b', '1'], ['c', '1']);
    const first = await start(topic.cluster.connect(), { tombstoneRetentionMs: DAY_MS });
    await storedUpTo(first, 3);
    await first.sink.stop();
    // b ends and is compacted away, its tombstone too.
    await topic.put(['b', null], ['c', '2']);
    return topic;
  };

  test('a sink that was down for longer than tombstones are kept reads everything again, and rows that ended meanwhile are gone', async () => {
    const { cluster } = await storedAndLeft();
    await awaySince(20 * HOUR_MS, 2);
    const again = await start(withoutB(cluster.connect()), { tombstoneRetentionMs: DAY_MS });
    await storedUpTo(again, 5);
    expect(await table()).toEqual({ a: '1', c: '2' });
    expect(await rereads(again)).toEqual(['outdated']);
  });

  test('for a shorter time continues where it was', async () => {
    const { cluster } = await storedAndLeft();
    await awaySince(2 * HOUR_MS, 2);
    const again = await start(cluster.connect(), { tombstoneRetentionMs: DAY_MS });
    await storedUpTo(again, 5);
    expect(await table()).toEqual({ a: '1', c: '2' });
    expect(await rereads(again)).toEqual([]);
  });

  test('and has lost its note reads everything again, and what ended unseen is gone', async () => {
    const { cluster } = await storedAndLeft();
    const progress = `\`${tests.store.database}\`.queue_conversation_progress`;
    await tests.store.client.command({ query: `TRUNCATE TABLE ${progress}` });
    const again = await start(withoutB(cluster.connect()));
    await storedUpTo(again, 5);
    expect(await table()).toEqual({ a: '1', c: '2' });
    expect(await rereads(again)).toEqual(['unknown']);
  });

  test('a sink whose next records were deleted reads everything again, and rows that ended there are gone', async () => {
    const { cluster } = await storedAndLeft();
    cluster.deleteRecords(STATE_TOPIC, 0, 4);
    const again = await start(cluster.connect());
    await storedUpTo(again, 5);
    expect(await table()).toEqual({ c: '2' });
    expect(await rereads(again)).toEqual(['outdated']);
  });

  test('a running sink ends if records are deleted before it reads them, and the next one reads everything again', async () => {
    const topic = aStateTopic();
    await topic.put(['a', '1'], ['b', '1'], ['c', '1']);
    const log = topic.cluster.connect();
    const first = await start(log);
    await storedUpTo(first, 3);
    await first.sink.stop();
    const deleting: Log = {
      ...log,
      subscribe: (subscription) =>
        log.subscribe({
          ...subscription,
          onAssigned: async (assigned) => {
            const chosen = await subscription.onAssigned(assigned);
            await topic.put(['b', null], ['c', '2']);
            topic.cluster.deleteRecords(STATE_TOPIC, 0, 4);
            return chosen;
          },
        }),
    };
    const { sink } = await start(deleting);
    await expect(sink.done).rejects.toThrow(
      /^state\/0: somebody deleted the records from offset 3 on and below 4 before/,
    );
    await storedUpTo(await start(log), 5);
    expect(await table()).toEqual({ c: '2' });
  });

  test('a sink that reads again stores each tombstone once, before the rows', async () => {
    const topic = aStateTopic();
    await topic.put(['a', '1'], ['a', null], ['b', '1'], ['b', null], ['c', '1']);
    const started = await start(topic.cluster.connect());
    await storedUpTo(started, 5);
    await topic.put(['c', null]);
    await storedUpTo(started, 6);
    expect(await table()).toEqual({});
    const rows = (await started.metrics.sinkRows.get()).values.map(({ value }) => value);
    expect(rows).toEqual([6]);
  });

  /** The offsets that a sink with such batches reads again after it looked for tombstones. */
  const readAgain = async (rows: number): Promise<readonly number[]> => {
    const topic = aStateTopic();
    await topic.put(['a', '1'], ['b', '1'], ['b', '2'], ['a', null], ['c', '1'], ['b', null], ['d', '1']);
    const log = topic.cluster.connect();
    const offsets: number[] = [];
    const watched: Log = {
      ...log,
      subscribe: (subscription) =>
        log.subscribe({
          ...subscription,
          onRecords: (partition, records, nextOffset) => {
            offsets.push(...records.map(({ offset }) => offset));
            subscription.onRecords(partition, records, nextOffset);
          },
        }),
    };
    const started = await start(watched, { flush: { rows, bytes: 1e6, ms: 1 } });
    await storedUpTo(started, 7);
    expect(await table()).toEqual({ c: '1', d: '1' });
    return offsets;
  };
  test('a sink reads again only what its search for tombstones did not keep', async () => {
    expect(await readAgain(1)).toEqual([4, 5, 6]);
  });
  test('a sink reads nothing again if it could keep everything', async () => {
    expect(await readAgain(2)).toEqual([]);
  });

  test('a running sink that is behind for too long ends instead of continuing', async () => {
    const topic = aStateTopic();
    const { sink } = await start(topic.cluster.connect(), { tombstoneRetentionMs: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await topic.put(['a', '1']);
    await expect(sink.done).rejects.toThrow(/delete\.retention\.ms/);
  });
});

describe('a sink that runs while ClickHouse loses what it had', () => {
  const noting = { everyMs: 50, confirmMs: 200 };
  const identity = { topic: STATE_TOPIC, id: 'the id' };
  const query = (text: string) =>
    tests.store.client.command({ query: text.replaceAll('@', `\`${tests.store.database}\``) });
  const tables = ['history', 'state', 'progress'].map((name) => `@.queue_conversation_${name}`);
  const noted = async () => {
    const rows = await tests.rows(
      `SELECT toString(max(version)) AS version FROM \`${tests.store.database}\`.queue_conversation_progress`,
    );
    return Number(rows[0]?.['version']);
  };
  type Topic = ReturnType<typeof aStateTopic>;
  const begin = async ({ cluster }: Topic, options: Parameters<typeof start>[1] = {}) => {
    const epoch = await claimEpoch(tests.store, identity);
    const log: Log = { ...cluster.connect(), topicId: () => Promise.resolve(identity.id) };
    return start(log, { epoch, topicId: identity.id, noting, ...options });
  };
  /** Three rows are in the tables and noted; `b` and `c` do not change any more. */
  const running = async (options: Parameters<typeof start>[1] = {}) => {
    const topic = aStateTopic();
    await topic.put(['a', '1'], ['b', '1'], ['c', '1']);
    const started = await begin(topic, options);
    await storedUpTo(started, 3);
    await until(noted, (version) => version === 2);
    return { topic, started };
  };
  const isRepaired = async (topic: Topic, { sink }: StartedSink) => {
    await sink.stop();
    await begin(topic);
    expect(await until(table, (rows) => 'c' in rows)).toEqual({ a: '2', b: '1', c: '1' });
  };

  const emptyTables = async () => {
    for (const name of tables.slice(0, 2)) await query(`TRUNCATE TABLE ${name}`);
  };
  test.each([
    ['the tables were emptied', emptyTables, /lost rows while.*queue_conversation_history.*Start the sink/],
    ['all of the database was emptied', () => tests.clear(), /held state\/0 up to offset 3, and holds it up to 0 now/],
    [
      'the database was dropped and made again',
      async () => {
        await query('DROP DATABASE @');
        await migrate(tests.store.client, { database: tests.store.database, dryRun: false });
      },
      /held state\/0 up to offset 3, and holds it up to 0 now/,
    ],
  ])(
    'a sink ends if %s, and the next one reads everything again, although rows were stored since',
    async (_, lose, message) => {
      const { topic, started } = await running();
      await lose();
      await topic.put(['a', '2']);
      await expect(started.sink.done).rejects.toThrow(message);
      await isRepaired(topic, started);
    },
  );

  test('a sink ends if the tables came back from a backup, and the next one continues at the position of the backup', async () => {
    const { topic, started } = await running();
    for (const name of tables) await query(`CREATE TABLE ${name}_saved ENGINE = Memory AS SELECT * FROM ${name}`);
    await topic.put(['a', '2'], ['d', '1']);
    await until(noted, (version) => version === 4);
    for (const name of tables) {
      await query(`TRUNCATE TABLE ${name}`);
      await query(`INSERT INTO ${name} SELECT * FROM ${name}_saved`);
      await query(`DROP TABLE ${name}_saved`);
    }
    await expect(started.sink.done).rejects.toThrow(/lost rows while the sink ran/);
    await started.sink.stop();
    await begin(topic);
    expect(await until(table, (rows) => 'd' in rows)).toEqual({ a: '2', b: '1', c: '1', d: '1' });
  });

  test('a sink ends if the tombstones that it stored first are gone before any row came', async () => {
    const topic = aStateTopic();
    await topic.put(['a', '1'], ['a', null]);
    const epoch = await claimEpoch(tests.store, identity);
    const log: Log = { ...topic.cluster.connect(), topicId: () => Promise.resolve(identity.id) };
    const emptying: Log = {
      ...log,
      subscribe: (subscription) =>
        log.subscribe({
          ...subscription,
          onAssigned: async (partitions) => {
            const beginnings = await subscription.onAssigned(partitions);
            await emptyTables();
            return beginnings;
          },
        }),
    };
    const started = await start(emptying, { epoch, topicId: identity.id, noting });
    await expect(started.sink.done).rejects.toThrow(/lost rows while the sink ran/);
    await started.sink.stop();
    await storedUpTo(await begin(topic), 2);
    expect(await table()).toEqual({});
  });

  test('a sink that stops before it is sure of a loss makes the next one read everything again', async () => {
    const { topic, started } = await running({ noting: { everyMs: 50, confirmMs: HOUR_MS } });
    await emptyTables();
    await topic.put(['a', '2']);
    await storedUpTo(started, 4);
    await isRepaired(topic, started);
  });

  test('a sink ends if somebody emptied the visits, and the next one reads all of them again', async () => {
    const options: Parameters<typeof start>[1] = {
      about: 'visits',
      decode: ({ key }) => ({ kind: 'visit', visit: aVisit({ conversation_id: String(key) }) }),
    };
    const visits = () => tests.rows(`SELECT conversation_id FROM \`${tests.store.database}\`.queue_visit ORDER BY ALL`);
    const { topic, started } = await running(options);
    await query('TRUNCATE TABLE @.queue_visit_state');
    await topic.put(['d', '1']);
    await expect(started.sink.done).rejects.toThrow(/queue_visit_state lost rows/);
    await started.sink.stop();
    await begin(topic, options);
    expect(await until(visits, (rows) => rows.length === 4)).toHaveLength(4);
  });

  test('a sink continues while rows change, end, are cleaned up and erased', async () => {
    const { topic, started } = await running();
    for (let round = 0; round < 4; round++) {
      await topic.put([`e${round}`, '1'], [`e${round}`, null], ['a', `${round}`]);
      await noteErasures(tests.store, [{ conversationId: `e${round}`, version: '1000', erasedAt: Date.now() }]);
      await sweepErasures(tests.store, HOUR_MS);
      await cleanUp({ ...started, store: tests.store, graceMs: 0, intervalMs: HOUR_MS, logger: QUIET });
    }
    await topic.put(['b', null], ['a', '10']);
    await until(noted, (version) => version === 16);
    expect(started.sink.ready()).toBe(true);
    expect(await table()).toEqual({ a: '10', c: '1' });
  });
});

describe('a sink at a slow ClickHouse', () => {
  /** It answers late, so the answer is older than what was written meanwhile. */
  const slow = (): Store => {
    const { client } = tests.store;
    const query = async (params: Parameters<typeof client.query>[0]) => {
      const answer = await client.query(params);
      if (params.query.includes('queue_conversation_progress')) await new Promise((done) => setTimeout(done, 60));
      return answer;
    };
    const late = new Proxy(client, {
      get: (target, name) => {
        const value: unknown = name === 'query' ? query : Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    return { ...tests.store, client: late };
  };

  test('a sink does not take notes that were written during a look for lost ones, also when it stops', async () => {
    const warnings: string[] = [];
    const topic = aStateTopic();
    for (let round = 0; round < 5; round++) {
      const { sink } = await start(topic.cluster.connect(), {
        store: slow(),
        noting: { everyMs: 5, confirmMs: 0 },
        logger: pino({ level: 'warn' }, { write: (line: string) => warnings.push(line) }),
      });
      for (let change = 0; change < 10; change++) await topic.put(['a', `${round}.${change}`]);
      await until(table, (rows) => rows['a'] === `${round}.9`);
      await sink.stop();
    }
    expect(warnings).toEqual([]);
    const progress = createProgress(tests.store, STATE_TOPIC, 0);
    expect((await progress.read()).get(0)?.offset).toBe(50);
  });

  test('a sink whose topic got another epoch finds the note that replaced its own', async () => {
    const note = { offset: 3, watermark: Date.now() };
    const old = createProgress(tests.store, STATE_TOPIC, 0);
    await old.write(new Map([[0, note]]));
    await createProgress(tests.store, STATE_TOPIC, 1).write(new Map([[0, { ...note, offset: 1 }]]));
    const progress = `\`${tests.store.database}\`.queue_conversation_progress`;
    await tests.store.client.command({ query: `OPTIMIZE TABLE ${progress} FINAL` });
    expect(await old.missing(new Map([[0, 3]]), [])).toBeNull();
  });
});

describe('a topic that was recreated', () => {
  test('a recreated topic wins with its low offsets, and rows that it lacks are gone once the sink has read it', async () => {
    await writerInto(tests.store).put(
      ...['a', 'b', 'c'].map((key, i) => upsert(1_000 + i, { conversation_id: key, state: 'old' }, i)),
    );
    const topic = aStateTopic();
    await topic.put(['a', 'new'], ['d', 'new'], ['d', null]);
    await storedUpTo(await start(topic.cluster.connect(), { epoch: 1 }), 3);
    expect(await table()).toEqual({ a: 'new' });
    await topic.put(['b', 'again']);
    await until(table, (rows) => rows['b'] === 'again');
  });

  test('and is empty leaves nothing of the one before', async () => {
    await writerInto(tests.store).put(upsert(1_000, { conversation_id: 'a' }));
    await start(aStateTopic().cluster.connect(), { epoch: 1 });
    expect(await until(table, (rows) => Object.keys(rows).length === 0)).toEqual({});
  });

  test('a topic that is recreated while the sink runs ends the sink, and no new record counts as one of the old topic', async () => {
    const topic = aStateTopic();
    let id = 'old';
    const log: Log = { ...topic.cluster.connect(), topicId: () => Promise.resolve(id) };
    const started = await start(log, { topicId: 'old' });
    await topic.put(['a', '1']);
    await storedUpTo(started, 1);
    id = 'new';
    await topic.put(['a', 'new']);
    await expect(started.sink.done).rejects.toThrow(/recreated/);
    expect(await table()).toEqual({ a: '1' });
  });
});

describe('the clean-up', () => {
  const options = (store: Store = tests.store, graceMs = 0) => ({
    store,
    graceMs,
    intervalMs: HOUR_MS,
    logger: QUIET,
    metrics: writerInto(tests.store).metrics,
  });
  const physical = () =>
    tests.rows(
      `SELECT conversation_id, _deleted FROM \`${tests.store.database}\`.queue_conversation_state ORDER BY ALL`,
    );
  const aSecondLater = () => new Promise((resolve) => setTimeout(resolve, 1_100));

  test('removes what ended longer than the grace ago, and nothing else', async () => {
    const writer = writerInto(tests.store);
    await writer.put(upsert(1), upsert(2, { conversation_id: 'live' }));
    await writer.put(tombstone(3));
    await aSecondLater();
    expect(await cleanUp(options(tests.store, HOUR_MS))).toBe(0);
    expect(await physical()).toHaveLength(3);
    expect(await cleanUp(options())).toBe(1);
    expect(await physical()).toEqual([{ conversation_id: 'live', _deleted: 0 }]);
  });

  test('the clean-up leaves a tombstone that still hides a row, because the merge left that row out', async () => {
    const writer = writerInto(tests.store);
    await writer.put(upsert(1));
    await writer.put(tombstone(2));
    await aSecondLater();
    const client = Object.create(tests.store.client) as Store['client'];
    client.command = (params) =>
      params.query.startsWith('OPTIMIZE')
        ? Promise.resolve({ query_id: '', response_headers: {} })
        : tests.store.client.command(params);
    expect(await cleanUp(options({ ...tests.store, client }))).toBeNull();
    expect(await table()).toEqual({});
    expect(await physical()).toHaveLength(2);
  });

  test('is the work of the sink that has partition 0, from time to time', async () => {
    const topic = aStateTopic();
    await topic.put(['a', '1'], ['b', '1'], ['a', null]);
    await start(topic.cluster.connect(), { cleanup: { intervalMs: 50, graceMs: 20_000 } });
    await until(table, (rows) => 'b' in rows);
    expect(await until(physical, (rows) => rows.length === 1)).toEqual([{ conversation_id: 'b', _deleted: 0 }]);
  });

  test('a second reading does not undo the clean-up: an ended conversation does not show again, not for a moment', async () => {
    const topic = aStateTopic();
    await topic.put(['a', '1'], ['b', '1'], ['a', '2'], ['b', null], ['a', null], ['c', '1']);
    const first = await start(topic.cluster.connect());
    await storedUpTo(first, 6);
    await first.sink.stop();
    await aSecondLater();
    expect(await cleanUp(options())).toBe(2);
    await tests.store.client.command({
      query: `TRUNCATE TABLE \`${tests.store.database}\`.queue_conversation_progress`,
    });

    const seen = new Set<string>();
    const client = Object.create(tests.store.client) as Store['client'];
    client.exec = async (params: Parameters<Store['client']['exec']>[0]) => {
      const result = await tests.store.client.exec(params);
      for (const key of Object.keys(await table())) seen.add(key);
      return result;
    };
    const again = await start(topic.cluster.connect(), {
      store: { ...tests.store, client },
      flush: { rows: 1, bytes: 1e6, ms: 1 },
    });
    await storedUpTo(again, 6);
    expect([...seen]).toEqual(['c']);
  });

  test('a sink that could store nothing for long ends and drops its rows, so it does not undo the clean-up', async () => {
    const topic = aStateTopic();
    let isAway = true;
    const client = Object.create(tests.store.client) as Store['client'];
    client.exec = (params: Parameters<Store['client']['exec']>[0]) =>
      isAway ? Promise.reject(new Error('away')) : tests.store.client.exec(params);
    const { sink } = await start(topic.cluster.connect(), {
      store: { ...tests.store, client },
      cleanup: { intervalMs: HOUR_MS, graceMs: 200 },
    });
    await topic.put(['a', '1']);
    await expect(sink.done).rejects.toThrow(/the clean-up may have removed the tombstones/);
    await sink.stop();
    isAway = false;
    expect(await table()).toEqual({});
    await start(topic.cluster.connect());
    await until(table, (rows) => rows['a'] === '1');
  });
});
