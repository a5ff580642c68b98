import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Name, nameKey } from '../../../src/common';
import { createMemoryCluster, type Log, type MemoryCluster } from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { followNames, type NamesCodec, type NamesOptions } from '../../../src/sink/names-table';
import { compacted, until } from '../../support/clickhouse/sink';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { QUIET } from '../../support/clickhouse/store-rows';

const TOPIC = 'names';
let tests: TestStore;
let cluster: MemoryCluster;
const stops: (() => Promise<void>)[] = [];
beforeAll(async () => {
  tests = await storeForTests();
});
afterAll(() => tests.close());
beforeEach(async () => {
  await tests.clear();
  cluster = createMemoryCluster({ partitions: 1 });
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** Records are JSON here; that they are Avro in production is the codec's concern. */
const JSON_CODEC: NamesCodec = {
  prepare: () => null,
  decode: (value) => {
    const text = value.toString();
    if (text === 'garbage') return { kind: 'invalid', message: 'no Avro' };
    return { kind: 'name', name: JSON.parse(text) as Name };
  },
};

function follow(options: Partial<NamesOptions> = {}) {
  const metrics = createMetrics();
  const names = followNames({
    store: tests.store,
    log: cluster.connect(),
    topic: TOPIC,
    codec: () => Promise.resolve(JSON_CODEC),
    metrics,
    logger: QUIET,
    backOff: { firstMs: 1, maxMs: 5 },
    retryMs: 1,
    ...options,
  });
  stops.push(names.stop);
  const written = async (): Promise<number> =>
    (await metrics.sinkRows.get()).values.find(({ labels }) => labels.table === 'names')?.value ?? 0;
  return { ...names, written };
}

/** Id → name of queues; null forgets it. */
async function put(names: Readonly<Record<string, string | null>>, into = cluster): Promise<void> {
  const producer = await into.connect().createProducer();
  await producer.send(
    Object.entries(names).map(([id, name]) => ({
      topic: TOPIC,
      key: nameKey({ kind: 'queue', id }),
      value: name === null ? null : Buffer.from(name === 'garbage' ? name : JSON.stringify(aName(id, name))),
    })),
  );
  await producer.close();
}
const aName = (id: string, name: string): Name => ({ kind: 'queue', id, name, goneSince: null });

async function table(): Promise<Record<string, unknown>> {
  const rows = await tests.rows(`SELECT id, name FROM \`${tests.store.database}\`.names FINAL WHERE kind = 'queue'`);
  return Object.fromEntries(rows.map(({ id, name }) => [String(id), name]));
}
const becomes = (wanted: Record<string, string>) =>
  until(table, (rows) => JSON.stringify(Object.entries(rows).sort()) === JSON.stringify(Object.entries(wanted).sort()));

/** With the id of a topic, which the memory's log does not tell. */
const withId = (log: Log, id: () => string): Log => ({ ...log, topicId: () => Promise.resolve(id()) });

describe('the table of names follows its topic', () => {
  test('with all that it has, and with every change', async () => {
    await put({ q1: 'Sales', q2: 'Support' });
    const { tried } = follow();
    await tried;
    expect(await table()).toEqual({ q1: 'Sales', q2: 'Support' });
    await put({ q1: 'Sales EMEA', q3: '"Quoted"\n', q2: null });
    await becomes({ q1: 'Sales EMEA', q3: '"Quoted"\n' });
  });

  test('a name that is gone at Genesys stays, and says since when', async () => {
    const producer = await cluster.connect().createProducer();
    const gone: Name = { kind: 'user', id: 'u1', name: 'Ada', goneSince: Date.UTC(2026, 2, 1) };
    await producer.send([{ topic: TOPIC, key: nameKey(gone), value: Buffer.from(JSON.stringify(gone)) }]);
    await follow().tried;
    expect(await tests.rows(`SELECT kind, name, gone_since FROM \`${tests.store.database}\`.names FINAL`)).toEqual([
      { kind: 'user', name: 'Ada', gone_since: '2026-03-01T00:00:00.000Z' },
    ]);
  });

  test('a sink that starts again writes what it missed, and nothing else', async () => {
    await put({ q1: 'Sales', q2: 'Support', q3: 'Claims' });
    const first = follow();
    await first.tried;
    await first.stop();
    await put({ q1: 'Sales EMEA', q3: null });
    const second = follow();
    await second.tried;
    expect(await table()).toEqual({ q1: 'Sales EMEA', q2: 'Support' });
    expect(await second.written()).toBe(2);
    const third = follow();
    await third.tried;
    expect(await third.written()).toBe(0);
  });

  test('a name whose tombstone was compacted away leaves the table', async () => {
    await put({ q1: 'Sales', q2: 'Support' });
    await follow().tried;
    await Promise.all(stops.splice(0).map((stop) => stop()));
    await put({ q1: null, q3: 'Claims' });
    const log = compacted(cluster.connect(), ({ key }) => String(key) === 'queue:q1');
    await follow({ log }).tried;
    expect(await table()).toEqual({ q2: 'Support', q3: 'Claims' });
  });

  test('a topic that is recreated wins with its low offsets, also while it is read', async () => {
    const topicIds = ['first'];
    const ids = () => topicIds.at(-1) ?? '';
    await put({ q1: 'Sales', q2: 'Support' });
    await put({ q1: 'Sales EMEA', q2: 'Support EMEA' });
    const recreated = createMemoryCluster({ partitions: 1 });
    const [old, next] = [cluster.connect(), recreated.connect()];
    const current = () => (ids() === 'first' ? old : next);
    const log: Log = withId(
      { ...old, read: (r) => current().read(r), endOffsets: (t) => current().endOffsets(t) },
      ids,
    );
    await follow({ log }).tried;
    await put({ q1: 'Sales again' }, recreated);
    topicIds.push('second');
    // Of the old topic nothing more is taken.
    await put({ q2: 'of the old topic' });
    await becomes({ q1: 'Sales again' });
  });

  test('a topic that is empty as yet takes no name away', async () => {
    const topicIds = ['first'];
    const log = withId(cluster.connect(), () => topicIds.at(-1) ?? '');
    await put({ q1: 'Sales' });
    const first = follow({ log });
    await first.tried;
    await first.stop();
    cluster = createMemoryCluster({ partitions: 1 });
    topicIds.push('second');
    await follow({ log: withId(cluster.connect(), () => 'second') }).tried;
    expect(await table()).toEqual({ q1: 'Sales' });
  });

  test('what cannot be read is left out', async () => {
    const producer = await cluster.connect().createProducer();
    await producer.send([{ topic: TOPIC, key: 'no key of a name', value: Buffer.from('{}') }]);
    await put({ q1: 'garbage', q2: 'Support' });
    await follow().tried;
    expect(await table()).toEqual({ q2: 'Support' });
  });

  test('what cannot be begun is tried again', async () => {
    await put({ q1: 'Sales' });
    const refusals = [new Error('the registry is away')];
    const { tried } = follow({
      codec: () => {
        const refusal = refusals.pop();
        return refusal === undefined ? Promise.resolve(JSON_CODEC) : Promise.reject(refusal);
      },
    });
    await tried;
    await becomes({ q1: 'Sales' });
  });
});
