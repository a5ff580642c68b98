import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createMemoryCluster, type Log, type LogRecord, type MemoryCluster, type Subscription } from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import type { SinkOptions } from '../../../src/sink/options';
import type { RunningSink } from '../../../src/sink/sink';
import type { Store } from '../../../src/store';
import { STATE_TOPIC, startTestSink, tableOf, until } from '../../support/clickhouse/sink';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';

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

interface Started {
  readonly sink: RunningSink;
  readonly invalid: { offset: number; reason: string }[];
  /** What was said of them. */
  readonly messages: string[];
}

async function start(log: Log, options: Partial<SinkOptions> = {}): Promise<Started> {
  const invalid: Started['invalid'] = [];
  const messages: string[] = [];
  const { sink } = await startTestSink(tests, log, {
    onInvalid: (record, reason, message) => {
      invalid.push({ offset: record.offset, reason });
      messages.push(message);
      return Promise.resolve();
    },
    ...options,
  });
  running.push(sink);
  return { sink, invalid, messages };
}

const put = async (cluster: MemoryCluster, ...values: readonly (readonly [string, object | string | null])[]) => {
  const log = cluster.connect();
  const producer = await log.createProducer();
  await producer.send(
    values.map(([key, value]) => ({
      topic: STATE_TOPIC,
      key,
      value: value === null ? null : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
      timestamp: Date.UTC(2026, 0, 1),
    })),
  );
  await producer.close();
};
const table = () => tableOf(tests);
/** Where a new member of the group would start. */
async function committed(cluster: MemoryCluster): Promise<Map<number, number | null>> {
  const found = new Map<number, number | null>();
  const log = cluster.connect();
  const reader = await log.subscribe({
    group: 'sink',
    topic: STATE_TOPIC,
    onAssigned: (partitions) => {
      for (const { partition, committedOffset } of partitions) found.set(partition, committedOffset);
      return Promise.resolve(new Map());
    },
    onRevoked: () => undefined,
    onRecords: () => undefined,
  });
  await until(
    () => found.size,
    (size) => size > 0,
  );
  await reader.stop();
  return found;
}
/** The store, with its next inserts failing so many times. */
function failing(store: Store, error: unknown, times = Infinity): Store & { attempts(): number; heal(): void } {
  let left = times;
  let attempts = 0;
  const client = Object.create(store.client) as Store['client'];
  client.exec = (params: Parameters<Store['client']['exec']>[0]) => {
    attempts += 1;
    if (left > 0) {
      left -= 1;
      return Promise.reject(error);
    }
    return store.client.exec(params);
  };
  return { ...store, client, attempts: () => attempts, heal: () => void (left = 0) };
}

test('records become rows, changes replace them, tombstones remove them', async () => {
  const cluster = createMemoryCluster({ partitions: 3 });
  await start(cluster.connect());
  await put(cluster, ['a', { state: '1' }], ['b', { state: '1' }], ['c', { state: '1' }]);
  await put(cluster, ['a', { state: '2' }], ['b', null]);
  expect(await until(table, (rows) => rows['a'] === '2' && !('b' in rows))).toEqual({ a: '2', c: '1' });
});

test('a clean stop stores and commits what was read, and the next sink continues there', async () => {
  const cluster = createMemoryCluster({ partitions: 1 });
  const metrics = createMetrics();
  const { sink } = await start(cluster.connect(), { metrics, flush: { rows: 1_000, bytes: 1e6, ms: 3_600_000 } });
  await put(cluster, ...Array.from({ length: 250 }, (_, i) => [`c${i}`, { state: 'x' }] as const));
  const buffered = async () => (await metrics.sinkBufferRows.get()).values[0]?.value;
  await until(buffered, (rows) => rows === 250);
  await sink.stop();
  await sink.done;
  expect(Object.keys(await table())).toHaveLength(250);
  expect(await committed(cluster)).toEqual(new Map([[0, 250]]));

  const { log, read } = counting(cluster);
  await start(log);
  await put(cluster, ['later', { state: 'y' }]);
  await until(table, (rows) => 'later' in rows);
  expect(read()).toBe(1);
});

/** The log of the cluster, and how many records its group was given. */
function counting(cluster: MemoryCluster) {
  const log = cluster.connect();
  let records = 0;
  const subscribe: Log['subscribe'] = (subscription) =>
    log.subscribe({
      ...subscription,
      onRecords: (partition, some, nextOffset) => {
        records += some.length;
        subscription.onRecords(partition, some, nextOffset);
      },
    });
  return { log: { ...log, subscribe }, read: () => records };
}

/** The log of the cluster; its commits get through until one reaches `last`, then fail. */
function lossy(cluster: MemoryCluster, last: number): Log & { losing(): boolean } {
  const log = cluster.connect();
  let losing = false;
  return {
    ...log,
    losing: () => losing,
    subscribe: async (subscription) => {
      const inner = await log.subscribe(subscription);
      const commits = inner.commit.bind(inner);
      return Object.assign(inner, {
        commit: async (offsets: Parameters<typeof commits>[0]) => {
          if (losing) throw new Error('lost');
          await commits(offsets);
          losing = offsets.some(({ offset }) => offset === last);
        },
      });
    },
  };
}

