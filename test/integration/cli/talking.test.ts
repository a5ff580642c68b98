import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { boardModel } from '../../../src/cli/board';
import { countRows, createPartitionFold, DEFAULT_FOLD_SETTINGS } from '../../../src/conversation';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { writerInto } from '../../support/clickhouse/store-rows';
import { eventOf } from '../../support/conversation/conversation-fold';
import { aRow, NOON } from '../../support/conversation/rows';
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
    const counts = { conversations: '1', talking: '0', alerting: '0', waiting_now: '1' };
    await writerInto(tests.store).put(...storeRows(recordsOf('cases', '16c-consult-answered', 2)));
    expect(await board()).toEqual([{ ...counts, queue_id: 'Q2' }]);
    await tests.clear();
    await writerInto(tests.store).put(...storeRows(recordsOf('cases', '16c-consult-answered', 3)));
    expect(await board()).toEqual([{ ...counts, queue_id: 'Q2', alerting: '1' }]);
  });
});

test('the terminal, the live board and queue_live count the same rows alike', async () => {
  const purposes = ['agent', 'user', 'acd', 'customer', null];
  const states = ['alerting', 'contacting', 'dialing', 'offering', 'connected', 'disconnected', null];
  const rows = purposes
    .flatMap((purpose) => states.flatMap((state) => [true, false].map((waiting) => ({ purpose, state, waiting }))))
    .map((differences, index) =>
      aRow({
        ...differences,
        conversation_id: `c${index}`,
        queue_id: `q${index % 3}`,
        acw_state: index % 5 === 0 ? 'pending' : null,
        // The oldest of each queue does not wait, the oldest that waits is being offered, and so on.
        queue_connected_time: NOON + ((index * 7) % 11) * 1_000 + (differences.waiting ? 500 : 0),
      }),
    );
  await writerInto(tests.store).put(
    ...rows.map((row, offset) => ({ kind: 'row', row, partition: 0, offset }) as const),
  );
  const stored = await tests.rows(
    `SELECT queue_id AS queueId, toUInt32(conversations) AS conversations, toUInt32(waiting_now) AS waiting,
            toUInt32(offered) AS offered, toUnixTimestamp64Milli(oldest_waiting_since) AS oldest,
            toUInt32(alerting) AS alerting, toUInt32(talking) AS talking, toUInt32(after_call_work) AS afterCallWork
     FROM ${tests.store.database}.queue_live ORDER BY queue_id`,
  );
  const inClickHouse = stored.map(({ oldest, ...counts }) => ({ ...counts, oldestWaitingSince: Number(oldest) }));
  const onTheBoard = ['q0', 'q1', 'q2'].map((queueId) => ({
    queueId,
    ...countRows(rows.filter(({ queue_id }) => queue_id === queueId)),
  }));
  expect(onTheBoard.every(({ waiting, offered, alerting }) => waiting > offered && alerting > offered)).toBe(true);
  expect(inClickHouse).toEqual(onTheBoard);
  expect(boardModel(rows, NOON).queues).toEqual(onTheBoard);
});
