import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createPartitionFold, DEFAULT_FOLD_SETTINGS } from '../../../src/conversation';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { writerInto } from '../../support/clickhouse/store-rows';
import { eventOf } from '../../support/conversation/conversation-fold';
import { storeRows } from '../../support/naive/naive-history';

/** Consults and conferences of public reports: agent and caller go on talking when a colleague or a queue is out again. */
const recordsOf = (folder: string, name: string, lines?: number) => {
  const partition = createPartitionFold(DEFAULT_FOLD_SETTINGS);
  return readFileSync(join(__dirname, '../../fixtures', folder, `${name}.input.ndjson`), 'utf8')
    .split('\n')
    .slice(0, lines)
    .map(eventOf)
    .filter((event) => event !== null)
    .flatMap((event) => partition.apply(event).records);
};

let tests: TestStore;
beforeAll(async () => {
  tests = await storeForTests();
});
afterAll(() => tests.close());
beforeEach(() => tests.clear());

const board = () =>
  tests.rows(
    `SELECT queue_id, conversations, talking, alerting, waiting_now FROM ${tests.store.database}.queue_live ORDER BY queue_id`,
  );

describe('queue_live', () => {
  test.each(['consult-declined', 'consult-queue-cancelled', 'conference-left'])(
    'counts one who talks at the end of %s, in the queue of the caller',
    async (name) => {
      await writerInto(tests.store).put(...storeRows(recordsOf('findings', name)));
      const queue_id = '11111111-1111-4111-8111-111111111111';
      expect(await board()).toEqual([{ queue_id, conversations: '1', talking: '1', alerting: '0', waiting_now: '0' }]);
    },
  );

  test('shows a consulted queue, and that it rings there, while the consult lasts (docs/reference/data-dictionary.md)', async () => {
    const counts = { conversations: '1', talking: '0', alerting: '0', waiting_now: '0' };
    await writerInto(tests.store).put(...storeRows(recordsOf('cases', '16c-consult-answered', 2)));
    expect(await board()).toEqual([{ ...counts, queue_id: 'Q2', waiting_now: '1' }]);
    await tests.clear();
    await writerInto(tests.store).put(...storeRows(recordsOf('cases', '16c-consult-answered', 3)));
    expect(await board()).toEqual([{ ...counts, queue_id: 'Q2', alerting: '1' }]);
  });
});
