import { beforeEach, describe, expect, test } from '@jest/globals';
import { createNamesKeeper, type NamesKeeperOptions } from '../../../src/bridge/names-keeper';
import { type Name, NAME_KINDS, type Named, nameKey, type NameKind, readNameKey } from '../../../src/common';
import {
  createLocalSchemas,
  createMemoryLog,
  createNameCodec,
  type Log,
  topicNames,
  type ValueCodec,
} from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { QUIET } from '../../support/clickhouse/store-rows';
import { readAll } from '../../support/log/read-all';

const topics = topicNames('test');
const DAY_MS = 86_400_000;
const codecOf = () => createNameCodec(createLocalSchemas(), topics);
let log: Log;
let now = 0;
beforeEach(() => {
  log = createMemoryLog({ partitions: 1 });
  now = Date.UTC(2026, 2, 1);
});

function aKeeper(options: Partial<NamesKeeperOptions> = {}) {
  const metrics = createMetrics();
  const keeper = createNamesKeeper({
    ...{ log, topic: topics.names, codec: codecOf, kinds: NAME_KINDS, keepGoneMs: 90 * DAY_MS, metrics, logger: QUIET },
    now: () => now,
    ...options,
  });
  const changes = async () =>
    Object.fromEntries(
      (await metrics.nameChanges.get()).values
        .filter(({ value }) => value > 0)
        .map(({ labels, value }) => [`${labels.kind} ${labels.change}`, value]),
    );
  return { keep: (lists: Partial<Record<NameKind, readonly Named[]>>) => keeper.keep(listsOf(lists)), changes };
}
const listsOf = (lists: Partial<Record<NameKind, readonly Named[]>>) =>
  new Map(NAME_KINDS.flatMap((kind) => (lists[kind] === undefined ? [] : [[kind, lists[kind]] as const])));

/** Key → value of every record that was written, in their order; the table they make; the codec. */
async function written(): Promise<readonly (readonly [string, Partial<Name> | null])[]> {
  const codec: ValueCodec<Name> = await codecOf();
  return (await readAll(log, topics.names)).map(({ key, value }) => {
    const decoded = value === null ? null : codec.decode(value);
    return [String(key), decoded?.ok === true ? decoded.value : null];
  });
}
const queue = (id: string, name: string, goneSince: number | null = null): readonly [string, Name] => [
  `queue:${id}`,
  { kind: 'queue', id, name, goneSince },
];

const SALES = { id: 'q1', name: 'Sales' };
const SUPPORT = { id: 'q2', name: 'Support' };