async function storeWithLostCommit(cluster: MemoryCluster): Promise<void> {
  const log = lossy(cluster, 1);
  const { sink } = await start(log);
  await put(cluster, ['a', { state: '1' }]);
  await until(log.losing, Boolean);
  await put(cluster, ['b', { state: '1' }], ['c', { state: '1' }]);
  await until(table, (rows) => 'c' in rows);
  await sink.stop();
}

test('after a lost commit the sink starts at the position of the store, not at the committed one', async () => {
  const cluster = createMemoryCluster({ partitions: 1 });
  await storeWithLostCommit(cluster);
  const { log, read } = counting(cluster);
  await start(log);
  await put(cluster, ['d', { state: '1' }]);
  await until(table, (rows) => 'd' in rows);
  expect(read()).toBe(1);
});

test('how far it is gets noted although nothing more comes', async () => {
  const cluster = createMemoryCluster({ partitions: 1 });
  const { sink } = await start(cluster.connect());
  await put(cluster, ['a', { state: '1' }], ['a', { state: '2' }]);
  await until(
    () => sink.stored().get(0),
    (offset) => offset === 2,
  );
  const noted = () => tests.rows(`SELECT version FROM \`${tests.store.database}\`.queue_conversation_progress`);
  expect(await until(noted, (rows) => rows.length > 0)).toEqual([{ version: '1' }]);
});

test('a sink with emptied tables reads everything again, whatever was committed and noted', async () => {
  const cluster = createMemoryCluster({ partitions: 1 });
  await storeWithLostCommit(cluster);
  for (const name of ['history', 'state']) {
    await tests.store.client.command({
      query: `TRUNCATE TABLE \`${tests.store.database}\`.queue_conversation_${name}`,
    });
  }
  await start(cluster.connect());
  expect(await until(table, (rows) => 'c' in rows)).toEqual({ a: '1', b: '1', c: '1' });
});

