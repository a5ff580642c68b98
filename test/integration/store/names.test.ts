import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { TABLE_COLUMNS } from '../../../src/conversation';
import type { StoreRow } from '../../../src/store/encode';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';
import { tombstone, upsert, writerInto } from '../../support/clickhouse/store-rows';

let tests: TestStore;
beforeAll(async () => {
  tests = await storeForTests();
});
afterAll(() => tests.close());
beforeEach(() => tests.clear());

const of = (name: string): string => `\`${tests.store.database}\`.${name}`;
const put = (...rows: readonly StoreRow[]): Promise<void> => writerInto(tests.store).put(...rows);

async function named(kind: string, id: string, name: string, version = 1, deleted = 0): Promise<void> {
  const values = `('${kind}', '${id}', '${name}', ${version}, ${deleted})`;
  await tests.store.client.command({
    query: `INSERT INTO ${of('names')} (kind, id, name, version, deleted) SETTINGS async_insert = 0 VALUES ${values}`,
  });
}

describe('queue_conversation_named', () => {
  const names = () =>
    tests.rows(
      `SELECT queue_name, user_name, routing_skill_names FROM ${of('queue_conversation_named')} ORDER BY conversation_id`,
    );

  test('has names beside the ids; an unknown name is the id, and what is null stays null', async () => {
    await put(
      upsert(1, { conversation_id: 'c1', user_id: 'u1', routing_skill_id: 's1,s2,s1' }),
      upsert(2, { conversation_id: 'c2', queue_id: 'q2', user_id: 'u2' }),
    );
    expect(await names()).toEqual([
      { queue_name: 'q1', user_name: 'u1', routing_skill_names: 's1, s2, s1' },
      { queue_name: 'q2', user_name: 'u2', routing_skill_names: null },
    ]);
    await named('queue', 'q1', 'Billing');
    await named('user', 'u1', 'Ada');
    await named('skill', 's1', 'Spanish');
    // A name of another kind is none.
    await named('skill', 'u2', 'Wrong');
    expect(await names()).toEqual([
      { queue_name: 'Billing', user_name: 'Ada', routing_skill_names: 'Spanish, s2, Spanish' },
      { queue_name: 'q2', user_name: 'u2', routing_skill_names: null },
    ]);
  });

  test('takes the newest name, and the id again when it is deleted or empty', async () => {
    await put(upsert(1, { user_id: 'u1' }));
    await named('queue', 'q1', 'New', 5);
    await named('queue', 'q1', 'Old', 4);
    await named('user', 'u1', '', 1);
    expect(await names()).toMatchObject([{ queue_name: 'New', user_name: 'u1' }]);
    await named('queue', 'q1', '', 6, 1);
    expect(await names()).toMatchObject([{ queue_name: 'q1' }]);
  });

  test('has the rows and the 22 columns of queue_conversation, and three more', async () => {
    await put(upsert(1), upsert(2, { conversation_id: 'c2' }), tombstone(3));
    const [row, ...others] = await tests.rows(`SELECT * FROM ${of('queue_conversation_named')}`);
    expect(others).toEqual([]);
    expect(Object.keys(row ?? {})).toEqual([...TABLE_COLUMNS, 'queue_name', 'user_name', 'routing_skill_names']);
    expect(row).toMatchObject({ conversation_id: 'c2' });
  });
});

test('queue_live has the queues’ names beside their ids: waiting, oldest wait, alerting, talking, after-call work', async () => {
  const talks = { purpose: 'agent', user_id: 'u1', waiting: false };
  await put(
    upsert(1, { conversation_id: 'w1', queue_connected_time: Date.UTC(2026, 2, 1, 11) }),
    upsert(2, { conversation_id: 'w2', queue_connected_time: Date.UTC(2026, 2, 1, 10) }),
    upsert(3, { conversation_id: 'a1', purpose: 'agent', state: 'alerting' }),
    upsert(4, { conversation_id: 't1', ...talks }),
    upsert(5, { conversation_id: 'p1', ...talks, state: 'disconnected', acw_state: 'pending' }),
    upsert(6, { conversation_id: 'other', queue_id: 'q2', media_type: null }),
  );
  await named('queue', 'q1', 'Billing');
  const rows = await tests.rows(`SELECT * EXCEPT (oldest_wait_seconds) FROM ${of('queue_live')} ORDER BY queue_id`);
  expect(rows).toEqual([
    {
      queue_id: 'q1',
      queue_name: 'Billing',
      media_type: 'Voice',
      conversations: '5',
      alerting: '1',
      waiting_now: '3',
      offered: '1',
      oldest_waiting_since: '2026-03-01T10:00:00.000Z',
      talking: '1',
      after_call_work: '1',
    },
    expect.objectContaining({ queue_name: 'q2', media_type: null, conversations: '1' }),
  ]);
});
