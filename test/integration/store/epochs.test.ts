import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { claimEpoch } from '../../../src/store/epochs';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { upsert, writerInto } from '../../support/clickhouse/store-rows';

let tests: TestStore;
beforeAll(async () => {
  tests = await storeForTests();
});
afterEach(() => tests.clear());
afterAll(() => tests.close());

const claim = (id: string | null, topic = 'state') => claimEpoch(tests.store, { topic, id });

test('a topic keeps its epoch, a recreated one gets the next, and the old id does not get another', async () => {
  expect(await claim('a')).toBe(0);
  expect(await claim('a')).toBe(0);
  expect(await claim('b')).toBe(1);
  expect(await claim('a')).toBe(0);
  expect(await claim('b', 'another-prefix')).toBe(2);
});

test('sinks that start at the same moment agree, whatever topics they have met', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 2, maxLength: 12 }),
      async (ids) => {
        await tests.clear();
        const claimed = await Promise.all(ids.map(async (id) => [id, await claim(id)] as const));
        const epochs = new Map(claimed);
        for (const [id, epoch] of claimed) expect(epoch).toBe(epochs.get(id));
        expect([...epochs.values()].sort()).toEqual([...epochs.keys()].map((_, index) => index));
      },
    ),
    { numRuns: 15 },
  );
});

test('rows of an unknown topic lose against every known one', async () => {
  await writerInto(tests.store, { epoch: 2 }).put(upsert(2 ** 40, { state: 'unknown' }));
  expect(await claim('a')).toBe(3);
  expect(await claim('a')).toBe(3);
});

test('a log without ids stays in the latest epoch', async () => {
  expect(await claim(null)).toBe(0);
  await claim('a');
  await claim('b');
  expect(await claim(null)).toBe(1);
});

test('tables of an older version are told with their remedy', async () => {
  const store = { ...tests.store, database: 'system' };
  await expect(claimEpoch(store, { topic: 'state', id: 'a' })).rejects.toThrow(/queuefold setup/);
});