describe('the topic of names', () => {
  test('gets what is new, and then only what has changed', async () => {
    const { keep, changes } = aKeeper();
    await keep({ queue: [SALES, SUPPORT], user: [{ id: 'u1', name: 'Ada' }] });
    await keep({ queue: [SALES, SUPPORT], user: [{ id: 'u1', name: 'Ada' }] });
    await keep({ queue: [{ id: 'q1', name: 'Sales EMEA' }, SUPPORT], user: [{ id: 'u1', name: 'Ada' }] });
    expect(await written()).toEqual([
      queue('q1', 'Sales'),
      queue('q2', 'Support'),
      ['user:u1', { kind: 'user', id: 'u1', name: 'Ada', goneSince: null }],
      queue('q1', 'Sales EMEA'),
    ]);
    expect(await changes()).toEqual({ 'queue new': 2, 'user new': 1, 'queue renamed': 1 });
  });

  test('a bridge reads the names back, so another one, or the same one after a restart, writes nothing again', async () => {
    await aKeeper().keep({ queue: [SALES, SUPPORT] });
    const { keep, changes } = aKeeper();
    await keep({ queue: [SALES, SUPPORT] });
    expect(await written()).toHaveLength(2);
    expect(await changes()).toEqual({});
  });

  test('keeps the name of what is gone, marked at the second list that lacks it, and takes the mark away when it is back', async () => {
    const { keep } = aKeeper();
    await keep({ queue: [SALES, SUPPORT] });
    await keep({ queue: [SALES] });
    await keep({ queue: [SALES, SUPPORT] });
    await keep({ queue: [SALES] });
    expect(await written()).toHaveLength(2);
    await keep({ queue: [SALES] });
    await keep({ queue: [SALES] });
    await keep({ queue: [SALES, SUPPORT] });
    expect((await written()).slice(2)).toEqual([queue('q2', 'Support', now), queue('q2', 'Support')]);
  });

  test('asks for another list as long as one lacks a name for the first time, also while another name is found gone', async () => {
    const { keep } = aKeeper();
    await keep({ queue: [SALES, SUPPORT] });
    expect(await keep({ queue: [SUPPORT] })).toBe('look-again');
    expect(await keep({ queue: [] })).toBe('look-again');
    expect(await keep({ queue: [] })).toBeUndefined();
    expect((await written()).slice(2)).toEqual([queue('q1', 'Sales', now), queue('q2', 'Support', now)]);
  });

  test('the bridge forgets a name that has been gone for longer than the history reaches', async () => {
    const { keep, changes } = aKeeper({ keepGoneMs: 30 * DAY_MS });
    await keep({ queue: [SALES, SUPPORT] });
    await keep({ queue: [SALES] });
    await keep({ queue: [SALES] });
    now += 30 * DAY_MS;
    await keep({ queue: [SALES] });
    expect(await written()).toHaveLength(3);
    now += 1;
    await keep({ queue: [SALES] });
    await keep({ queue: [SALES] });
    expect((await written()).slice(3)).toEqual([['queue:q2', null]]);
    expect(await changes()).toEqual({ 'queue new': 2, 'queue gone': 1, 'queue forgotten': 1 });
  });

  test('leaves a kind alone of which there is no list', async () => {
    const { keep } = aKeeper();
    await keep({ queue: [SALES], user: [{ id: 'u1', name: 'Ada' }] });
    for (let look = 0; look < 3; look += 1) await keep({ queue: [SALES] });
    expect(await written()).toHaveLength(2);
  });

  test('forgets the kinds that are no longer wanted, at once, but none that a later version has added', async () => {
    await aKeeper().keep({ queue: [SALES], user: [{ id: 'u1', name: 'Ada' }] });
    const codec = await codecOf();
    const producer = await log.createProducer();
    const later: Name = { kind: 'wrapup-code', id: 'w1', name: 'Sold', goneSince: null };
    await producer.send([{ topic: topics.names, key: nameKey(later), value: codec.encode(later) }]);
    await aKeeper({ kinds: ['queue', 'skill'] }).keep({});
    expect((await written()).slice(3)).toEqual([['user:u1', null]]);
  });

  test('gets no name that is empty, and keeps the one that there was', async () => {
    const { keep } = aKeeper();
    await keep({ queue: [SALES, { id: 'q2', name: '' }] });
    for (let look = 0; look < 3; look += 1) await keep({ queue: [{ id: 'q1', name: '' }] });
    expect(await written()).toEqual([queue('q1', 'Sales')]);
  });

  test('gets again what cannot be read in it', async () => {
    const producer = await log.createProducer();
    await producer.send([{ topic: topics.names, key: 'queue:q1', value: Buffer.from('no Avro') }]);
    await aKeeper().keep({ queue: [SALES] });
    expect((await written()).slice(1)).toEqual([queue('q1', 'Sales')]);
  });
});

test('a key is read back as it was made, whatever an id is made of', () => {
  const ids = ['c1', 'a:b', ' ', 'ü\n'];
  expect(ids.map((id) => readNameKey(nameKey({ kind: 'skill', id })))).toEqual(
    ids.map((id) => ({ kind: 'skill', id })),
  );
  expect(['', 'queue', 'queue:', ':q1'].map(readNameKey)).toEqual([null, null, null, null]);
});