test('while ClickHouse is down it keeps trying, says so, commits nothing, and loses nothing', async () => {
  const cluster = createMemoryCluster({ partitions: 2 });
  const store = failing(tests.store, Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
  const { sink } = await start(cluster.connect(), { store, flush: { rows: 10, bytes: 1e6, ms: 5 } });
  const rows = Array.from({ length: 300 }, (_, i) => [`c${i}`, { state: 'x' }] as const);
  for (let i = 0; i < rows.length; i += 20) await put(cluster, ...rows.slice(i, i + 20));
  await until(store.attempts, (attempts) => attempts > 5);
  expect(sink.ready()).toBe(false);
  expect(sink.state()).toMatchObject({ available: false, error: 'connect ECONNREFUSED' });
  expect(await table()).toEqual({});
  store.heal();
  await until(table, (found) => Object.keys(found).length === 300);
  await until(() => sink.ready(), Boolean);
  await sink.stop();
  const ends = await committed(cluster);
  expect([...ends.values()].reduce((sum: number, offset) => sum + (offset ?? 0), 0)).toBe(300);
});

test('a stop during an outage is bounded, and what was not stored is read again', async () => {
  const cluster = createMemoryCluster({ partitions: 1 });
  const store = failing(tests.store, Object.assign(new Error('away'), { code: '210', type: 'NETWORK_ERROR' }));
  const { sink } = await start(cluster.connect(), { store, stopTimeoutMs: 50 });
  await put(cluster, ['a', { state: '1' }]);
  await until(store.attempts, (attempts) => attempts > 2);
  await sink.stop();
  await sink.done;
  expect(await committed(cluster)).toEqual(new Map([[0, null]]));
  await start(cluster.connect());
  expect(await until(table, (rows) => 'a' in rows)).toEqual({ a: '1' });
});

test('a stop does not wait longer for a registry that does not answer', async () => {
  const cluster = createMemoryCluster({ partitions: 1 });
  const asked: unknown[] = [];
  const { sink } = await start(cluster.connect(), {
    stopTimeoutMs: 20,
    prepare: (values) => {
      asked.push(values);
      return new Promise(() => undefined);
    },
  });
  await put(cluster, ['a', { state: '1' }]);
  await until(
    () => asked.length,
    (length) => length > 0,
  );
  await sink.stop();
  expect(await committed(cluster)).toEqual(new Map([[0, null]]));
});

test('records that cannot be read, or that ClickHouse refuses, are handed over; the others are stored', async () => {
  const cluster = createMemoryCluster({ partitions: 1 });
  const { sink, invalid, messages } = await start(cluster.connect());
  await put(
    cluster,
    ['a', { state: '1' }],
    ['b', 'garbage'],
    ['c', { connected_time: 'never', subject: 'a secret' }],
    ['d', { state: '1' }],
  );
  await until(table, (rows) => 'd' in rows && 'a' in rows);
  await until(
    () => invalid.length,
    (length) => length === 2,
  );
  expect(invalid).toEqual([
    { offset: 1, reason: 'not-avro' },
    { offset: 2, reason: 'refused-by-store' },
  ]);
  // ClickHouse's own words would quote the row.
  expect(messages[1]).toMatch(/^ClickHouse refuses the row with code \d+ \([A-Z_]+\)$/);
  await sink.stop();
  expect(await committed(cluster)).toEqual(new Map([[0, 4]]));
});

test('too many bad records end the sink, before it sends the whole topic to the dead letters', async () => {
  const cluster = createMemoryCluster({ partitions: 1 });
  const { sink, invalid } = await start(cluster.connect(), { deadLetterLimits: { maxConsecutive: 3, maxRatio: 0 } });
  const bad = (key: string) => [key, { connected_time: 'never' }] as const;
  await put(cluster, bad('a'), ['b', 'garbage'], ['good', { state: '1' }], bad('c'), bad('d'), ['e', 'garbage']);
  await expect(sink.done).rejects.toThrow(
    /state\[0\]: 3 records in a row cannot be read or stored, the first at offset 3 \(not-avro: no Avro\).*DLQ_MAX_CONSECUTIVE=0/,
  );
  expect(invalid.map(({ offset }) => offset)).toEqual([0, 1, 3, 4]);
  await sink.stop();
  expect(await committed(cluster)).toEqual(new Map([[0, null]]));
});

test('when a record cannot even be handed over, the sink ends with that error and commits nothing of it', async () => {
  const cluster = createMemoryCluster({ partitions: 1 });
  const { sink } = await start(cluster.connect(), {
    onInvalid: () => Promise.reject(new Error('dead letters are away')),
  });
  await put(cluster, ['a', 'garbage']);
  await expect(sink.done).rejects.toThrow('dead letters are away');
  expect(sink.ready()).toBe(false);
  await sink.stop();
  expect(await committed(cluster)).toEqual(new Map([[0, null]]));
});

test('a sink forgets a partition that was taken away, and commits nothing more of it', async () => {
  const commits: { partition: number; offset: number }[] = [];
  const holder: { subscription?: Subscription } = {};
  const log: Log = {
    ...createMemoryCluster({ partitions: 2 }).connect(),
    subscribe: (subscription) => {
      holder.subscription = subscription;
      return Promise.resolve({
        done: new Promise<void>(() => undefined),
        status: () => [],
        ready: () => true,
        turns: () => null,
        pause: () => undefined,
        resume: () => undefined,
        commit: (offsets) => {
          commits.push(...offsets.map(({ partition, offset }) => ({ partition, offset })));
          return Promise.resolve();
        },
        stop: () => Promise.resolve(),
      });
    },
  };
  const store = failing(tests.store, new Error('away'));
  await start(log, { store, flush: { rows: 1, bytes: 1e6, ms: 1 } });
  const { subscription } = holder;
  if (subscription === undefined) throw new Error('not subscribed');
  const assigned = (partition: number) => ({
    partition,
    committedOffset: 0,
    committedMetadata: null,
    beginningOffset: 0,
    endOffset: 0,
  });
  const record = (partition: number, offset: number): LogRecord => ({
    ...{ topic: STATE_TOPIC, partition, offset, timestamp: 0, headers: {} },
    key: Buffer.from(`p${partition}-${offset}`),
    value: Buffer.from('{}'),
  });
  await subscription.onAssigned([assigned(0), assigned(1)]);
  for (let offset = 0; offset < 6; offset += 1) subscription.onRecords(0, [record(0, offset)], offset + 1);
  subscription.onRecords(1, [record(1, 0)], 1);
  await until(store.attempts, (attempts) => attempts > 3);
  subscription.onRevoked([0]);
  await subscription.onAssigned([assigned(0)]);
  store.heal();
  await until(
    () => commits.length,
    (length) => length > 0,
  );
  subscription.onRecords(0, [record(0, 0)], 1);
  await until(
    () => commits.filter(({ partition }) => partition === 0).length,
    (length) => length > 0,
  );
  expect(commits).toEqual([
    { partition: 1, offset: 1 },
    { partition: 0, offset: 1 },
  ]);
});

test('offsets of markers alone are committed too', async () => {
  const cluster = createMemoryCluster({ partitions: 1 });
  const log = cluster.connect();
  const holder: { subscription?: Subscription } = {};
  const seen: Log = {
    ...log,
    subscribe: (subscription) => {
      holder.subscription = subscription;
      return log.subscribe(subscription);
    },
  };
  const { sink } = await start(seen);
  await put(cluster, ['a', { state: '1' }]);
  await until(table, (rows) => 'a' in rows);
  holder.subscription?.onRecords(0, [], 2);
  await sink.stop();
  expect(await committed(cluster)).toEqual(new Map([[0, 2]]));
});
